//! `duplicate`: the callee gets the request more than once.

use super::{Fault, Known, Level, On, Short, Speaks, Treatment};
use crate::dice::Dice;

/// How often the callee gets it in all.
#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How often the callee gets the request, 2 to 10.
    #[schemars(range(min = 2, max = 10))]
    pub times: u32,
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self { times: 2 }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Duplicate(Params);

impl Known for Duplicate {
    type Params = Short<On, Params>;
    const NAME: &'static str = "duplicate";
    const SUMMARY: &'static str = "the callee gets the request twice (or more often), one after the other; the caller gets the last answer";
    const EXAMPLE: &'static str = "duplicate: true";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if !(2..=10).contains(&params.times) {
            return Err(format!("{} times lies outside 2 to 10", params.times));
        }
        Ok(Self(params))
    }
}

impl Fault for Duplicate {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.request.copies += self.0.times - 1;
    }

    fn describe(&self) -> String {
        format!("request sent {} times", self.0.times)
    }
}
