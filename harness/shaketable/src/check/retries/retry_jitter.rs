//! `retry_jitter`: callers do not try again in step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::retry_backoff::{CALLS, NOT_ALONE};
use crate::check::attempts::{self, Tried};
use crate::check::gaps::Gaps;
use crate::check::recipe::{Recipe, about_http, now_and_then};
use crate::check::stats;
use crate::check::view::{View, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Nanos};

/// The parameters of `retry_jitter`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryJitter {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The least coefficient of variation of the first gaps.
    #[serde(default = "at_least")]
    #[schemars(range(min = 0.0))]
    pub at_least: f64,
}

fn at_least() -> f64 {
    0.1
}

/// Fewer gaps make no spread.
const SAMPLES_MIN: usize = 20;
/// Fewer failures without a retry show nothing.
const FAILURES_MIN: usize = 5;
/// Callers' timers are no finer than this.
const TIMER: f64 = 1_000_000.0;
/// Between the quartiles of a normal distribution lie so many standard deviations.
const QUARTILES: f64 = 1.349;

impl Known for RetryJitter {
    const NAME: &'static str = "retry_jitter";
    const HOLDS_WHEN: &'static str =
        "the pauses before retries vary, so that callers do not try again in step";
    const EXAMPLE: &'static str = "retry_jitter: { edge: order -> inventory }";
    const PAGE: Page = Page {
        measures: "The coefficient of variation of the first gap between the attempts of a call: standard deviation ÷ mean. Noise only adds spread, so a failure stands as measured, when the 95% interval lies below the bound, or when the middle half of the gaps does although a few strays do not. A pass needs the middle half of the gaps (quartile distance ÷ 1.349) to spread by so much without the noise, too: that of the calls that no fault hit in the same time, and 1 ms for timers. Gaps whose median is below 1 ms are no pauses and fail. A caller that does not retry passes.",
        recipe: "As `retry_backoff`, and in the same experiment: 150 calls one at a time while two exchanges of eight in a row are answered 503.",
        defaults: "`at_least: 0.1` is our proposal: full jitter shows .577, equal jitter .192.",
        inconclusive: "Fewer than 20 first gaps where there are some; fewer than 5 failures; a spread that the noise of the machine may explain; calls that were not made one at a time.",
    };

    fn validate(&self) -> Result<(), String> {
        let right = self.at_least.is_finite() && self.at_least >= 0.0;
        right
            .then_some(())
            .ok_or_else(|| "`at_least` is at least 0".to_owned())
    }
}

const CLAIM: &str = "retries of different calls do not come in step";
const NEXT: &str = "wait for a random part of the backoff (full jitter)";

impl Check for RetryJitter {
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

impl RetryJitter {
    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let bound = format!("≥ {}", self.at_least);
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM).measured("-", &bound);
        let tried = attempts::tried_on(view, edge);
        if tried.is_empty() {
            return verdict.inconclusive(NOT_ALONE);
        }
        let gaps = Gaps::of(view, &tried);
        let firsts = gaps.first();
        let verdict = verdict
            .exercised(firsts.len(), "first gaps")
            .evidence("calls made one at a time");
        if firsts.is_empty() {
            return if gaps.failures < FAILURES_MIN {
                verdict.inconclusive(format!(
                    "only {} exchanges on {name} failed whose attempts can be told",
                    gaps.failures
                ))
            } else {
                verdict
                    .measured("no retries", bound)
                    .exercised(gaps.failures, "failed exchanges")
                    .evidence("no failed exchange was tried again: nothing can be in step")
                    .pass()
            };
        }
        let spread = stats::mean_and_deviation(firsts).filter(|_| firsts.len() >= SAMPLES_MIN);
        let Some((mean, deviation)) = spread else {
            return verdict.inconclusive(format!(
                "only {} calls tried again, {SAMPLES_MIN} are needed",
                firsts.len()
            ));
        };
        let noise = noise(view, &tried);
        let verdict = verdict
            .evidence(format!(
                "{} first gaps of {} to {}",
                firsts.len(),
                time(firsts[0]),
                time(firsts[firsts.len() - 1])
            ))
            .evidence(format!(
                "calls that no fault hit vary by {}",
                time(whole(noise))
            ));
        self.decide(firsts, (mean, deviation), noise, verdict, &bound)
    }

    fn decide(
        &self,
        firsts: &[Nanos],
        (mean, deviation): (f64, f64),
        noise: f64,
        verdict: Verdict,
        bound: &str,
    ) -> Verdict {
        let of_mean = |spread: f64| if mean > 0.0 { spread / mean } else { 0.0 };
        let variation = of_mean(deviation);
        // The standard error of a coefficient of variation is about CV ÷ √(2n).
        let margin = 1.0 + 1.96 / (2.0 * firsts.len() as f64).sqrt();
        let middle = middle_half(firsts);
        let own = (middle.powi(2) - noise.powi(2) - TIMER.powi(2))
            .max(0.0)
            .sqrt();
        let verdict = verdict.measured(format!("{variation:.2}"), bound);
        let median = stats::quantile(firsts, 0.5).unwrap_or_default();
        if (median as f64) < TIMER {
            let reason = format!(
                "retries come at once, after {}: nothing is left to chance",
                time(median)
            );
            return verdict.fail(reason, NEXT);
        }
        let constant = variation.min(of_mean(middle)) * margin < self.at_least;
        if constant {
            return verdict.fail(
                format!(
                    "the pauses before retries are all alike: {} on average, and hardly any other",
                    time(whole(mean))
                ),
                NEXT,
            );
        }
        if variation >= self.at_least && of_mean(own) >= self.at_least {
            return verdict.pass();
        }
        verdict.inconclusive(format!(
            "the gaps vary by {}, of which the machine's own noise may be {}",
            time(whole(middle)),
            time(whole(noise.hypot(TIMER)))
        ))
    }
}

/// The spread of the middle half, as a standard deviation, which a few strays do not change.
fn middle_half(sorted: &[Nanos]) -> f64 {
    let at = |q| stats::quantile(sorted, q).unwrap_or_default() as f64;
    (at(0.75) - at(0.25)) / QUARTILES
}

/// What the machine adds to whatever takes time: the spread of the calls that no fault hit.
fn noise(view: &View<'_>, tried: &[Tried<'_>]) -> f64 {
    let calls = &view.recording.calls;
    let mut worst = 0.0_f64;
    let classes = (0..).take(view.recording.classes.len());
    for class in classes {
        let untouched = |tried: &Tried<'_>| {
            let hit = |place: &usize| {
                tried.tries.iter().any(|tries| {
                    tries.call == *place && tries.exchanges.iter().any(|e| e.fault.is_some())
                })
            };
            let places = tried.trial.calls.iter().copied();
            places
                .filter(|place| calls[*place].class == class && !hit(place))
                .map(|place| calls[place].service_time(view.recording.end))
                .collect::<Vec<_>>()
        };
        let mut times: Vec<Nanos> = tried.iter().flat_map(untouched).collect();
        times.sort_unstable();
        worst = worst.max(middle_half(&times));
    }
    worst
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time that is not negative"
)]
fn whole(nanos: f64) -> Nanos {
    nanos as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::gaps::made::calls_with_gaps;
    use crate::check::hand_made::{FAULT, HandMade, MS, good};

    fn check() -> RetryJitter {
        serde_json::from_str("{}").unwrap()
    }

    fn made(gaps: impl Iterator<Item = Nanos>) -> HandMade {
        calls_with_gaps(&gaps.map(|gap| vec![gap]).collect::<Vec<_>>())
    }

    #[test]
    fn full_and_equal_jitter_pass_and_a_constant_gap_does_not() {
        made((0..20).map(|i| i * 4 * MS))
            .judged_by(&check())
            .passes();
        made((0..20).map(|i| (40 + i * 2) * MS))
            .judged_by(&check())
            .passes();
        made((0..20).map(|_| 50 * MS))
            .judged_by(&check())
            .fails("all alike");
    }

    #[test]
    fn what_comes_at_once_leaves_nothing_to_chance() {
        made((0..20).map(|i| i * 40_000))
            .judged_by(&check())
            .fails("at once");
        let least = made((0..20).map(|_| MS)).judged_by(&check());
        least.fails("all alike");
    }

    #[test]
    fn a_few_strays_make_no_jitter() {
        let gaps = (0..20).map(|i| if i < 3 { 75 * MS } else { 40 * MS });
        made(gaps).judged_by(&check()).fails("all alike");
    }

    #[test]
    fn noise_is_not_taken_for_jitter() {
        let noisy = |noise: Nanos| {
            let gaps = (0..20).map(|i| 20 * MS + i * 500_000);
            (0..40).fold(made(gaps), |made, i| {
                let at = FAULT.start + 3_000 * MS + i * 50 * MS;
                let made = made.call(0, at, good(10 * MS + (i % 20) * noise));
                made.with(|r| r.calls.last_mut().unwrap().serial = true)
            })
        };
        noisy(0).judged_by(&check()).passes();
        noisy(500_000).judged_by(&check()).is_open("noise");
    }

    #[test]
    fn one_sample_short_is_too_few() {
        made((0..19).map(|i| i * 4 * MS))
            .judged_by(&check())
            .is_open("only 19");
        HandMade::order()
            .judged_by(&check())
            .is_open("no faulted edge");
        HandMade::order()
            .fault(0)
            .judged_by(&check())
            .is_open("one at a time");
    }

    #[test]
    fn who_does_not_retry_is_not_in_step() {
        let verdict = calls_with_gaps(&vec![Vec::new(); 5]).judged_by(&check());
        verdict.passes();
        assert_eq!(verdict.measured, "no retries");
        calls_with_gaps(&vec![Vec::new(); 4])
            .judged_by(&check())
            .is_open("only 4");
    }
}
