//! `process_survival`: no target dies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::view::View;
use crate::check::view::time;
use crate::check::{Check, Known, Page, Verdict};
use crate::names::ServiceName;
use crate::record::ServiceSeen;

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
    const PAGE: Page = Page {
        measures: "The processes that we started: whether one exits before it is told to.",
        recipe: "None: it is always on.",
        defaults: "Nothing is allowed.",
        inconclusive: "No process is ours to watch.",
    };
    const TIMED: bool = false;
}

impl Check for ProcessSurvival {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let recording = view.recording;
        let wanted = |name: &str| {
            self.service
                .as_ref()
                .is_none_or(|service| service.0 == name)
        };
        let watched = recording
            .services
            .iter()
            .filter(|service| service.ours && wanted(&service.name))
            .count();
        let about = self
            .service
            .as_ref()
            .map_or_else(|| "all services".to_owned(), ServiceName::to_string);
        let deaths: Vec<_> = recording
            .deaths
            .iter()
            .filter(|death| wanted(&death.service))
            .collect();
        let verdict = Verdict::about(Self::NAME, about, "no target dies")
            .measured(format!("{} died", deaths.len()), "0")
            .exercised(watched, "processes");
        if watched == 0 {
            let stub = |service: &ServiceSeen| service.stub && wanted(&service.name);
            return vec![
                verdict.inconclusive(if recording.services.iter().any(stub) {
                    "a stub is played by us and has no process that could be watched"
                } else {
                    "the service was not started by us, so its process cannot be watched"
                }),
            ];
        }
        let unwatched: Vec<&str> = recording
            .services
            .iter()
            .filter(|s| !s.ours && !s.stub && wanted(&s.name))
            .map(|s| s.name.as_str())
            .collect();
        let verdict = match &unwatched[..] {
            [] => verdict,
            names => verdict.evidence(format!(
                "not watched, as we did not start it: {}",
                names.join(", ")
            )),
        };
        let Some(first) = deaths.first() else {
            return vec![verdict.pass()];
        };
        let mut verdict = verdict.evidence(format!(
            "{} ended at {}: {}",
            first.service,
            time(first.at),
            first.how
        ));
        for line in &first.log_tail {
            verdict = verdict.evidence(format!("{}: {line}", first.service));
        }
        let reason = format!("{} died in mid-run ({})", first.service, first.how);
        vec![verdict.fail(
            reason,
            format!("read the last lines of {}'s log", first.service),
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{HandMade, S};

    fn two_services() -> HandMade {
        HandMade::order()
            .service("order", true)
            .service("inventory", true)
    }

    #[test]
    fn whoever_lives_passes() {
        let verdict = two_services().judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(verdict.exercised, 2);
    }

    #[test]
    fn a_death_fails_and_shows_the_last_words() {
        let verdict = two_services()
            .death("order", 25 * S)
            .judged_by(&ProcessSurvival::default());
        verdict.fails("order died in mid-run (signal 9)");
        assert!(
            verdict
                .evidence
                .iter()
                .any(|line| line == "order: out of memory")
        );
    }

    #[test]
    fn only_the_named_service_is_judged() {
        let inventory = ProcessSurvival {
            service: Some("inventory".parse().unwrap()),
        };
        two_services()
            .death("order", 25 * S)
            .judged_by(&inventory)
            .passes();
        two_services()
            .death("inventory", 25 * S)
            .judged_by(&inventory)
            .fails("inventory died");
    }

    #[test]
    fn who_cannot_be_watched_is_not_judged() {
        HandMade::order()
            .judged_by(&ProcessSurvival::default())
            .is_open("not started by us");
        let theirs = HandMade::order().service("order", false);
        theirs
            .judged_by(&ProcessSurvival::default())
            .is_open("not started by us");
    }

    #[test]
    fn a_stub_is_no_process() {
        let made = || HandMade::order().service("order", true).stub("payment");
        let verdict = made().judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(verdict.exercised, 1);
        assert_eq!(verdict.evidence, [] as [&str; 0]);
        let payment = ProcessSurvival {
            service: Some("payment".parse().unwrap()),
        };
        made().judged_by(&payment).is_open("has no process");
    }

    #[test]
    fn a_pass_names_whom_it_could_not_watch() {
        let made = HandMade::order()
            .service("order", true)
            .service("legacy", false);
        let verdict = made.judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(
            verdict.evidence,
            ["not watched, as we did not start it: legacy"]
        );
    }
}
