//! `retry_backoff`: a caller waits before it tries again, and longer each time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::HumanDuration;
use std::time::Duration;

use crate::check::attempts;
use crate::check::gaps::Gaps;
use crate::check::recipe::{Recipe, about_http, now_and_then};
use crate::check::stats::{self, Says};
use crate::check::view::{View, nanos, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Nanos};

/// The parameters of `retry_backoff`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBackoff {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The least median of the first gaps.
    #[serde(default = "first")]
    pub first: HumanDuration,
    /// By how much the last gap of a call is longer than its first one, where it has several.
    #[serde(default = "growth")]
    #[schemars(range(min = 1.0))]
    pub growth: f64,
}

fn first() -> HumanDuration {
    HumanDuration(Duration::from_millis(20))
}

fn growth() -> f64 {
    1.5
}

/// So many calls are made: a seventh of them and more shows gaps.
pub(super) const CALLS: usize = 150;
/// Fewer gaps, or failures without one, show nothing.
const SAMPLES_MIN: usize = 5;

impl Known for RetryBackoff {
    const NAME: &'static str = "retry_backoff";
    const HOLDS_WHEN: &'static str =
        "a caller waits before it tries again, and longer before each further attempt";
    const EXAMPLE: &'static str = "retry_backoff: { edge: order -> inventory, first: 50ms }";
    const PAGE: Page = Page {
        measures: "Gaps between the attempts of one call: start of the next − end of the one before, so that an attempt's own time is not counted. The median of the first gaps, and mean of the last gaps ÷ mean of the first ones where calls have several. It fails when a Wilson 95% interval says that more than half of the first gaps are too short, or when the 95% interval of the growth lies below its bound; it passes when the median keeps its bound without what the machine's own stalls added, and the growth keeps its own and is more than chance. A caller that does not retry passes: it floods nobody.",
        recipe: "150 calls one at a time, of the first kind that needs the edge, while two exchanges of eight in a row are answered 503: so few that a sound breaker stays closed.",
        defaults: "`first: 20ms` and `growth: 1.5` are our proposal: doubling with full jitter shows 2 on average.",
        inconclusive: "Fewer than 5 failures, or fewer than 5 gaps where there are some; a median or a growth that chance may explain; calls that were not made one at a time; calls that make several such exchanges even when all is well.",
    };

    fn validate(&self) -> Result<(), String> {
        let right = self.growth.is_finite() && self.growth >= 1.0;
        right
            .then_some(())
            .ok_or_else(|| "`growth` is at least 1".to_owned())
    }
}

const CLAIM: &str = "attempts do not follow each other at once, and less and less often";
const NEXT: &str = "wait before each retry: twice as long each time, with full jitter";

impl Check for RetryBackoff {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        attempts::each_edge(view, self.edge.as_ref(), (Self::NAME, CLAIM), |edge| {
            self.judge_edge(view, edge)
        })
    }

    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        about_http(self.edge.as_ref(), edges)
            .map(|edge| now_and_then(&edge.name, CALLS))
            .collect()
    }
}

impl RetryBackoff {
    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM);
        let tried = attempts::tried_on(view, edge);
        if tried.is_empty() {
            return verdict.inconclusive(NOT_ALONE);
        }
        let gaps = Gaps::of(view, &tried);
        let bound = format!("first ≥ {}, growth ≥ {}", self.first, self.growth);
        let verdict = verdict
            .exercised(gaps.failures, "failed exchanges")
            .evidence("calls made one at a time");
        let firsts = gaps.first();
        if gaps.failures < SAMPLES_MIN {
            let why = match gaps.untold {
                0 => format!("only {} exchanges on {name} failed", gaps.failures),
                _ => "calls make several such exchanges each, so attempts cannot be told from them"
                    .to_owned(),
            };
            return verdict.measured("-", bound).inconclusive(why);
        }
        if firsts.is_empty() {
            return verdict
                .measured("no retries", bound)
                .evidence("no failed exchange was tried again: nothing floods the callee")
                .pass();
        }
        if firsts.len() < SAMPLES_MIN {
            let why = format!("only {} calls tried again", firsts.len());
            return verdict.measured("-", bound).inconclusive(why);
        }
        self.decide(&gaps, verdict, &bound)
    }

    fn decide(&self, gaps: &Gaps, verdict: Verdict, bound: &str) -> Verdict {
        let least = nanos(self.first.0);
        let firsts = gaps.first();
        let median = |sorted: &[Nanos]| stats::quantile(sorted, 0.5).unwrap_or_default();
        let growth = Growth::of(gaps);
        let mut measured = format!("first {}", time(median(firsts)));
        if let Some(growth) = &growth {
            measured = format!("{measured}, growth {:.2}", growth.ratio);
        }
        let mut verdict = verdict.measured(measured, bound);
        for (place, gaps) in (1..).zip(&gaps.seen) {
            let (shortest, longest) = (gaps.first(), gaps.last());
            verdict = verdict.evidence(format!(
                "gap {place}: {} to {}, median {}, of {} calls",
                time(shortest.copied().unwrap_or_default()),
                time(longest.copied().unwrap_or_default()),
                time(median(gaps)),
                gaps.len()
            ));
        }
        let short = firsts.iter().filter(|gap| **gap < least).count();
        if stats::at_most(short, firsts.len(), 0.5) == Says::Breaks {
            let reason = format!(
                "{short} of {} first retries came within {}",
                firsts.len(),
                self.first
            );
            return verdict.fail(reason, NEXT);
        }
        if let Some(growth) = &growth
            && growth.high < self.growth
        {
            let reason = format!(
                "the pauses do not grow: the last is {:.2} times the first",
                growth.ratio
            );
            return verdict.fail(reason, NEXT);
        }
        if median(&gaps.own_first) < least {
            return verdict.inconclusive(format!(
                "the median of the first gaps, without the machine's own stalls, is {}, and that may be chance",
                time(median(&gaps.own_first))
            ));
        }
        match growth {
            Some(growth) if growth.ratio < self.growth || growth.low <= 1.0 => verdict
                .inconclusive(format!(
                    "the growth lies between {:.2} and {:.2}",
                    growth.low, growth.high
                )),
            _ => verdict.pass(),
        }
    }
}

/// Said where calls were not made one at a time.
pub(super) const NOT_ALONE: &str = "gaps can only be judged of calls made one at a time, as under load a wait for a slot looks like a pause: leave `faults` out, or write `load: { serial: true }`";

/// How much longer the last gaps are than the first, with a 95% interval (delta method on the
/// logarithm of a ratio of means).
struct Growth {
    ratio: f64,
    low: f64,
    high: f64,
}

impl Growth {
    /// Of the last gap that at least half of the calls have; `None` where there is one gap only.
    fn of(gaps: &Gaps) -> Option<Self> {
        let firsts = gaps.first();
        let often =
            |later: &&Vec<Nanos>| later.len() >= SAMPLES_MIN && 2 * later.len() >= firsts.len();
        let last = gaps.seen.iter().skip(1).rfind(often)?;
        let (first, first_deviation) = stats::mean_and_deviation(firsts)?;
        let (mean, deviation) = stats::mean_and_deviation(last)?;
        if first <= 0.0 || mean <= 0.0 {
            return None;
        }
        let share = |deviation: f64, mean: f64, n: usize| (deviation / mean).powi(2) / n as f64;
        let error =
            share(first_deviation, first, firsts.len()) + share(deviation, mean, last.len());
        let half = 1.96 * error.sqrt();
        let ratio = mean / first;
        Some(Self {
            ratio,
            low: ratio * (-half).exp(),
            high: ratio * half.exp(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::gaps::made::calls_with_gaps;
    use crate::check::hand_made::{FAULT, HandMade, MS, S, bad};
    use crate::record::Ended;

    fn check() -> RetryBackoff {
        serde_json::from_str("{}").unwrap()
    }

    fn same(gaps: &[Nanos], calls: usize) -> HandMade {
        calls_with_gaps(&vec![gaps.to_vec(); calls])
    }

    #[test]
    fn the_first_gap_is_judged_up_to_the_bound_itself() {
        same(&[20 * MS], 20).judged_by(&check()).passes();
        same(&[20 * MS - 1], 20)
            .judged_by(&check())
            .fails("20 of 20 first retries came within 20ms");
        same(&[0], 20).judged_by(&check()).fails("first retries");
    }

    #[test]
    fn gaps_must_grow() {
        same(&[20 * MS, 20 * MS], 20)
            .judged_by(&check())
            .fails("do not grow");
        same(&[20 * MS, 31 * MS], 20).judged_by(&check()).passes();
        same(&[20 * MS, 29 * MS], 20)
            .judged_by(&check())
            .fails("1.45 times");
    }

    #[test]
    fn doubling_with_full_jitter_passes_and_constant_gaps_with_it_do_not() {
        let jittered = |growth: u64| {
            let gap = |i: u64| vec![(10 + i * 2) * MS, (10 + (i * 7 % 20) * 2) * growth * MS / 2];
            calls_with_gaps(&(0..20).map(gap).collect::<Vec<_>>())
        };
        let least = RetryBackoff {
            first: HumanDuration(Duration::from_millis(5)),
            ..check()
        };
        let longer: Vec<Vec<Nanos>> = (0..20)
            .map(|i| vec![(2 + i) * MS, (4 + (i * 7 % 20) * 2) * MS])
            .collect();
        calls_with_gaps(&longer).judged_by(&least).passes();
        jittered(2).judged_by(&least).fails("do not grow");
    }

    #[test]
    fn a_caller_that_does_not_retry_floods_nobody() {
        let verdict = same(&[], 5).judged_by(&check());
        verdict.passes();
        assert_eq!(verdict.measured, "no retries");
        same(&[], 4).judged_by(&check()).is_open("only 4");
    }

    #[test]
    fn a_few_short_gaps_may_be_chance() {
        let gaps: Vec<Vec<Nanos>> = (0..20)
            .map(|i| vec![if i < 12 { 15 * MS } else { 40 * MS }])
            .collect();
        calls_with_gaps(&gaps).judged_by(&check()).is_open("chance");
    }

    #[test]
    fn what_the_machine_stalled_is_no_pause_of_the_caller() {
        let mut made = same(&[22 * MS], 20);
        for call in 0..20 {
            made = made.hiccup(FAULT.start + call * 90 * MS + 10 * MS, MS);
        }
        made.judged_by(&check()).is_open("stalls");
    }

    #[test]
    fn under_load_a_pause_is_not_known_from_a_queue() {
        HandMade::order()
            .fault(0)
            .calls(0, FAULT, S, bad(MS))
            .exchanges(0, FAULT, S, MS, Ended::Answered)
            .all_hit(0, &FAULT, 0)
            .judged_by(&check())
            .is_open("one at a time");
        HandMade::order()
            .judged_by(&check())
            .is_open("no faulted edge");
    }

    #[test]
    fn what_the_callee_asked_for_is_not_the_callers_pause() {
        same(&[0], 20)
            .last_fault(|fault| fault.retry_after = Some(S))
            .judged_by(&check())
            .is_open("only 0");
    }
}
