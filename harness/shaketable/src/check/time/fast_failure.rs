//! `fast_failure`: calls end fast while a dependency misbehaves, well or badly.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `fast_failure`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FastFailure {
    /// The bound on the 99th percentile, from the intended send time.
    #[serde(default = "p99")]
    pub p99: HumanDuration,
    /// Only calls of this request; all when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
}

/// What a refused dependency allows (our proposal).
fn p99() -> HumanDuration {
    HumanDuration(Duration::from_secs(1))
}

impl Known for FastFailure {
    const NAME: &'static str = "fast_failure";
    const HOLDS_WHEN: &'static str = "the 99th percentile of the calls in the fault phase lies within the bound, successes and failures alike";
    const EXAMPLE: &'static str = "fast_failure: { p99: 500ms }";
}

impl Check for FastFailure {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
