//! `no_pool_exhaustion`: no pool of the caller runs dry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `no_pool_exhaustion`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoPoolExhaustion {
    /// The caller; every caller of a faulted edge when left out.
    #[serde(default)]
    pub service: Option<ServiceName>,
}

impl Known for NoPoolExhaustion {
    const NAME: &'static str = "no_pool_exhaustion";
    const HOLDS_WHEN: &'static str = "the caller does not queue behind a full pool while calls that do not need the edge suffer";
    const EXAMPLE: &'static str = "no_pool_exhaustion: { service: order }";
}

impl Check for NoPoolExhaustion {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
