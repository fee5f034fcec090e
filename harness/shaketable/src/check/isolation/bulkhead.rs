//! `bulkhead`: calls that do not need the faulted edge do not feel it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `bulkhead`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulkhead {
    /// Only calls of this request; every kind that needs no faulted edge when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
    /// The least share of the baseline's goodput.
    #[serde(default = "goodput")]
    pub goodput: Percent,
}

fn goodput() -> Percent {
    Percent(0.95)
}

impl Known for Bulkhead {
    const NAME: &'static str = "bulkhead";
    const HOLDS_WHEN: &'static str = "calls that do not need the faulted edge keep their goodput and latency";
    const EXAMPLE: &'static str = "bulkhead: { goodput: 95% }";
}

impl Check for Bulkhead {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
