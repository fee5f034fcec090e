//! Judging a percentile: by the share of calls over the bound, with its interval.

use shaketable_faults::units::HumanDuration;

use super::stats::{self, Says};
use super::verdict::Verdict;
use super::view::{View, nanos, time};
use crate::record::Call;

/// A bound on a percentile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percentile {
    pub(super) q: f64,
    pub(super) bound: HumanDuration,
    pub(super) name: &'static str,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It keeps the bound.
    Holds,
    /// It breaks it; how, in words: `p99 5.1s`.
    Breaks(String),
    /// It cannot be known, and why.
    Unknown(String),
}

impl Percentile {
    /// Judges calls: the percentile keeps its bound when at most `1 - q` of all calls are over it.
    ///
    /// Noise only ever adds time. So a pass stands as it is, and a failure must also stand when
    /// the machine's own stalls are taken off.
    pub(super) fn judge(
        &self,
        view: &View<'_>,
        calls: &[&Call],
        verdict: Verdict,
    ) -> (Judged, Verdict) {
        let bound = nanos(self.bound.0);
        let bound_text = format!("{} ≤ {}", self.name, self.bound);
        // An open call that is younger than the bound may still keep it or break it.
        let young = |call: &&&Call| call.end.is_none() && view.latency(call) <= bound;
        let unsettled = calls.iter().filter(young).count();
        let settled: Vec<&Call> = calls.iter().filter(|call| !young(call)).copied().collect();
        let mut latencies: Vec<u64> = settled.iter().map(|call| view.latency(call)).collect();
        latencies.sort_unstable();
        let Some(value) = stats::quantile(&latencies, self.q) else {
            return (
                Judged::Unknown("there were no calls to judge".to_owned()),
                verdict.measured("-", bound_text),
            );
        };
        let n = settled.len();
        let over = latencies.iter().filter(|latency| **latency > bound).count();
        let really_over = settled
            .iter()
            .filter(|call| view.own_latency(call) > bound)
            .count();
        let unanswered = settled.iter().filter(|call| call.end.is_none()).count();
        let measured = format!(
            "{} {}{}",
            self.name,
            if unanswered > 0 { "≥ " } else { "" },
            time(value)
        );
        let mut verdict = verdict
            .measured(measured.clone(), bound_text)
            .evidence(format!(
                "{over} of {n} over {}, the slowest {}",
                self.bound,
                time(latencies.last().copied().unwrap_or_default())
            ));
        if unanswered > 0 {
            verdict = verdict.evidence(format!(
                "{unanswered} had no answer when the recording ended"
            ));
        }
        let allowed = 1.0 - self.q;
        // A failure must stand even if everything that is still open turned out well.
        let breaks = stats::at_most(really_over, n + unsettled, allowed) == Says::Breaks;
        let judged = match stats::at_most(over, n, allowed) {
            _ if breaks => Judged::Breaks(measured),
            _ if unsettled * 20 > calls.len() => {
                Judged::Unknown(format!("{unsettled} calls were still open"))
            }
            Says::Holds => Judged::Holds,
            Says::Breaks => Judged::Unknown(format!(
                "{over} of {n} calls were over the bound, but the machine stalled meanwhile"
            )),
            Says::Open => Judged::Unknown(format!(
                "{over} of {n} calls over the bound do not decide the {}",
                self.name
            )),
        };
        (judged, verdict)
    }
}
