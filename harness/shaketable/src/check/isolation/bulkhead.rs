//! `bulkhead`: calls that do not need the faulted edge do not feel it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::Percent;

use crate::check::normal::Normal;
use crate::check::stats::{self, Says};
use crate::check::view::{View, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase, PhaseMark};

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
    const HOLDS_WHEN: &'static str = "calls that do not need the faulted edge keep their goodput, and answer within 1.5 × the baseline's p99 + 20 ms";
    const EXAMPLE: &'static str = "bulkhead: { goodput: 95% }";
    const PAGE: Page = Page {
        measures: "Of the calls that never reach the faulted edge, kind by kind: the share that succeeds within 1.5 × the p99 of the baseline + 20 ms, with a Wilson 95% interval.",
        recipe: "The suite's load, while the edge hangs; it must have calls that do not need the edge.",
        defaults: "`goodput: 95%` and the latency bound are our proposals.",
        inconclusive: "No kind of call does without the edge; too few calls; misses while the machine stalled.",
    };
}

const CLAIM: &str = "calls that do not need the faulted edge do not feel it";

/// Independent is a kind of call that never reached a faulted edge: neither when it was called alone
/// nor, as far as trace ids tell, at any other time.
impl Check for Bulkhead {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let faulted = view.faulted_edges();
        let Some(mark) = view.phase(Phase::Fault) else {
            return vec![
                Verdict::about(Self::NAME, "-", CLAIM)
                    .inconclusive("the fault phase was not reached"),
            ];
        };
        if faulted.is_empty() {
            return vec![
                Verdict::about(Self::NAME, "-", CLAIM).inconclusive("this experiment has no fault"),
            ];
        }
        if let Some(request) = &self.request
            && let Some(why) = view.nobody_made(Some(request))
        {
            return vec![Verdict::about(Self::NAME, request.to_string(), CLAIM).inconclusive(why)];
        }
        let independent: Vec<u16> = (0_u16..)
            .zip(&view.recording.classes)
            .filter(|(_, class)| {
                self.request
                    .as_ref()
                    .is_none_or(|request| request.0 == class.name)
            })
            .filter(|(class, _)| !faulted.iter().any(|edge| view.class_reaches(*class, *edge)))
            .map(|(class, _)| class)
            .collect();
        if independent.is_empty() {
            let about = self
                .request
                .as_ref()
                .map_or_else(|| "-".to_owned(), RequestName::to_string);
            let why = "every request of the load needs the faulted edge: add one that does not";
            return vec![Verdict::about(Self::NAME, about, CLAIM).inconclusive(why)];
        }
        independent
            .into_iter()
            .map(|class| self.judge_class(view, class, mark))
            .collect()
    }
}

impl Bulkhead {
    fn judge_class(&self, view: &View<'_>, class: u16, mark: PhaseMark) -> Verdict {
        let name = view.class_name(class);
        let verdict = Verdict::about(Self::NAME, name, CLAIM);
        if !view.is_surveyed(class) {
            return verdict.inconclusive(format!(
                "{name} was never called alone, so it is not known what it needs"
            ));
        }
        let Some(normal) = Normal::of(view, |call| call.class == class) else {
            return verdict
                .inconclusive(format!("the baseline has too few calls of {name}"))
                .wants_more(Phase::Baseline);
        };
        // A call that has only just begun is neither late nor lost.
        let calls: Vec<&Call> = view
            .calls(mark)
            .filter(|call| call.class == class && !view.is_young(call, normal.on_time))
            .collect();
        let verdict = verdict.exercised(calls.len(), "calls");
        if normal.goodput < 0.5 {
            return verdict.inconclusive(format!("{name} did not even work in the baseline"));
        }
        let bound = self.goodput.0 * normal.goodput;
        let good = calls.iter().filter(|call| normal.keeps(view, call)).count();
        let good_by_itself = calls
            .iter()
            .filter(|call| normal.keeps_by_itself(view, call))
            .count();
        let slowest = calls
            .iter()
            .map(|call| view.latency(call))
            .max()
            .unwrap_or_default();
        let share = good as f64 / calls.len().max(1) as f64;
        let verdict = verdict
            .measured(
                format!("{:.1}% on time", share * 100.0),
                format!("≥ {:.1}%", bound * 100.0),
            )
            .evidence(format!(
                "{good} of {} answered well within {}; in the baseline {:.1}% of {}",
                calls.len(),
                time(normal.on_time),
                normal.goodput * 100.0,
                normal.calls
            ))
            .evidence(format!("the slowest took {}", time(slowest)));
        let (as_seen, by_itself) = (
            stats::at_least(good, calls.len(), bound),
            stats::at_least(good_by_itself, calls.len(), bound),
        );
        match (as_seen, by_itself) {
            (Says::Holds, _) => verdict.pass(),
            (_, Says::Breaks) => {
                let faulted = view.faulted_edges();
                let edges: Vec<String> = faulted
                    .iter()
                    .map(|edge| view.recording.edges[*edge].to_string())
                    .collect();
                verdict.fail(
                    format!("{name} is blocked although it does not need {}: {:.1}% fail or are late", edges.join(", "), (1.0 - share) * 100.0),
                    "find what these calls share with those that wait: a connection pool, worker threads, a lock; give each dependency its own",
                )
            }
            (Says::Breaks, _) => verdict
                .inconclusive("calls were late, but the machine stalled meanwhile")
                .wants_more(Phase::Fault),
            (Says::Open, _) => verdict
                .inconclusive(format!(
                    "{good} of {} calls do not decide {:.1}%",
                    calls.len(),
                    bound * 100.0
                ))
                .wants_more(Phase::Fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{BASELINE, Comes, FAULT, HandMade, MS, NEVER, S, bad, good};
    use crate::record::{Ended, Nanos};

    const OFTEN: Nanos = 20 * MS;

    fn check() -> Bulkhead {
        Bulkhead {
            request: None,
            goodput: goodput(),
        }
    }

    /// `GET /menu` takes 10 ms in the baseline; on time is 35 ms.
    fn menu(in_the_fault: Comes) -> HandMade {
        HandMade::order()
            .hang(0)
            .calls(1, BASELINE, OFTEN, good(10 * MS))
            .calls(1, FAULT, OFTEN, in_the_fault)
    }

    #[test]
    fn calls_that_keep_their_pace_pass_up_to_the_bound_itself() {
        menu(good(10 * MS)).judged_by(&check()).passes();
        menu(good(35 * MS)).judged_by(&check()).passes();
        menu(good(35 * MS + 1))
            .judged_by(&check())
            .fails("GET /menu is blocked");
    }

    #[test]
    fn calls_that_fail_or_hang_are_blocked() {
        menu(bad(MS))
            .judged_by(&check())
            .fails("order -> inventory");
        menu(NEVER).judged_by(&check()).fails("blocked");
    }

    #[test]
    fn few_calls_decide_nothing() {
        let made = HandMade::order().hang(0);
        let too_few = made
            .calls(1, BASELINE, 600 * MS, good(MS))
            .calls(1, FAULT, OFTEN, good(MS));
        let verdict = too_few.judged_by(&check());
        verdict.is_open("too few calls");
        assert_eq!(verdict.wants_more, Some(Phase::Baseline));
        let made = HandMade::order()
            .hang(0)
            .calls(1, BASELINE, OFTEN, good(MS));
        let verdict = made
            .clone()
            .calls(1, FAULT, S, good(MS))
            .judged_by(&check());
        verdict.is_open("do not decide");
        assert_eq!(verdict.wants_more, Some(Phase::Fault));
        made.judged_by(&check()).is_open("do not decide");
    }

    #[test]
    fn what_was_not_exercised_is_not_judged() {
        menu(good(MS))
            .until(FAULT.start)
            .judged_by(&check())
            .is_open("not reached");
        let unshaken =
            HandMade::order()
                .calls(1, BASELINE, OFTEN, good(MS))
                .calls(1, FAULT, OFTEN, good(MS));
        for verdict in unshaken.all_judged_by(&check()) {
            verdict.is_open("no fault");
        }
        let one = HandMade::new(&["a -> b"]).class("GET /", "a", &[0]).hang(0);
        one.judged_by(&check()).is_open("every request");
        let broken = HandMade::order().hang(0).calls(1, BASELINE, OFTEN, bad(MS));
        broken.judged_by(&check()).is_open("did not even work");
    }

    #[test]
    fn what_a_call_needs_is_not_guessed() {
        let made = HandMade::new(&["a -> b"])
            .unsurveyed_class("GET /", "a")
            .hang(0)
            .calls(0, BASELINE, OFTEN, good(MS))
            .calls(0, FAULT, OFTEN, bad(MS));
        made.judged_by(&check()).is_open("alone");
    }

    #[test]
    fn a_call_that_needs_the_edge_only_when_its_cache_misses_is_not_independent() {
        let seen_in_the_survey = HandMade::new(&["a -> b"])
            .class("GET /", "a", &[])
            .serial(0, &[0]);
        let seen_by_its_trace = HandMade::new(&["a -> b"])
            .class("GET /", "a", &[])
            .call(0, BASELINE.start, good(10 * MS))
            .exchange(
                0,
                BASELINE.start + MS,
                Some(BASELINE.start + 9 * MS),
                Ended::Answered,
            )
            .traced(0);
        for made in [seen_in_the_survey, seen_by_its_trace] {
            let made =
                made.hang(0)
                    .calls(0, BASELINE, OFTEN, good(MS))
                    .calls(0, FAULT, OFTEN, bad(MS));
            made.judged_by(&check()).is_open("every request");
        }
    }

    #[test]
    fn a_call_that_needs_another_faulted_edge_is_not_independent() {
        let made = HandMade::new(&["a -> b", "a -> c"])
            .class("GET /b", "a", &[0])
            .class("GET /c", "a", &[1])
            .hang(0)
            .hang(1)
            .calls(1, FAULT, OFTEN, bad(MS));
        made.judged_by(&check()).is_open("every request");
    }

    #[test]
    fn the_edge_of_another_call_is_not_needed_although_the_survey_overlaps_it() {
        let made = HandMade::new(&["a -> b"])
            .class("POST /", "a", &[])
            .class("GET /", "a", &[]);
        // The first call answers at once and works on while the second is surveyed.
        let made = made.with(|recording| recording.calls.truncate(1));
        let made = made
            .exchange(0, 150 * MS, Some(200 * MS), Ended::Answered)
            .traced(0);
        let made = made.serial(1, &[]).hang(0);
        let made = made
            .calls(1, BASELINE, OFTEN, good(MS))
            .calls(1, FAULT, OFTEN, good(MS));
        made.judged_by(&check()).passes();
    }

    #[test]
    fn calls_that_have_only_just_begun_are_not_late() {
        let made = HandMade::order()
            .hang(0)
            .calls(1, BASELINE, 10 * MS, good(S));
        let made = made.calls(1, FAULT.start..24 * S, 10 * MS, good(S)).calls(
            1,
            24 * S..25 * S,
            10 * MS,
            NEVER,
        );
        made.until(25 * S).judged_by(&check()).passes();
    }

    #[test]
    fn a_stall_of_the_machine_excuses_but_acquits_nobody() {
        let made = (0..100).fold(menu(good(80 * MS)), |made, i| {
            made.hiccup(FAULT.start + i * 100 * MS, 60 * MS)
        });
        made.judged_by(&check()).is_open("stalled");
        menu(good(80 * MS)).judged_by(&check()).fails("blocked");
    }
}
