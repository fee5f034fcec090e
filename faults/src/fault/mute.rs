//! `mute`: bytes of one direction vanish.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Mute as Muted};
use super::{Break, Fault, Hang, Known, Short, Treatment};
use crate::dice::Dice;

/// Which way.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Which bytes vanish: `up` the caller's, `down` the callee's.
    pub direction: Direction,
    /// How the connection ends when the fault is lifted and bytes have been lost; with a reset
    /// when left out.
    #[serde(default = "reset")]
    pub when_lifted: Break,
}

fn reset() -> Break {
    Break::Reset
}

impl From<Direction> for Params {
    fn from(direction: Direction) -> Self {
        Self {
            direction,
            when_lifted: reset(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Mute(Params);

impl Known for Mute {
    type Params = Short<Direction, Params>;
    const NAME: &'static str = "mute";
    const SUMMARY: &'static str = "what is sent this way vanishes, and nobody is told: `down` loses answers after their effect";
    const EXAMPLE: &'static str = "mute: down";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for Mute {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.0.direction.each(treatment, |flow| {
            flow.mute = Some(Muted::new(self.0.when_lifted));
        });
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        match self.0.direction {
            Direction::Up => "mute what the caller sends".to_owned(),
            Direction::Down => "mute what the callee sends".to_owned(),
            Direction::Both => "mute both ways".to_owned(),
        }
    }
}
