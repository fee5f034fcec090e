//! `process_survival`: no target dies.
//!
//! A target is the process that we started: its end is a death. What it starts itself is watched by
//! samples: a process that listened for the service, ended, and has a successor of the same name and
//! parent was started again behind a supervisor, and so was hidden a death. With what exit code it
//! ended only its supervisor knows, so workers that are renewed on purpose look the same; the suite
//! says with `restarts` how many of these are fine. Workers that came with the load and went with it are
//! no restarts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::samples::Restart;
use crate::check::view::{View, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::ServiceName;
use crate::record::{Death, Life, Recording, ServiceSeen};

/// The parameters of `process_survival`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSurvival {
    /// Only this service; every one that was started when left out.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// How many processes that listen for a service may end and be started again by what is over
    /// them, for one that renews its workers now and then; 0 when left out.
    #[serde(default)]
    pub restarts: u32,
}

impl Known for ProcessSurvival {
    const NAME: &'static str = "process_survival";
    const HOLDS_WHEN: &'static str =
        "no target exits by itself, and none is started again behind a supervisor; always on";
    const EXAMPLE: &'static str = "process_survival: {}";
    const PAGE: Page = Page {
        measures: "The processes that we started: whether one exits before it is told to.",
        recipe: "None: it is always on.",
        defaults: "Nothing is allowed.",
        inconclusive: "No process is ours to watch.",
    };
    const TIMED: bool = false;
}

impl ProcessSurvival {
    fn wants(&self, name: &str) -> bool {
        self.service
            .as_ref()
            .is_none_or(|service| service.0 == name)
    }
}

impl Check for ProcessSurvival {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let recording = view.recording;
        let wanted = |service: &&ServiceSeen| self.wants(&service.name);
        let services: Vec<&ServiceSeen> = recording.services.iter().filter(wanted).collect();
        let watched: Vec<&str> = services
            .iter()
            .filter(|service| service.ours)
            .map(|service| service.name.as_str())
            .collect();
        let about = self
            .service
            .as_ref()
            .map_or_else(|| "all services".to_owned(), ServiceName::to_string);
        let deaths: Vec<&Death> = recording
            .deaths
            .iter()
            .filter(|death| self.wants(&death.service))
            .collect();
        let hidden = Hidden::of(recording, &watched);
        let verdict = Verdict::about(Self::NAME, about, "no target dies")
            .measured(
                measured(deaths.len(), hidden.restarts.len()),
                self.restarts.to_string(),
            )
            .exercised(watched.len(), "processes");
        if watched.is_empty() {
            return vec![verdict.inconclusive(if services.iter().any(|s| s.stub) {
                "a stub is played by us and has no process that could be watched"
            } else {
                "the service was not started by us, so its process cannot be watched"
            })];
        }
        let unwatched: Vec<&str> = services
            .iter()
            .filter(|service| !service.ours && !service.stub)
            .map(|service| service.name.as_str())
            .collect();
        let verdict = match &unwatched[..] {
            [] => verdict,
            names => verdict.evidence(format!(
                "not watched, as we did not start it: {}",
                names.join(", ")
            )),
        };
        vec![self.decide(verdict, &deaths, &hidden)]
    }
}

impl ProcessSurvival {
    fn decide(&self, mut verdict: Verdict, deaths: &[&Death], hidden: &Hidden<'_>) -> Verdict {
        if let Some(first) = deaths.first() {
            verdict = verdict.evidence(format!(
                "{} ended at {}: {}",
                first.service,
                time(first.at),
                first.how
            ));
            for line in &first.log_tail {
                verdict = verdict.evidence(format!("{}: {line}", first.service));
            }
        }
        for (service, restart) in hidden.restarts.iter().take(RESTARTS_TOLD) {
            verdict = verdict.evidence(tell(service, restart));
        }
        for blind in &hidden.blind {
            verdict = verdict.evidence(blind);
        }
        if let Some(first) = deaths.first() {
            let reason = format!("{} died in mid-run ({})", first.service, first.how);
            let next = format!("read the last lines of {}'s log", first.service);
            return verdict.fail(reason, next);
        }
        if let Some((service, life)) = hidden.deaf.first() {
            let reason = format!(
                "process {} of {service} ({}), which listened, ended by {}, and nobody listens any more",
                life.pid,
                life.name,
                time(life.gone.unwrap_or_default())
            );
            let next = format!("read {service}'s log, and why its supervisor gave up");
            return verdict.fail(reason, next);
        }
        match hidden.restarts.first() {
            Some((service, _)) if hidden.restarts.len() as u64 > self.restarts.into() => {
                let of_it = hidden.restarts.iter().filter(|(of, _)| of == service);
                let reason = match of_it.count() {
                    1 => format!("{service} ended and was started again behind a supervisor"),
                    times => format!(
                        "{service} ended and was started again behind a supervisor, {times} times"
                    ),
                };
                let next = format!(
                    "read {service}'s log; if it renews its workers on purpose, say how often with `restarts`"
                );
                verdict.fail(reason, next)
            }
            _ => verdict.pass(),
        }
    }
}

/// The most restarts that are told one by one.
const RESTARTS_TOLD: usize = 10;

fn measured(died: usize, restarted: usize) -> String {
    match restarted {
        0 => format!("{died} died"),
        _ => format!("{died} died, {restarted} restarted"),
    }
}

fn tell(service: &str, restart: &Restart<'_>) -> String {
    let Restart { old, new } = restart;
    format!(
        "process {} of {service} ({}, started at {}) was gone at {}; {} took its place, started at {}",
        old.pid,
        old.name,
        time(old.started),
        time(old.gone.unwrap_or_default()),
        new.pid,
        time(new.started)
    )
}

/// What happened behind the process that we started.
struct Hidden<'a> {
    restarts: Vec<(&'a str, Restart<'a>)>,
    /// Services for which nobody listens any more, and who did last.
    deaf: Vec<(&'a str, &'a Life)>,
    /// Where none of this would have been seen, and why.
    blind: Vec<String>,
}

impl<'a> Hidden<'a> {
    fn of(recording: &'a Recording, services: &[&'a str]) -> Self {
        let view = View::new(recording);
        let mut hidden = Self {
            restarts: Vec::new(),
            deaf: Vec::new(),
            blind: Vec::new(),
        };
        for &service in services {
            let unseen = |why: &str| {
                format!("no restart of {service} behind a supervisor would be seen: {why}")
            };
            match view.sampled(service) {
                Err(why) => hidden.blind.push(unseen(why)),
                Ok(sampled) => {
                    let restarts = sampled.restarts().into_iter();
                    hidden.restarts.extend(restarts.map(|r| (service, r)));
                    let deaf = sampled.left_deaf();
                    hidden.deaf.extend(deaf.map(|life| (service, life)));
                    if !sampled.lives().iter().any(|life| life.listens) {
                        hidden
                            .blind
                            .push(unseen("none of its processes was seen to listen"));
                    }
                }
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{BASELINE, HandMade, RECOVERY, S, listener};
    use crate::record::{ListenQueue, Sample};

    fn two_services() -> HandMade {
        served(&["order", "inventory"])
    }

    /// Services that were started, of each of which one process listens.
    fn served(names: &[&str]) -> HandMade {
        names.iter().fold(HandMade::order(), |made, name| {
            let made = made.service(name, true);
            let made = made.sampled(name, BASELINE.start..RECOVERY.end, S, |_| listened_at_by(1));
            made.lives(name, vec![listener(10, 9 * S, None)])
        })
    }

    fn listened_at_by(sockets: u32) -> Sample {
        let queue = ListenQueue {
            sockets,
            ..ListenQueue::default()
        };
        Sample {
            queue: Some(queue),
            ..Sample::default()
        }
    }

    /// A worker that ends twice and is started again.
    fn restarted() -> HandMade {
        let lives = vec![
            listener(10, 9 * S, Some(22 * S)),
            listener(11, 22 * S, Some(24 * S)),
            listener(12, 24 * S, None),
        ];
        two_services().lives("order", lives)
    }

    #[test]
    fn a_restart_behind_a_supervisor_fails_and_names_both_processes() {
        let verdict = restarted().judged_by(&ProcessSurvival::default());
        verdict.fails("order ended and was started again behind a supervisor, 2 times");
        assert_eq!(
            (&*verdict.measured, &*verdict.bound),
            ("0 died, 2 restarted", "0")
        );
        assert_eq!(
            verdict.evidence[0],
            "process 10 of order (worker, started at 9s) was gone at 22s; 11 took its place, \
             started at 22s"
        );
    }

    #[test]
    fn as_many_restarts_as_the_suite_allows_are_fine() {
        let allowed = |restarts| ProcessSurvival {
            restarts,
            ..ProcessSurvival::default()
        };
        restarted().judged_by(&allowed(2)).passes();
        restarted().judged_by(&allowed(1)).fails("2 times");
    }

    #[test]
    fn another_services_restart_is_not_judged() {
        let inventory = ProcessSurvival {
            service: Some("inventory".parse().unwrap()),
            ..ProcessSurvival::default()
        };
        restarted().judged_by(&inventory).passes();
    }

    #[test]
    fn a_worker_that_nobody_starts_again_fails_when_nobody_listens_any_more() {
        let made = |sockets| {
            let made = two_services().lives("order", vec![listener(10, 9 * S, Some(22 * S))]);
            made.sampled("order", RECOVERY.end..RECOVERY.end + 1, S, move |_| {
                listened_at_by(sockets)
            })
        };
        let verdict = made(0).judged_by(&ProcessSurvival::default());
        verdict.fails("process 10 of order (worker), which listened, ended by 22s");
        made(1).judged_by(&ProcessSurvival::default()).passes();
    }

    #[test]
    fn a_death_comes_before_what_it_took_with_it() {
        let verdict = restarted()
            .death("order", 25 * S)
            .judged_by(&ProcessSurvival::default());
        verdict.fails("order died in mid-run");
        assert!(
            verdict
                .evidence
                .iter()
                .any(|line| line.contains("took its place"))
        );
    }

    #[test]
    fn a_pass_says_where_a_restart_would_not_be_seen() {
        let unseen = HandMade::order().service("order", true);
        let verdict = unseen.judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(
            verdict.evidence,
            [
                "no restart of order behind a supervisor would be seen: what its processes did is not in \
              the recording: only Linux shows it"
            ]
        );
        let quiet = two_services().lives("order", Vec::new());
        let verdict = quiet.judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(verdict.evidence.len(), 1);
        assert!(verdict.evidence[0].ends_with("none of its processes was seen to listen"));
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
            ..ProcessSurvival::default()
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
        let made = || served(&["order"]).stub("payment");
        let verdict = made().judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(verdict.exercised, 1);
        assert_eq!(verdict.evidence, [] as [&str; 0]);
        let payment = ProcessSurvival {
            service: Some("payment".parse().unwrap()),
            ..ProcessSurvival::default()
        };
        made().judged_by(&payment).is_open("has no process");
    }

    #[test]
    fn a_pass_names_whom_it_could_not_watch() {
        let made = served(&["order"]).service("legacy", false);
        let verdict = made.judged_by(&ProcessSurvival::default());
        verdict.passes();
        assert_eq!(
            verdict.evidence,
            ["not watched, as we did not start it: legacy"]
        );
    }
}
