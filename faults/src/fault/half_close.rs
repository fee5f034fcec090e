//! `half_close`: one direction ends, the other goes on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Stop, Then};
use super::{Fault, Known, Level, Short, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// Which way, and when.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The direction that ends.
    pub direction: Direction,
    /// Bytes of it that still pass.
    #[serde(default)]
    pub after: Size,
}

impl From<Direction> for Params {
    fn from(direction: Direction) -> Self {
        Self {
            direction,
            after: Size(0),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct HalfClose(Params);

impl Known for HalfClose {
    type Params = Short<Direction, Params>;
    const NAME: &'static str = "half_close";
    const SUMMARY: &'static str = "one direction ends (FIN), the other goes on";
    const EXAMPLE: &'static str = "half_close: { direction: down, after: 1KiB }";
    const SPEAKS: Speaks = Speaks::Bytes;

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if params.direction == Direction::Both {
            return Err("both directions closed is not half; see `limit_data`".to_owned());
        }
        Ok(Self(params))
    }
}

impl Fault for HalfClose {
    fn level(&self) -> Level {
        Level::Bytes
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.0.direction.each(treatment, |flow| {
            flow.stop_at(Stop {
                after: self.0.after.0,
                then: Then::HalfClose,
            });
        });
    }

    fn describe(&self) -> String {
        let way = if self.0.direction == Direction::Up {
            "caller to callee"
        } else {
            "callee to caller"
        };
        format!("half-close {way} after {}", self.0.after)
    }
}
