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
    ///
    /// A call without an answer that is not over the bound yet might have kept it or broken it,
    /// whether it was still open at the end or its client gave up before. A failure must stand if
    /// all of these had kept it, and a pass if all had broken it; except that an open call no
    /// older than the slowest of the others is as ordinary as they are and left out.
    pub(super) fn judge(
        &self,
        view: &View<'_>,
        calls: &[&Call],
        verdict: Verdict,
    ) -> (Judged, Verdict) {
        let bound = nanos(self.bound.0);
        let bound_text = format!("{} ≤ {}", self.name, self.bound);
        let (settled, unsettled): (Vec<&Call>, Vec<&Call>) =
            calls.iter().partition(|call| view.has_settled(call, bound));
        let mut latencies: Vec<u64> = settled.iter().map(|call| view.latency(call)).collect();
        latencies.sort_unstable();
        let Some(value) = stats::quantile(&latencies, self.q) else {
            let why = match unsettled.len() {
                0 => "there were no calls to judge".to_owned(),
                n => format!("all {n} calls were open, or their client gave up, before the bound"),
            };
            return (Judged::Unknown(why), verdict.measured("-", bound_text));
        };
        let n = settled.len();
        let slowest = latencies.last().copied().unwrap_or_default();
        let over = latencies.iter().filter(|latency| **latency > bound).count();
        let really_over = settled
            .iter()
            .filter(|call| view.own_latency(call) > bound)
            .count();
        let unanswered = settled.iter().filter(|call| call.end.is_none()).count();
        let ordinary = unsettled
            .iter()
            .filter(|call| view.is_young(call, slowest))
            .count();
        let cut_short = unsettled.len() - ordinary;
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
                time(slowest)
            ));
        if unanswered > 0 {
            verdict = verdict.evidence(format!(
                "{unanswered} had no answer when the recording ended"
            ));
        }
        let allowed = 1.0 - self.q;
        let breaks = stats::at_most(really_over, n + unsettled.len(), allowed) == Says::Breaks;
        let as_seen = stats::at_most(over, n, allowed);
        let at_worst = stats::at_most(over + cut_short, n + cut_short, allowed);
        let judged = match as_seen {
            _ if breaks => Judged::Breaks(measured),
            _ if ordinary * 20 > calls.len() => {
                Judged::Unknown(format!("{ordinary} calls were still open"))
            }
            Says::Holds if at_worst == Says::Holds => Judged::Holds,
            Says::Holds => Judged::Unknown(format!(
                "{cut_short} calls were still open, or their client gave up, before the bound"
            )),
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
