//! `slo`: a percentile of a phase keeps its bound.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `slo`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// The phase that is judged.
    #[serde(default = "phase")]
    pub phase: Phase,
    /// Only calls of this request; all when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
    /// The bound on the median.
    #[serde(default)]
    pub p50: Option<HumanDuration>,
    /// The bound on the 95th percentile.
    #[serde(default)]
    pub p95: Option<HumanDuration>,
    /// The bound on the 99th percentile.
    #[serde(default)]
    pub p99: Option<HumanDuration>,
    /// The bound on the slowest call.
    #[serde(default)]
    pub max: Option<HumanDuration>,
    /// The least share of calls that succeed.
    #[serde(default)]
    pub success: Option<Percent>,
}

fn phase() -> Phase {
    Phase::Baseline
}

impl Known for Slo {
    const NAME: &'static str = "slo";
    const HOLDS_WHEN: &'static str = "the percentiles of a phase keep their bounds, and enough calls succeed";
    const EXAMPLE: &'static str = "slo: { phase: fault, p95: 200ms, success: 99% }";
}

impl Check for Slo {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
