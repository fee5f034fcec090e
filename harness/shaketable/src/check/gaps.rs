//! The pauses between the attempts of a call, from the end of one until the start of the next.

use super::attempts::Tried;
use super::view::View;
use crate::record::{Ended, Exchange, Nanos};

/// What the caller of an edge does between attempts.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// The first gap of each call that has one, the second, and so on.
    pub(super) seen: Vec<Vec<Nanos>>,
    /// The first gaps, without what the machine's own stalls may have added.
    pub(super) own_first: Vec<Nanos>,
    /// Failures after which another attempt was possible.
    pub(super) failures: usize,
    /// Exchanges of calls that make several of a kind, whose attempts cannot be told.
    pub(super) untold: usize,
}

impl Gaps {
    /// The gaps in all that was tried on an edge with calls made alone. Where the callee itself said
    /// when to come back, the gap is not the caller's own.
    pub(super) fn of(view: &View<'_>, tried: &[Tried<'_>]) -> Self {
        let mut gaps = Self::default();
        let told_when = |tried: &&Tried<'_>| {
            let faults = tried.trial.faults.iter();
            faults.clone().any(|fault| fault.retry_after.is_some())
        };
        let tries = tried.iter().filter(|tried| !told_when(tried));
        for tries in tries.flat_map(|tried| &tried.tries) {
            if tries.usual.most > 1 {
                gaps.untold += tries.exchanges.len();
                continue;
            }
            gaps.failures += tries.exchanges.iter().filter(|e| has_failed(e)).count();
            let pairs = tries.pairs().take_while(|(before, _)| has_failed(before));
            for (place, (before, next)) in pairs.enumerate() {
                let end = before.end.unwrap_or(next.start);
                let gap = next.start.saturating_sub(end);
                if gaps.seen.len() == place {
                    gaps.seen.push(Vec::new());
                }
                gaps.seen[place].push(gap);
                if place == 0 {
                    let stalled = view.stalled(end, next.start);
                    gaps.own_first.push(gap.saturating_sub(stalled));
                }
            }
        }
        for gaps in &mut gaps.seen {
            gaps.sort_unstable();
        }
        gaps.own_first.sort_unstable();
        gaps
    }

    /// The first gaps, sorted.
    pub(super) fn first(&self) -> &[Nanos] {
        self.seen.first().map_or(&[], Vec::as_slice)
    }
}

/// Whether a fault made an exchange fail in a way for which trying again makes sense.
fn has_failed(exchange: &Exchange) -> bool {
    let answered = exchange.ended == Ended::Answered;
    let failed = !answered || exchange.status.is_none_or(|status| status >= 500);
    exchange.fault.is_some() && exchange.end.is_some() && failed
}

#[cfg(test)]
pub(super) mod made {
    //! Calls made alone that retry after given gaps.

    use crate::check::hand_made::{HandMade, MS, S, bad};
    use crate::record::{Ended, Nanos, Recording};

    /// `order -> inventory` fails; each call makes attempts of 2 ms with these gaps between them.
    pub(in crate::check) fn calls_with_gaps(gaps: &[Vec<Nanos>]) -> HandMade {
        let mut made = HandMade::order().fault(0);
        for (call, gaps) in (0..).zip(gaps) {
            let mut at = 20 * S + call * 90 * MS;
            made = made.call(0, at, bad(85 * MS));
            made = made.with(|r: &mut Recording| r.calls.last_mut().unwrap().serial = true);
            at += MS;
            for gap in gaps.iter().map(Some).chain([None]) {
                made = made
                    .exchange(0, at, Some(at + 2 * MS), Ended::Answered)
                    .hit(0, 0);
                at += 2 * MS + gap.copied().unwrap_or_default();
            }
        }
        made
    }
}
