//! `process_survival`: no target dies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::view::time;
use crate::check::{Check, Known, Verdict};
use crate::names::ServiceName;
use crate::record::Recording;

/// The parameters of `process_survival`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
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
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let wanted = |name: &str| self.service.as_ref().is_none_or(|service| service.0 == name);
        let watched = recording.services.iter().filter(|service| service.ours && wanted(&service.name)).count();
        let about = self.service.as_ref().map_or_else(|| "all services".to_owned(), ServiceName::to_string);
        let deaths: Vec<_> = recording.deaths.iter().filter(|death| wanted(&death.service)).collect();
        let verdict = Verdict::about(Self::NAME, about, "no target dies")
            .measured(format!("{} died", deaths.len()), "0")
            .exercised(watched, "processes");
        if watched == 0 {
            return vec![verdict.inconclusive("the service was not started by us, so its process cannot be watched")];
        }
        let Some(first) = deaths.first() else {
            return vec![verdict.pass()];
        };
        let mut verdict = verdict.evidence(format!("{} ended at {}: {}", first.service, time(first.at), first.how));
        for line in &first.log_tail {
            verdict = verdict.evidence(format!("{}: {line}", first.service));
        }
        let reason = format!("{} died in mid-run ({})", first.service, first.how);
        vec![verdict.fail(reason, format!("read the last lines of {}'s log", first.service))]
    }
}
