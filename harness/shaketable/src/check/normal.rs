//! What is normal for a kind of call: measured in the baseline, held against later phases.

use super::stats;
use super::view::View;
use crate::record::{Call, Nanos, Phase};

/// How a kind of call does when the system is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Normal {
    /// On time is at most this: 1.5 × the baseline's p99 + 20 ms.
    pub(super) on_time: Nanos,
    /// The share of calls that succeeded on time.
    pub(super) goodput: f64,
    /// How many calls it was measured on.
    pub(super) calls: usize,
}

/// Room for noise on top of the baseline's p99.
const NOISE: Nanos = 20_000_000;
/// Fewer calls than these make no baseline.
const CALLS_MIN: usize = 20;

impl Normal {
    /// Measures the baseline of the calls that `wanted` picks; `None` when there were too few.
    pub(super) fn of(view: &View<'_>, wanted: impl Fn(&Call) -> bool) -> Option<Self> {
        let mark = view.phase(Phase::Baseline)?;
        let calls: Vec<&Call> = view.calls(mark).filter(|call| wanted(call)).collect();
        if calls.len() < CALLS_MIN {
            return None;
        }
        let mut latencies: Vec<u64> = calls.iter().map(|call| view.latency(call)).collect();
        latencies.sort_unstable();
        let p99 = stats::quantile(&latencies, 0.99)?;
        let on_time = p99.saturating_add(p99 / 2).saturating_add(NOISE);
        let good = calls
            .iter()
            .filter(|call| call.is_good() && view.latency(call) <= on_time)
            .count();
        Some(Self {
            on_time,
            goodput: good as f64 / calls.len() as f64,
            calls: calls.len(),
        })
    }

    /// Whether a call is a success on time.
    pub(super) fn keeps(&self, view: &View<'_>, call: &Call) -> bool {
        call.is_good() && view.latency(call) <= self.on_time
    }

    /// The same with the machine's own stalls taken off, for failures to stand on.
    pub(super) fn keeps_by_itself(&self, view: &View<'_>, call: &Call) -> bool {
        view.is_excused(call) || call.is_good() && view.own_latency(call) <= self.on_time
    }
}
