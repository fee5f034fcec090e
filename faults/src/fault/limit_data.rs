//! `limit_data`: a connection ends after so many bytes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Stop, Then};
use super::{Break, Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// How many, and how it ends.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// So many bytes pass.
    pub after: Size,
    /// How the connection ends then; in an orderly way (FIN) when left out.
    #[serde(default = "close")]
    pub by: Break,
    /// Which bytes count.
    #[serde(default)]
    pub direction: Direction,
}

fn close() -> Break {
    Break::Close
}

impl From<Size> for Params {
    fn from(after: Size) -> Self {
        Self {
            after,
            by: close(),
            direction: Direction::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct LimitData(Params);

impl Known for LimitData {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "limit_data";
    const SUMMARY: &'static str =
        "so many bytes pass (on HTTP: of the body), then the connection is closed, or reset";
    const EXAMPLE: &'static str = "limit_data: { after: 1KiB, by: close, direction: up }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for LimitData {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.0.direction.each(treatment, |flow| {
            flow.stop_at(Stop {
                after: self.0.after.0,
                then: Then::Break(self.0.by),
            });
        });
    }

    fn describe(&self) -> String {
        let Params {
            after,
            by,
            direction,
        } = self.0;
        format!("{} after {after}{}", by.name(), direction.suffix())
    }
}
