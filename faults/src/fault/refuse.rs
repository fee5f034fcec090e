//! `refuse`: nothing listens.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Door, Fault, Known, Level, On, Short, Treatment};
use crate::dice::Dice;

/// What becomes of the connections that are there.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The connections that are already there.
    pub established: Established,
}

/// What becomes of the connections that are there when a port shuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Established {
    /// They are reset, as when the process is gone.
    Cut,
    /// They go on, as behind a firewall that turns new ones away.
    Keep,
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self {
            established: Established::Cut,
        }
    }
}

/// Connection refused, as when the callee's process is gone.
#[derive(Clone, Copy, Debug)]
pub struct Refuse(Params);

impl Known for Refuse {
    type Params = Short<On, Params>;
    const NAME: &'static str = "refuse";
    const SUMMARY: &'static str = "nothing listens: connections are refused, established ones are reset (or kept: `refuse: { established: keep }`)";
    const EXAMPLE: &'static str = "refuse: true";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for Refuse {
    fn level(&self) -> Level {
        Level::Door
    }

    fn door(&self) -> Door {
        Door::Shut {
            cut: self.0.established == Established::Cut,
        }
    }

    fn treat(&self, _: &mut Dice, _: &mut Treatment) {}

    fn describe(&self) -> String {
        match self.0.established {
            Established::Cut => "refuse (nothing listens)".to_owned(),
            Established::Keep => "refuse new connections".to_owned(),
        }
    }
}
