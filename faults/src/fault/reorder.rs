//! `reorder`: later requests overtake this one.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fault, Known, Level, On, Short, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::HumanDuration;

/// How many overtake it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many later requests of the edge the callee gets first.
    #[serde(default = "one")]
    pub behind: u32,
    /// After how long it goes on all the same; 1s when left out.
    #[serde(default = "second")]
    pub at_most: HumanDuration,
}

fn one() -> u32 {
    1
}

fn second() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(1))
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self {
            behind: one(),
            at_most: second(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Reorder(Params);

impl Known for Reorder {
    type Params = Short<On, Params>;
    const NAME: &'static str = "reorder";
    const SUMMARY: &'static str =
        "the request waits until so many later ones (of other connections) have overtaken it";
    const EXAMPLE: &'static str = "reorder: { behind: 1, at_most: 1s }";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if params.behind == 0 {
            return Err("behind 0 others is where it is".to_owned());
        }
        Ok(Self(params))
    }
}

impl Fault for Reorder {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.request.overtaken_by = Some((self.0.behind, self.0.at_most.0));
    }

    fn describe(&self) -> String {
        format!("reorder behind {} others", self.0.behind)
    }
}
