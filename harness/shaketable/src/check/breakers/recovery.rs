//! `recovery`: the system is itself again soon after the fault.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::HumanDuration;

use crate::check::normal::Normal;
use crate::check::stats::{self, Says};
use crate::check::view::{View, nanos, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::record::{Call, Nanos, Phase, PhaseMark};

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
    const HOLDS_WHEN: &'static str = "from some moment within the bound, every window of 3 s has the goodput and latency of the baseline";
    const EXAMPLE: &'static str = "recovery: { within: 5s }";
    const PAGE: Page = Page {
        measures: "The smallest time after the fault from which on every window of 3 s has the goodput (95%) and the latency (1.5 × p99 + 20 ms) of the baseline.",
        recipe: "The suite's load, while the edge hangs, and after.",
        defaults: "`within: 10s` is our proposal; give the longest timeout + 10 s.",
        inconclusive: "The recovery phase is shorter than the bound and a window; too few calls in a window; misses while the machine stalled.",
    };
}

const CLAIM: &str = "the system is itself again soon after the fault";
/// The length of a window.
const WINDOW: Nanos = 3_000_000_000;
/// How far the windows are apart.
const STEP: Nanos = 100_000_000;
/// The share of the baseline's goodput that counts as itself again.
const GOODPUT: f64 = 0.95;
/// Fewer calls of a kind say nothing of it.
const FEW: usize = 5;

/// A window is bad when its goodput is below that of the baseline. The check passes when no window
/// after the bound is bad; it fails when one is, beyond chance (the 95% interval of its goodput) and
/// the machine's own stalls; between the two it is inconclusive.
impl Check for Recovery {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let verdict = Verdict::about(Self::NAME, "all calls", CLAIM)
            .measured("-", format!("≤ {}", self.within));
        let Some(mark) = view.phase(Phase::Recovery) else {
            return vec![verdict.inconclusive("the recovery phase was not reached")];
        };
        if view.recording.faults.is_empty() {
            return vec![verdict.inconclusive("this experiment has no fault to recover from")];
        }
        let normals: Vec<Option<Normal>> = (0_u16..)
            .zip(&view.recording.classes)
            .map(|(class, _)| Normal::of(view, |call| call.class == class))
            .collect();
        let moment = |call: &Call| {
            let normal = normals.get(usize::from(call.class))?.as_ref()?;
            // A call that has only just begun is neither late nor lost.
            let known = !view.is_young(call, normal.on_time);
            known.then(|| Moment {
                at: call.intended.saturating_sub(mark.from),
                class: call.class,
                good: normal.keeps(view, call),
                good_by_itself: normal.keeps_by_itself(view, call),
            })
        };
        let mut calls: Vec<Moment> = view.calls(mark).filter_map(moment).collect();
        calls.sort_unstable_by_key(|call| call.at);
        let (good, all) = normals
            .iter()
            .flatten()
            .fold((0.0, 0.0), |(good, all), normal| {
                (
                    good + normal.goodput * normal.calls as f64,
                    all + normal.calls as f64,
                )
            });
        let goodput = if all > 0.0 { good / all } else { 0.0 };
        let mut verdict = verdict.exercised(calls.len(), "calls");
        if goodput < 0.5 {
            return vec![
                verdict
                    .inconclusive("the baseline has too few calls, or it did not work even then")
                    .wants_more(Phase::Baseline),
            ];
        }
        for (class, _) in (0_u16..)
            .zip(&normals)
            .filter(|(_, normal)| normal.is_none())
        {
            let name = view.class_name(class);
            verdict = verdict.evidence(format!(
                "left out, as the baseline has too few of them: {name}"
            ));
        }
        let behind = self.left_behind(view, &calls, &normals);
        vec![self.decide(view, mark, &calls, goodput, behind, verdict)]
    }
}

/// A call of the recovery phase.
#[derive(Clone, Copy)]
struct Moment {
    /// When it was due, from the end of the faults.
    at: Nanos,
    class: u16,
    /// Whether it succeeded on time, as seen.
    good: bool,
    /// The same with the machine's own stalls taken off.
    good_by_itself: bool,
}

/// Until when windows were bad: `None` if none was.
#[derive(Default)]
struct LastBad {
    /// Below the goodput, as seen: after this a pass may stand.
    seen: Option<Nanos>,
    /// Below it beyond chance and the machine's stalls: a failure stands on this.
    sure: Option<Nanos>,
}

impl LastBad {
    fn of(calls: &[Moment], goodput: f64, length: Nanos) -> Self {
        let mut bad = Self::default();
        let mut from = 0;
        while from + WINDOW <= length {
            let first = calls.partition_point(|call| call.at < from);
            let last = calls.partition_point(|call| call.at < from + WINDOW);
            let window = &calls[first..last];
            let good = window.iter().filter(|call| call.good).count();
            let good_by_itself = window.iter().filter(|call| call.good_by_itself).count();
            if window.is_empty() || (good as f64) < GOODPUT * goodput * window.len() as f64 {
                bad.seen = Some(from);
            }
            if stats::at_least(good_by_itself, window.len(), GOODPUT * goodput) == Says::Breaks {
                bad.sure = Some(from);
            }
            from += STEP;
        }
        bad
    }
}

/// A moment after the end of the faults, in words.
fn moment(after: Nanos) -> String {
    if after == 0 {
        "at once".to_owned()
    } else {
        time(after)
    }
}

impl Recovery {
    /// A kind of call that is not itself again from the bound on, however few they are among all.
    fn left_behind(
        &self,
        view: &View<'_>,
        calls: &[Moment],
        normals: &[Option<Normal>],
    ) -> Option<String> {
        let within = nanos(self.within.0);
        for (class, normal) in (0_u16..).zip(normals) {
            let Some(normal) = normal else { continue };
            let later = || {
                calls
                    .iter()
                    .filter(|call| call.class == class && call.at >= within)
            };
            let (n, good) = (
                later().count(),
                later().filter(|call| call.good_by_itself).count(),
            );
            if n >= FEW && stats::at_least(good, n, GOODPUT * normal.goodput) == Says::Breaks {
                let name = view.class_name(class);
                return Some(format!(
                    "{} of {n} calls of {name} are bad or late {} after the fault",
                    n - good,
                    self.within
                ));
            }
        }
        None
    }

    fn decide(
        &self,
        view: &View<'_>,
        mark: PhaseMark,
        calls: &[Moment],
        goodput: f64,
        behind: Option<String>,
        verdict: Verdict,
    ) -> Verdict {
        let within = nanos(self.within.0);
        // Nothing is known of a phase beyond the end of the recording.
        let length = mark.until.min(view.recording.end).saturating_sub(mark.from);
        if length < WINDOW {
            return verdict
                .inconclusive("the recovery phase is shorter than a window of 3 s")
                .wants_more(Phase::Recovery);
        }
        let bad = LastBad::of(calls, goodput, length);
        let back = |last_bad: Option<Nanos>| last_bad.map_or(0, |bad| bad + STEP);
        let never = |back_at: Nanos| back_at + WINDOW > length;
        let (seen, sure) = (back(bad.seen), back(bad.sure));
        let verdict = verdict.evidence(format!(
            "{} of {} calls of the recovery phase were good and on time; {:.1}% in the baseline",
            calls.iter().filter(|call| call.good).count(),
            calls.len(),
            goodput * 100.0
        ));
        let bound = format!("≤ {}", self.within);
        let next = "look for a breaker that stays open, a backlog that is still worked off, or connections that nobody renews";
        let measured = if never(seen) {
            format!("not within {}", time(length))
        } else {
            moment(seen)
        };
        let verdict = verdict.measured(measured, bound);
        let long_enough = length >= within.saturating_add(WINDOW);
        if never(sure) && long_enough {
            return verdict.fail(
                format!(
                    "{} after the fault the system is still not itself again",
                    time(length)
                ),
                next,
            );
        }
        if !never(sure) && sure > within {
            return verdict.fail(format!("it took {} to recover", time(sure)), next);
        }
        if let Some(behind) = behind.filter(|_| long_enough) {
            return verdict.fail(behind, next);
        }
        if !never(seen) && seen <= within {
            return verdict
                .evidence(format!("it held for {}", time(length - seen)))
                .pass();
        }
        let why = if long_enough {
            "windows of 3 s fall short of the baseline, but they hold too few calls, or the machine stalled too much, to be sure"
                .to_owned()
        } else {
            format!(
                "not itself again within {}, but the phase was too short to say never",
                time(length)
            )
        };
        verdict.inconclusive(why).wants_more(Phase::Recovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{BASELINE, FAULT, HandMade, MS, NEVER, RECOVERY, S, bad, good};

    const OFTEN: Nanos = 20 * MS;

    fn check() -> Recovery {
        Recovery {
            within: HumanDuration(Duration::from_secs(3)),
        }
    }

    /// Orders of 10 ms; on time is 35 ms.
    fn baseline() -> HandMade {
        HandMade::order()
            .fault(0)
            .calls(0, BASELINE, OFTEN, good(10 * MS))
    }

    /// Bad for so long after the fault, then as before.
    fn back_after(after: Nanos) -> HandMade {
        let back = RECOVERY.start + after;
        baseline()
            .calls(0, RECOVERY.start..back, OFTEN, bad(MS))
            .calls(0, back..RECOVERY.end, OFTEN, good(10 * MS))
    }

    #[test]
    fn a_system_that_is_itself_again_in_time_passes() {
        let verdict = back_after(0).judged_by(&check());
        verdict.passes();
        assert_eq!(verdict.measured, "at once");
        back_after(S).judged_by(&check()).passes();
        back_after(3 * S).judged_by(&check()).passes();
    }

    #[test]
    fn a_system_that_takes_longer_fails() {
        back_after(4 * S).judged_by(&check()).fails("to recover");
        back_after(10 * S)
            .judged_by(&check())
            .fails("still not itself again");
    }

    #[test]
    fn it_must_hold_not_touch() {
        let made = back_after(0).with(|recording| {
            let relapse = RECOVERY.start + 6 * S..RECOVERY.end;
            for call in &mut recording.calls {
                if relapse.contains(&call.intended) {
                    call.status = Some(503);
                }
            }
        });
        made.judged_by(&check()).fails("still not itself again");
    }

    #[test]
    fn late_calls_are_not_itself_again() {
        let made = baseline().calls(0, RECOVERY, OFTEN, good(100 * MS));
        made.clone()
            .judged_by(&check())
            .fails("still not itself again");
        let stalled = (0..100).fold(made, |made, i| {
            made.hiccup(RECOVERY.start + i * 100 * MS, 90 * MS)
        });
        stalled.judged_by(&check()).is_open("");
    }

    #[test]
    fn a_stall_of_the_machine_acquits_nobody() {
        // What the stall covers is not known to be good; after it everything was.
        let made = baseline().calls(
            0,
            RECOVERY.start..RECOVERY.start + 6 * S,
            OFTEN,
            good(100 * MS),
        );
        let made = made.calls(
            0,
            RECOVERY.start + 6 * S..RECOVERY.end,
            OFTEN,
            good(10 * MS),
        );
        let made = (0..60).fold(made, |made, i| {
            made.hiccup(RECOVERY.start + i * 100 * MS, 90 * MS)
        });
        made.judged_by(&check()).is_open("");
    }

    #[test]
    fn what_was_not_exercised_is_not_judged() {
        baseline()
            .until(RECOVERY.start)
            .judged_by(&check())
            .is_open("not reached");
        HandMade::order()
            .fault(0)
            .judged_by(&check())
            .is_open("baseline has too few");
        let broken = HandMade::order()
            .fault(0)
            .calls(0, BASELINE, OFTEN, bad(MS));
        broken.judged_by(&check()).is_open("did not work");
        back_after(0)
            .until(RECOVERY.start + S)
            .judged_by(&check())
            .is_open("shorter than a window");
        baseline().judged_by(&check()).is_open("");
        let unshaken = back_after(0).with(|recording| recording.faults.clear());
        unshaken.judged_by(&check()).is_open("no fault");
    }

    #[test]
    fn a_phase_that_is_too_short_cannot_say_never() {
        let verdict = back_after(10 * S)
            .until(RECOVERY.start + 5 * S)
            .judged_by(&check());
        verdict.is_open("too short to say never");
        assert_eq!(verdict.wants_more, Some(Phase::Recovery));
    }

    #[test]
    fn calls_cut_short_by_the_end_are_not_lost() {
        let made = HandMade::order()
            .fault(0)
            .calls(0, BASELINE, 100 * MS, good(S));
        let made = made.calls(0, RECOVERY.start..RECOVERY.end - S, 100 * MS, good(S));
        made.calls(0, RECOVERY.end - S..RECOVERY.end, 100 * MS, NEVER)
            .judged_by(&check())
            .passes();
    }

    #[test]
    fn a_load_with_gaps_is_not_a_system_that_is_down() {
        let mut made = HandMade::order().fault(0);
        made = made.calls(
            0,
            BASELINE.start..BASELINE.start + 2 * S,
            50 * MS,
            good(10 * MS),
        );
        made.calls(0, RECOVERY, 4 * S, good(10 * MS))
            .judged_by(&check())
            .is_open("few calls");
    }

    #[test]
    fn an_error_now_and_then_that_was_always_there_is_no_relapse() {
        let ninety = |made: HandMade, when: &std::ops::Range<Nanos>| {
            (when.start..when.end)
                .step_by(500_000_000)
                .fold(made, |made, at| {
                    let comes = if (at / (500 * MS)).is_multiple_of(10) {
                        bad(MS)
                    } else {
                        good(10 * MS)
                    };
                    made.call(0, at, comes)
                })
        };
        let made = ninety(HandMade::order().fault(0), &BASELINE);
        ninety(made, &RECOVERY)
            .judged_by(&check())
            .is_open("few calls");
    }

    #[test]
    fn a_rare_kind_of_call_that_stays_behind_fails() {
        let made = back_after(0).calls(1, BASELINE, 400 * MS, good(10 * MS));
        let verdict = made
            .clone()
            .calls(1, RECOVERY, 400 * MS, bad(MS))
            .judged_by(&check());
        verdict.fails("GET /menu");
        made.calls(1, RECOVERY, 400 * MS, good(10 * MS))
            .judged_by(&check())
            .passes();
    }

    #[test]
    fn who_could_not_be_compared_is_named() {
        let made = back_after(0)
            .calls(1, BASELINE, S, good(MS))
            .calls(1, RECOVERY, S, good(MS));
        let verdict = made
            .until(RECOVERY.end)
            .calls(1, FAULT, S, good(MS))
            .judged_by(&check());
        verdict.passes();
        assert!(
            verdict
                .evidence
                .iter()
                .any(|line| line.contains("GET /menu")),
            "{verdict:#?}"
        );
    }
}
