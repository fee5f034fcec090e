//! `fast_failure`: calls end fast while a dependency misbehaves, well or badly.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::HumanDuration;

use crate::check::latency::{Judged, Percentile};
use crate::check::view::View;
use crate::check::{Check, Known, Page, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase};

/// The parameters of `fast_failure`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FastFailure {
    /// The bound on the 99th percentile, from the intended send time.
    #[serde(default = "p99")]
    pub p99: HumanDuration,
    /// Only calls of this request; all when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
}

/// What a refused dependency allows (our proposal).
fn p99() -> HumanDuration {
    HumanDuration(Duration::from_secs(1))
}

impl Known for FastFailure {
    const NAME: &'static str = "fast_failure";
    const HOLDS_WHEN: &'static str = "the 99th percentile of the calls in the fault phase lies within the bound, successes and failures alike";
    const EXAMPLE: &'static str = "fast_failure: { p99: 500ms }";
    const PAGE: Page = Page {
        measures: "The 99th percentile of the latency of calls that need the faulted edge, from the moment at which they were due, over the whole fault phase. A pass when a Wilson 95% interval of the share over the bound lies within 1%, a failure when it lies beyond, with the machine's own stalls taken off.",
        recipe: "The suite's load, while the edge hangs.",
        defaults: "`p99: 1s` is our proposal for a dependency that refuses.",
        inconclusive: "Too few calls for the percentile; calls that were still open; calls over the bound while the machine stalled.",
    };
}

const CLAIM: &str = "calls end fast while the fault lasts, well or badly";

impl Check for FastFailure {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let faulted = view.faulted_edges();
        let about = self
            .request
            .as_ref()
            .map_or_else(|| "all calls".to_owned(), RequestName::to_string);
        let verdict = Verdict::about(Self::NAME, about, CLAIM);
        let Some(mark) = view.phase(Phase::Fault) else {
            return vec![verdict.inconclusive("the fault phase was not reached")];
        };
        if faulted.is_empty() {
            return vec![verdict.inconclusive("this experiment has no fault")];
        }
        if let Some(why) = view.nobody_made(self.request.as_ref()) {
            return vec![verdict.inconclusive(why)];
        }
        let wanted = |call: &&Call| {
            self.request
                .as_ref()
                .is_none_or(|name| name.0 == view.class_name(call.class))
        };
        let all: Vec<&Call> = view.calls(mark).filter(wanted).collect();
        if all.is_empty() {
            return vec![
                verdict
                    .inconclusive("there were no calls to judge")
                    .wants_more(Phase::Fault),
            ];
        }
        // Calls that never touch the faulted edge would only dilute those that do, and so would
        // calls that touch it now and then.
        let needs = |call: &&Call| {
            faulted
                .iter()
                .any(|edge| view.class_needs(call.class, *edge))
        };
        let reaches = |call: &&Call| {
            faulted
                .iter()
                .any(|edge| view.class_reaches(call.class, *edge))
        };
        let (always, other): (Vec<&Call>, Vec<&Call>) = all.into_iter().partition(needs);
        let sometimes: Vec<&Call> = other.into_iter().filter(reaches).collect();
        let groups = [
            (always, "calls that need the edge"),
            (sometimes, "calls that need the edge now and then"),
        ];
        let verdicts: Vec<Verdict> = groups
            .into_iter()
            .filter(|(calls, _)| !calls.is_empty())
            .map(|(calls, whose)| self.judge_calls(view, &calls, whose, verdict.clone()))
            .collect();
        if verdicts.is_empty() {
            return vec![verdict.inconclusive(
                "there was no call that needs the faulted edge, as far as is known",
            )];
        }
        verdicts
    }
}

impl FastFailure {
    fn judge_calls(
        &self,
        view: &View<'_>,
        calls: &[&Call],
        whose: &str,
        verdict: Verdict,
    ) -> Verdict {
        let percentile = Percentile {
            q: 0.99,
            bound: self.p99,
            name: "p99",
        };
        let good = calls.iter().filter(|call| call.is_good()).count();
        let mut verdict = verdict
            .exercised(calls.len(), whose)
            .evidence(format!("{good} of {} {whose} succeeded", calls.len()));
        if !view
            .recording
            .faults
            .iter()
            .any(|fault| fault.hang.is_some() || fault.delay.is_some())
        {
            verdict = verdict
                .evidence("no hang or delay was among the faults: it stands for what was tried");
        }
        let (judged, verdict) = percentile.judge(view, calls, verdict);
        match judged {
            Judged::Holds => verdict.pass(),
            Judged::Breaks(worst) => verdict.fail(
                format!("{whose} took {worst} while the fault lasted"),
                "look for a missing timeout, retries that wait for each other, or a queue in front of a full pool",
            ),
            Judged::Unknown(why) => verdict.inconclusive(why).wants_more(Phase::Fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{Comes, FAULT, HandMade, MS, NEVER, S, bad, good, timed_out};
    use crate::record::Nanos;

    const OFTEN: Nanos = 10 * MS;

    fn check() -> FastFailure {
        FastFailure {
            p99: HumanDuration(Duration::from_millis(500)),
            request: None,
        }
    }

    fn orders(comes: Comes) -> HandMade {
        HandMade::order().hang(0).calls(0, FAULT, OFTEN, comes)
    }

    #[test]
    fn fast_successes_and_failures_pass_up_to_the_bound_itself() {
        orders(good(10 * MS)).judged_by(&check()).passes();
        orders(bad(500 * MS)).judged_by(&check()).passes();
        orders(bad(500 * MS + 1)).judged_by(&check()).fails("p99");
    }

    #[test]
    fn calls_that_never_end_fail() {
        orders(NEVER).judged_by(&check()).fails("≥");
        orders(timed_out(10 * S)).judged_by(&check()).fails("p99");
    }

    #[test]
    fn a_client_that_leaves_before_the_bound_proves_nothing() {
        orders(timed_out(400 * MS)).judged_by(&check()).is_open("");
        let some_hang = HandMade::order()
            .hang(0)
            .calls(0, FAULT, OFTEN, bad(10 * MS))
            .calls(0, FAULT, 25 * OFTEN, timed_out(400 * MS));
        some_hang.judged_by(&check()).is_open("gave up");
    }

    #[test]
    fn calls_that_are_open_for_longer_than_all_others_took_prove_nothing() {
        let patient = FastFailure {
            p99: HumanDuration(Duration::from_secs(30)),
            request: None,
        };
        let made = orders(bad(10 * MS)).calls(0, FAULT, 25 * OFTEN, NEVER);
        made.judged_by(&patient).is_open("open");
    }

    #[test]
    fn a_few_calls_in_mid_flight_take_no_pass_away() {
        let made = orders(bad(100 * MS)).until(FAULT.end);
        let made = made.with(|recording| {
            let end = recording.end;
            for call in &mut recording.calls {
                if call.end.is_some_and(|ended| ended > end) {
                    (call.end, call.status) = (None, None);
                }
            }
        });
        made.judged_by(&check()).passes();
    }

    #[test]
    fn few_calls_decide_nothing() {
        let made = HandMade::order()
            .hang(0)
            .calls(0, FAULT, 100 * MS, bad(10 * MS));
        let verdict = made.judged_by(&check());
        verdict.is_open("do not decide");
        assert_eq!(verdict.wants_more, Some(Phase::Fault));
    }

    #[test]
    fn what_was_not_exercised_is_not_judged() {
        HandMade::order()
            .hang(0)
            .judged_by(&check())
            .is_open("no calls");
        orders(bad(MS))
            .until(FAULT.start)
            .judged_by(&check())
            .is_open("not reached");
        let unshaken = HandMade::order().calls(0, FAULT, OFTEN, good(MS));
        unshaken.judged_by(&check()).is_open("no fault");
        let other = HandMade::order().hang(0).calls(1, FAULT, OFTEN, good(MS));
        other.judged_by(&check()).is_open("no call that needs");
        let unsurveyed = HandMade::new(&["a -> b"])
            .unsurveyed_class("GET /", "a")
            .hang(0)
            .calls(0, FAULT, OFTEN, good(MS));
        unsurveyed.judged_by(&check()).is_open("no call that needs");
    }

    #[test]
    fn calls_that_do_not_need_the_edge_do_not_dilute_those_that_do() {
        let made = HandMade::order()
            .hang(0)
            .calls(1, FAULT, MS, good(MS))
            .calls(0, FAULT, 100 * OFTEN, timed_out(5 * S));
        made.judged_by(&check()).fails("p99");
    }

    #[test]
    fn calls_that_need_the_edge_now_and_then_are_judged_too() {
        let made = HandMade::order()
            .class("GET /cached", "order", &[])
            .serial(2, &[0])
            .hang(0)
            .calls(0, FAULT, OFTEN, bad(10 * MS))
            .calls(2, FAULT, OFTEN, timed_out(5 * S));
        let verdicts = made.all_judged_by(&check());
        verdicts[0].passes();
        verdicts[1].fails("now and then");
    }

    #[test]
    fn only_the_named_request_is_judged() {
        let named = FastFailure {
            request: Some("POST /orders".parse().unwrap()),
            ..check()
        };
        orders(good(MS))
            .calls(1, FAULT, OFTEN, good(9 * S))
            .judged_by(&named)
            .passes();
        let unknown = FastFailure {
            request: Some("GET /".parse().unwrap()),
            ..check()
        };
        orders(good(MS))
            .judged_by(&unknown)
            .is_open("no call of `GET /` was seen");
    }

    #[test]
    fn a_stall_of_the_machine_excuses_but_acquits_nobody() {
        let made = orders(bad(600 * MS));
        let stalled = (0..100).fold(made.clone(), |made, i| {
            made.hiccup(FAULT.start + i * 100 * MS, 90 * MS)
        });
        made.judged_by(&check()).fails("p99");
        stalled.judged_by(&check()).is_open("stalled");
    }
}
