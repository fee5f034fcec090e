//! `stall`: the answer begins, and then nothing more comes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Stop, Then};
use super::{Fault, Hang, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::{HumanDuration, Size};

/// Where the answer stops, and for how long.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Bytes of the body that still come; none when left out: the headers alone.
    #[serde(default)]
    pub after: Size,
    /// For how long nothing comes; until the fault ends when left out, and then the connection is
    /// reset.
    #[serde(default)]
    pub lasts: Option<HumanDuration>,
}

impl From<Size> for Params {
    fn from(after: Size) -> Self {
        Self { after, lasts: None }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Stall(Params);

impl Known for Stall {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "stall";
    const SUMMARY: &'static str = "the answer's headers and so many bytes of its body come, then nothing more for a time, or until the fault ends";
    const EXAMPLE: &'static str = "stall: { after: 0B, lasts: 5s }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for Stall {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.down.stop_at(Stop {
            after: self.0.after.0,
            then: match self.0.lasts {
                Some(time) => Then::Pause(time.0),
                None => Then::Silence,
            },
        });
    }

    fn hang(&self) -> Option<Hang> {
        self.0.lasts.is_none().then_some(Hang::Headers)
    }

    fn describe(&self) -> String {
        match self.0.lasts {
            Some(time) => format!("stall for {time} after {} of the body", self.0.after),
            None if self.0.after.0 == 0 => "stall after the headers".to_owned(),
            None => format!("stall after {} of the body", self.0.after),
        }
    }
}
