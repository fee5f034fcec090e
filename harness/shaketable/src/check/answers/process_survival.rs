//! `process_survival`: no target dies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::{Check, Known, Verdict};
use crate::names::{EdgeName, RequestName, ServiceName};
use crate::record::{Phase, Recording};

/// The parameters of `process_survival`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSurvival {
    /// Only this service; every one that was started when left out.
    #[serde(default)]
    pub service: Option<ServiceName>,
}

impl Known for ProcessSurvival {
    const NAME: &'static str = "process_survival";
    const HOLDS_WHEN: &'static str = "no target exits by itself; always on";
    const EXAMPLE: &'static str = "process_survival: {}";
}

impl Check for ProcessSurvival {
    fn judge(&self, _recording: &Recording) -> Vec<Verdict> {
        Vec::new()
    }
}
