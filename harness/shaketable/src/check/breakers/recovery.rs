//! `recovery`: the system is itself again soon after the fault.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::HumanDuration;

use crate::check::normal::Normal;
use crate::check::view::{View, nanos, time};
use crate::check::{Check, Known, Verdict};
use crate::record::{Call, Nanos, Phase, PhaseMark, Recording};

/// The parameters of `recovery`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The latest moment, from the end of the faults.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

/// Our proposal; a longer one where breakers stay open for longer.
fn within() -> HumanDuration {
    HumanDuration(Duration::from_secs(5))
}

impl Known for Recovery {
    const NAME: &'static str = "recovery";
    const HOLDS_WHEN: &'static str =
        "from some moment within the bound, every window of 3 s has the goodput and latency of the baseline";
    const EXAMPLE: &'static str = "recovery: { within: 5s }";
}

const CLAIM: &str = "the system is itself again soon after the fault";
/// The length of a window.
const WINDOW: Nanos = 3_000_000_000;
/// How far the windows are apart.
const STEP: Nanos = 100_000_000;
/// The share of the baseline's goodput that counts as itself again.
const GOODPUT: f64 = 0.95;

impl Check for Recovery {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let verdict = Verdict::about(Self::NAME, "all calls", CLAIM).measured("-", format!("≤ {}", self.within));
        let Some(mark) = view.phase(Phase::Recovery) else {
            return vec![verdict.inconclusive("the recovery phase was not reached")];
        };
        let normals: Vec<Option<Normal>> =
            (0_u16..).zip(&recording.classes).map(|(class, _)| Normal::of(&view, |call| call.class == class)).collect();
        let judged = |call: &Call| normals.get(usize::from(call.class)).and_then(Option::as_ref);
        let mut calls: Vec<(Nanos, bool)> = view
            .calls(mark)
            .filter_map(|call| judged(call).map(|normal| (call.intended - mark.from, normal.keeps_by_itself(&view, call))))
            .collect();
        calls.sort_unstable();
        let (good, all) = normals.iter().flatten().fold((0.0, 0.0), |(good, all), normal| {
            (good + normal.goodput * normal.calls as f64, all + normal.calls as f64)
        });
        let goodput = if all > 0.0 { good / all } else { 0.0 };
        let verdict = verdict.exercised(calls.len(), "calls");
        if goodput < 0.5 {
            return vec![verdict.inconclusive("the baseline has too few calls, or it did not work even then").wants_more(Phase::Baseline)];
        }
        vec![self.decide(mark, &calls, goodput, verdict)]
    }
}

/// A moment after the end of the faults, in words.
fn moment(after: Nanos) -> String {
    if after == 0 { "at once".to_owned() } else { time(after) }
}

impl Recovery {
    fn decide(&self, mark: PhaseMark, calls: &[(Nanos, bool)], goodput: f64, verdict: Verdict) -> Verdict {
        let within = nanos(self.within.0);
        let length = mark.until - mark.from;
        if length < WINDOW {
            return verdict.inconclusive("the recovery phase is shorter than a window of 3 s").wants_more(Phase::Recovery);
        }
        let mut last_bad = None;
        let mut from = 0;
        while from + WINDOW <= length {
            let first = calls.partition_point(|(at, _)| *at < from);
            let last = calls.partition_point(|(at, _)| *at < from + WINDOW);
            let (n, good) = (last - first, calls[first..last].iter().filter(|(_, good)| *good).count());
            if n == 0 || (good as f64) < GOODPUT * goodput * n as f64 {
                last_bad = Some(from);
            }
            from += STEP;
        }
        let back_at = last_bad.map_or(0, |bad| bad + STEP);
        let held_for = length - back_at;
        let verdict = verdict.evidence(format!(
            "{} of {} calls of the recovery phase were good and on time; {:.1}% in the baseline",
            calls.iter().filter(|(_, good)| *good).count(),
            calls.len(),
            goodput * 100.0
        ));
        let bound = format!("≤ {}", self.within);
        let next = "look for a breaker that stays open, a backlog that is still worked off, or connections that nobody renews";
        if back_at + WINDOW > length {
            let verdict = verdict.measured(format!("not within {}", time(length)), bound);
            return if length >= within + WINDOW {
                verdict.fail(format!("{} after the fault the system is still not itself again", time(length)), next)
            } else {
                verdict
                    .inconclusive(format!("not itself again within {}, but the phase was too short to say never", time(length)))
                    .wants_more(Phase::Recovery)
            };
        }
        let verdict = verdict.measured(moment(back_at), bound).evidence(format!("it held for {}", time(held_for)));
        if back_at <= within { verdict.pass() } else { verdict.fail(format!("it took {} to recover", time(back_at)), next) }
    }
}
