//! `retry_amplification`: failures are not multiplied by retries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `retry_amplification`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryAmplification {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The most attempts for one call; the same as `per_call`.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// The most attempts for one call.
    #[serde(default)]
    pub per_call: Option<f64>,
    /// The most attempts for each call, on average under load.
    #[serde(default)]
    pub under_load: Option<f64>,
}

impl Known for RetryAmplification {
    const NAME: &'static str = "retry_amplification";
    const HOLDS_WHEN: &'static str = "a failing edge gets at most so many exchanges for each one that the calls needed in the baseline";
    const EXAMPLE: &'static str = "retry_amplification: { edge: order -> inventory, at_most: 2 }";
}

impl Check for RetryAmplification {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
