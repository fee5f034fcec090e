//! `corrupt`: bits flip on the way.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::Direction;
use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::Percent;

/// How many.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The share of the bytes in which one bit is wrong.
    pub bytes: Percent,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl From<Percent> for Params {
    fn from(bytes: Percent) -> Self {
        Self {
            bytes,
            direction: Direction::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Corrupt(Params);

impl Known for Corrupt {
    type Params = Short<Percent, Params>;
    const NAME: &'static str = "corrupt";
    const SUMMARY: &'static str =
        "in a share of the bytes (on HTTP: of the bodies) one bit is wrong";
    const EXAMPLE: &'static str = "corrupt: { bytes: 1%, direction: both }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for Corrupt {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.0.direction.each(treatment, |flow| {
            flow.corrupt = 1.0 - (1.0 - flow.corrupt) * (1.0 - self.0.bytes.0);
        });
    }

    fn varies(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!(
            "corrupt {} of the bytes{}",
            self.0.bytes,
            self.0.direction.suffix()
        )
    }
}
