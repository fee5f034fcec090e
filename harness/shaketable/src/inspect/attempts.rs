//! How often a caller tries an edge that answers 503, and how long it waits in between.

use serde::Serialize;

use crate::check::stats::{mean_and_deviation, quantile};
use crate::check::view::View;
use crate::record::{Exchange, Nanos};

/// The attempts of single calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempts {
    /// The most of one call.
    pub most: usize,
    /// How many calls there were that reached the edge.
    pub calls: usize,
    /// The median time from the end of the first attempt to the beginning of the second.
    pub first_gap: Option<Nanos>,
    /// How much longer the next gap is, the median.
    pub growth: Option<f64>,
    /// The coefficient of variation of first gaps.
    pub jitter: Option<f64>,
}

/// What the trials with a failing status show.
pub(super) fn of(view: &View<'_>, edge: usize) -> Option<Attempts> {
    let (mut most, mut calls) = (0, 0);
    let (mut firsts, mut growths) = (Vec::new(), Vec::new());
    for trial in view.trials() {
        let fails = trial
            .faults
            .iter()
            .any(|fault| fault.edge == edge && fault.kind == "status");
        for call in trial.calls.iter().filter(|_| fails) {
            let exchanges: Vec<&Exchange> = view.exchanges_of(*call, edge).collect();
            most = most.max(exchanges.len());
            calls += usize::from(!exchanges.is_empty());
            let gaps: Vec<Nanos> = exchanges.windows(2).filter_map(gap).collect();
            firsts.extend(gaps.first());
            let grown = gaps.windows(2).filter(|pair| pair[0] > 0);
            growths.extend(grown.map(|pair| pair[1] as f64 / pair[0] as f64));
        }
    }
    firsts.sort_unstable();
    let spread = mean_and_deviation(&firsts).filter(|(mean, _)| *mean > 0.0);
    growths.sort_by(f64::total_cmp);
    (calls > 0).then(|| Attempts {
        most,
        calls,
        first_gap: quantile(&firsts, 0.5),
        growth: growths.get(growths.len() / 2).copied(),
        jitter: spread.map(|(mean, deviation)| deviation / mean),
    })
}

fn gap(pair: &[&Exchange]) -> Option<Nanos> {
    Some(pair[1].start.saturating_sub(pair[0].end?))
}
