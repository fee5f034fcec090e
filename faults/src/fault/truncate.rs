//! `truncate`: the answer breaks off in the middle.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// Where it breaks off.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Bytes of the body that still arrive.
    pub after: Size,
}

impl From<Size> for Params {
    fn from(after: Size) -> Self {
        Self { after }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Truncate(u64);

impl Known for Truncate {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "truncate";
    const SUMMARY: &'static str =
        "the answer's headers and so many bytes of its body arrive, then the connection is reset";
    const EXAMPLE: &'static str = "truncate: 10B";

    fn new(Short(_, Params { after }): Self::Params) -> Result<Self, String> {
        Ok(Self(after.0))
    }
}

impl Fault for Truncate {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.cut_body_after = Some(treatment.cut_body_after.map_or(self.0, |n| n.min(self.0)));
    }

    fn describe(&self) -> String {
        format!("truncate after {} of the body", Size(self.0))
    }
}
