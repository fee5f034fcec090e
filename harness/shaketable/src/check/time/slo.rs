//! `slo`: the percentiles and the success rate of a phase keep their bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::latency::{Judged, Percentile};
use crate::check::stats::{self, Says};
use crate::check::view::{View, nanos, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase};

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
    const HOLDS_WHEN: &'static str =
        "the percentiles of a phase keep their bounds, and enough calls succeed";
    const EXAMPLE: &'static str = "slo: { phase: fault, p95: 200ms, success: 99% }";
    const PAGE: Page = Page {
        measures: "The named percentiles of a phase, from the moment at which calls were due, and the share of calls that succeeded, each with a Wilson 95% interval.",
        recipe: "None: it judges the load and the faults that the suite names.",
        defaults: "`phase: baseline`; there is no bound that is not written.",
        inconclusive: "Too few calls for a percentile; calls over the bound while the machine stalled.",
    };

    fn validate(&self) -> Result<(), String> {
        let says_something =
            self.percentiles().next().is_some() || self.max.is_some() || self.success.is_some();
        if says_something {
            Ok(())
        } else {
            Err("give at least one of p50, p95, p99, max, success".to_owned())
        }
    }
}

impl Slo {
    fn percentiles(&self) -> impl Iterator<Item = Percentile> {
        [
            (0.5, self.p50, "p50"),
            (0.95, self.p95, "p95"),
            (0.99, self.p99, "p99"),
        ]
        .into_iter()
        .filter_map(|(q, bound, name)| bound.map(|bound| Percentile { q, bound, name }))
    }
}

impl Check for Slo {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let wanted = |call: &&Call| {
            self.request
                .as_ref()
                .is_none_or(|name| name.0 == view.class_name(call.class))
        };
        let calls: Vec<&Call> = view
            .phase(self.phase)
            .into_iter()
            .flat_map(|mark| view.calls(mark))
            .filter(wanted)
            .collect();
        let whose = self
            .request
            .as_ref()
            .map_or_else(|| "all calls".to_owned(), RequestName::to_string);
        if let Some(why) = view.nobody_made(self.request.as_ref()) {
            let claim = format!("calls in the {} phase keep their bounds", self.phase.name());
            return vec![Verdict::about(Self::NAME, whose, claim).inconclusive(why)];
        }
        let claim =
            |what: &str| format!("{what} in the {} phase keeps its bound", self.phase.name());
        let about = |what: &str| {
            Verdict::about(Self::NAME, whose.clone(), claim(what)).exercised(calls.len(), "calls")
        };
        let next = "compare the latency of each edge in this phase with the baseline";

        let mut verdicts = Vec::new();
        for percentile in self.percentiles() {
            let (judged, verdict) = percentile.judge(view, &calls, about(percentile.name));
            verdicts.push(match judged {
                Judged::Holds => verdict.pass(),
                Judged::Breaks(worst) => {
                    verdict.fail(format!("{worst} in the {} phase", self.phase.name()), next)
                }
                Judged::Unknown(why) => verdict.inconclusive(why).wants_more(self.phase),
            });
        }
        if let Some(max) = self.max {
            verdicts.push(judge_slowest(
                view,
                &calls,
                max,
                about("the slowest call"),
                next,
            ));
        }
        if let Some(success) = self.success {
            let verdict =
                self.judge_success(view, &calls, success, about("the share of successes"));
            verdicts.push(verdict);
        }
        verdicts
    }
}

/// The slowest call keeps its bound when every call is known to.
fn judge_slowest(
    view: &View<'_>,
    calls: &[&Call],
    max: HumanDuration,
    verdict: Verdict,
    next: &str,
) -> Verdict {
    let bound = nanos(max.0);
    let slowest = calls.iter().map(|call| view.latency(call)).max();
    let verdict = verdict.measured(
        slowest.map_or_else(|| "-".to_owned(), time),
        format!("max ≤ {max}"),
    );
    let really_over = calls
        .iter()
        .filter(|call| view.own_latency(call) > bound)
        .count();
    let unsettled = calls
        .iter()
        .filter(|call| !view.has_settled(call, bound))
        .count();
    match slowest {
        None => verdict.inconclusive("there were no calls to judge"),
        Some(_) if really_over > 0 => {
            verdict.fail(format!("{really_over} calls took longer than {max}"), next)
        }
        Some(slowest) if slowest > bound => {
            verdict.inconclusive("calls were over the bound, but the machine stalled meanwhile")
        }
        Some(_) if unsettled > 0 => verdict.inconclusive(format!(
            "{unsettled} calls were still open, or their client gave up, before the bound"
        )),
        Some(_) => verdict.pass(),
    }
}

impl Slo {
    /// A call that the end of the recording cut short may yet have succeeded, if it is no older
    /// than the slowest that ended; a failure must stand even then.
    fn judge_success(
        &self,
        view: &View<'_>,
        calls: &[&Call],
        success: Percent,
        verdict: Verdict,
    ) -> Verdict {
        let good = calls.iter().filter(|call| call.is_good()).count();
        let ended = calls.iter().filter(|call| call.end.is_some());
        let slowest = ended
            .map(|call| view.latency(call))
            .max()
            .unwrap_or_default();
        let open = calls
            .iter()
            .filter(|call| view.is_young(call, slowest))
            .count();
        let n = calls.len();
        let share = Percent((good as f64 / n.max(1) as f64 * 1e4).round() / 1e4);
        let verdict = verdict.measured(share.to_string(), format!("≥ {success}"));
        if calls.is_empty() {
            return verdict
                .inconclusive("there were no calls to judge")
                .wants_more(self.phase);
        }
        match (
            stats::at_least(good, n, success.0),
            stats::at_least(good + open, n, success.0),
        ) {
            (Says::Holds, _) => verdict.pass(),
            (_, Says::Breaks) => verdict.fail(
                format!(
                    "{} of {n} calls failed in the {} phase",
                    n - good - open,
                    self.phase.name()
                ),
                "look at the statuses of the failed calls and at the edges that failed with them",
            ),
            (Says::Breaks, _) => verdict
                .inconclusive(format!("{open} of {n} calls were still open"))
                .wants_more(self.phase),
            (Says::Open, _) => verdict
                .inconclusive(format!("{good} of {n} successes do not decide {success}"))
                .wants_more(self.phase),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{
        BASELINE, Comes, HandMade, MS, NEVER, RECOVERY, S, bad, good, timed_out,
    };
    use crate::record::Nanos;

    const OFTEN: Nanos = 10 * MS;

    fn check(params: &str) -> Slo {
        let check: Slo = serde_json::from_str(params).unwrap();
        check.validate().unwrap();
        check
    }

    fn baseline(comes: Comes) -> HandMade {
        HandMade::order().calls(0, BASELINE, OFTEN, comes)
    }

    #[test]
    fn it_says_something() {
        assert!(
            serde_json::from_str::<Slo>("{}")
                .unwrap()
                .validate()
                .is_err()
        );
    }

    #[test]
    fn percentiles_hold_up_to_the_bound_itself() {
        let all = check(r#"{"p50": "100ms", "p95": "100ms", "p99": "100ms"}"#);
        for verdict in baseline(good(100 * MS)).all_judged_by(&all) {
            verdict.passes();
        }
        for verdict in baseline(good(100 * MS + 1)).all_judged_by(&all) {
            verdict.fails("in the baseline phase");
        }
    }

    #[test]
    fn each_percentile_allows_its_share() {
        let made = baseline(good(10 * MS)).calls(0, BASELINE, 25 * OFTEN, good(S));
        let verdicts = made.all_judged_by(&check(
            r#"{"p50": "100ms", "p95": "100ms", "p99": "100ms"}"#,
        ));
        verdicts[0].passes();
        verdicts[2].fails("p99");
    }

    #[test]
    fn a_phase_without_calls_is_not_judged() {
        let params = r#"{"p95": "1s", "max": "1s", "success": "99%"}"#;
        let made = [HandMade::order(), baseline(good(MS)).until(BASELINE.start)];
        for verdict in made
            .into_iter()
            .flat_map(|made| made.all_judged_by(&check(params)))
        {
            verdict.is_open("no calls");
        }
    }

    #[test]
    fn a_kind_of_call_that_nobody_made_is_not_judged_nor_waited_for() {
        let params = r#"{"request": "GET /order", "p95": "1s", "max": "1s", "success": "99%"}"#;
        let verdicts = baseline(good(MS)).all_judged_by(&check(params));
        assert_eq!(verdicts.len(), 1);
        verdicts[0].is_open("no call of `GET /order` was seen");
        assert_eq!(verdicts[0].wants_more, None);
    }

    #[test]
    fn the_slowest_call_is_held_to_its_bound() {
        let max = check(r#"{"max": "100ms"}"#);
        baseline(good(100 * MS)).judged_by(&max).passes();
        let slow = baseline(good(MS)).call(0, 15 * S, good(150 * MS));
        slow.clone().judged_by(&max).fails("1 calls took longer");
        slow.hiccup(15 * S + 50 * MS, 60 * MS)
            .judged_by(&max)
            .is_open("stalled");
    }

    #[test]
    fn a_call_that_was_not_seen_to_end_has_no_known_length() {
        let max = check(r#"{"max": "60s"}"#);
        baseline(good(MS))
            .call(0, 15 * S, NEVER)
            .judged_by(&max)
            .is_open("open");
        baseline(good(MS))
            .call(0, 15 * S, timed_out(S))
            .judged_by(&max)
            .is_open("gave up");
    }

    #[test]
    fn enough_calls_succeed_or_too_few() {
        let success = check(r#"{"success": "95%"}"#);
        baseline(good(MS)).judged_by(&success).passes();
        baseline(bad(MS))
            .judged_by(&success)
            .fails("failed in the baseline phase");
        baseline(good(MS))
            .calls(0, BASELINE, 18 * OFTEN, bad(MS))
            .judged_by(&success)
            .is_open("do not decide");
    }

    #[test]
    fn calls_that_the_end_cut_short_have_not_failed() {
        let success = check(r#"{"phase": "recovery", "success": "99%"}"#);
        let made = HandMade::order()
            .calls(0, RECOVERY.start..RECOVERY.end - S, OFTEN, good(S))
            .calls(0, RECOVERY.end - S..RECOVERY.end, OFTEN, NEVER);
        made.judged_by(&success).is_open("open");
    }

    #[test]
    fn calls_that_never_ended_have_failed() {
        let success = check(r#"{"success": "95%"}"#);
        baseline(NEVER)
            .judged_by(&success)
            .fails("failed in the baseline phase");
    }
}
