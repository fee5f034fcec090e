//! `cut_idle`: the connections that nobody uses at this moment end.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Break, Fault, Known, Level, On, Short, Treatment};
use crate::dice::Dice;

/// How they end.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// With a reset (RST) or in an orderly way (FIN).
    pub by: Break,
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self { by: Break::Close }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct CutIdle(Params);

impl Known for CutIdle {
    type Params = Short<On, Params>;
    const NAME: &'static str = "cut_idle";
    const SUMMARY: &'static str = "all connections that are idle when the fault begins end at once; what comes later is untouched";
    const EXAMPLE: &'static str = "cut_idle: { by: reset }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for CutIdle {
    fn level(&self) -> Level {
        Level::Connection
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.connection.ends_idle = Some(self.0.by);
    }

    fn describe(&self) -> String {
        format!("cut idle connections ({})", self.0.by.name())
    }
}
