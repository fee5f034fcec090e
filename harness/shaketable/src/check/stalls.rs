//! When the machine was to blame: the times in which the harness or a target did not get to run,
//! each with the time that a queue needs to drain after it.

use crate::record::{Nanos, Recording};

/// A queue that grew for some time takes about as long again to drain, at half the load that would
/// fill it for ever; and a little is lost on top.
const DRAIN: Nanos = 20_000_000;

/// Spans of time, apart from each other, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stalls(Vec<(Nanos, Nanos)>);

impl Stalls {
    /// The stalls of a recording.
    pub(super) fn of(recording: &Recording) -> Self {
        let all = recording.hiccups.iter().chain(&recording.starved);
        let mut spans: Vec<(Nanos, Nanos)> = all
            .map(|stall| {
                let length = stall.late.saturating_mul(2).saturating_add(DRAIN);
                (stall.at, stall.at.saturating_add(length))
            })
            .collect();
        spans.sort_unstable();
        let mut apart: Vec<(Nanos, Nanos)> = Vec::with_capacity(spans.len());
        for (from, until) in spans {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => apart.push((from, until)),
            }
        }
        Self(apart)
    }

    /// How much of the time between two moments they cover.
    pub(super) fn within(&self, from: Nanos, until: Nanos) -> Nanos {
        let first = self.0.partition_point(|span| span.1 <= from);
        let spans = self.0[first..].iter().take_while(|span| span.0 < until);
        spans
            .map(|span| span.1.min(until).saturating_sub(span.0.max(from)))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Hiccup;

    const MS: Nanos = 1_000_000;

    fn stalls(hiccups: &[(Nanos, Nanos)], starved: &[(Nanos, Nanos)]) -> Stalls {
        let all =
            |list: &[(Nanos, Nanos)]| list.iter().map(|&(at, late)| Hiccup { at, late }).collect();
        Stalls::of(&Recording {
            hiccups: all(hiccups),
            starved: all(starved),
            ..Recording::default()
        })
    }

    #[test]
    fn a_stall_counts_with_the_time_to_drain_after_it() {
        let stalls = stalls(&[(1_000 * MS, 50 * MS)], &[]);
        assert_eq!(stalls.within(900 * MS, 2_000 * MS), 120 * MS);
        assert_eq!(stalls.within(1_100 * MS, 2_000 * MS), 20 * MS);
        assert_eq!(stalls.within(0, 1_000 * MS), 0);
        assert_eq!(stalls.within(1_120 * MS, 2_000 * MS), 0);
    }

    #[test]
    fn time_is_taken_off_once_whoever_stalled() {
        let stalls = stalls(
            &[(1_000 * MS, 40 * MS)],
            &[(990 * MS, 50 * MS), (1_050 * MS, 20 * MS)],
        );
        assert_eq!(stalls.within(0, 2_000 * MS), 120 * MS);
    }
}
