//! `drip`: the answer's body comes drop by drop, so that a timeout that each byte starts anew never
//! ends.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::Slice;
use super::{Fault, Hang, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::{HumanDuration, Size};

/// How much, how often.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The bytes of a drop; one when left out.
    #[serde(default = "one")]
    pub size: Size,
    /// The time between two drops.
    pub every: HumanDuration,
}

fn one() -> Size {
    Size(1)
}

impl From<HumanDuration> for Params {
    fn from(every: HumanDuration) -> Self {
        Self { size: one(), every }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Drip(Params);

impl Known for Drip {
    type Params = Short<HumanDuration, Params>;
    const NAME: &'static str = "drip";
    const SUMMARY: &'static str = "the answer's body (elsewhere: all that the callee sends) comes so many bytes at a time, until the fault ends";
    const EXAMPLE: &'static str = "drip: { size: 1B, every: 500ms }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if params.size.0 == 0 || params.every.0.is_zero() {
            return Err("a drip needs a `size` and a time `every` above zero".to_owned());
        }
        Ok(Self(params))
    }
}

impl Fault for Drip {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.down.slice = Some(Slice {
            size: self.0.size.0,
            variation: 0,
            gap: self.0.every.0,
        });
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Drip)
    }

    fn describe(&self) -> String {
        format!("drip {} every {}", self.0.size, self.0.every)
    }
}
