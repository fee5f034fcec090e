//! `recovery`: the system is itself again soon after the fault.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `recovery`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The latest moment, from the end of the faults.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

/// Our proposal; a longer one where breakers stay open for longer.
fn within() -> HumanDuration {
    HumanDuration(Duration::from_secs(5))
}

impl Known for Recovery {
    const NAME: &'static str = "recovery";
    const HOLDS_WHEN: &'static str = "from some moment within the bound, every window of 3 s has the goodput and latency of the baseline";
    const EXAMPLE: &'static str = "recovery: { within: 5s }";
}

impl Check for Recovery {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
