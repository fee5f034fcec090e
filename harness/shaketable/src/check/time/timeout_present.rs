//! `timeout_present`: a caller gives up on a hung dependency by itself.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `timeout_present`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeoutPresent {
    /// The edge; every hung edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The latest moment at which the caller closes, from the start of the exchange.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

/// Longer than any caller should wait for one answer (our proposal).
fn within() -> HumanDuration {
    HumanDuration(Duration::from_secs(5))
}

impl Known for TimeoutPresent {
    const NAME: &'static str = "timeout_present";
    const HOLDS_WHEN: &'static str = "the caller gives up on a hung edge by itself, within the bound";
    const EXAMPLE: &'static str = "timeout_present: { within: 5s }";
}

impl Check for TimeoutPresent {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
