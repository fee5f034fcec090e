//! How much a caller asks of an edge at once, and whether it keeps its connections.

use serde::Serialize;

use crate::check::view::View;
use crate::record::{Nanos, Phase};

/// The most that was ever in flight on a hung edge, under more calls than pools are large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// The most at once.
    pub most: u64,
    /// The calls that needed the edge then; as many in flight means that nothing held them back.
    pub calls: u64,
    /// Whether no more began for a while before the first was given up, as it is where there is a
    /// limit. A caller without one still begins exchanges then, if it has not begun them all.
    pub held: bool,
}

/// A limit is held for this share of the time from the first exchange to the first that is given up, at
/// least; without a limit the next exchange is only a moment away.
const HELD_MIN: f64 = 0.3;

/// What a caller does with its connections while all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// Opened.
    pub opened: usize,
    /// The exchanges that they carried.
    pub exchanges: usize,
}

/// What the burst on an edge shows.
pub(super) fn of(view: &View<'_>, edge: usize) -> Option<Pool> {
    let mark = view.phase(Phase::Fault)?;
    let here = view.faults_during(mark).any(|fault| fault.edge == edge);
    if view.is_alone(mark) || !here {
        return None;
    }
    let calls = view
        .calls(mark)
        .filter(|call| view.class_needs(call.class, edge));
    let levels = view.in_flight(edge, mark);
    let ends = view
        .exchanges(edge, mark)
        .filter_map(|exchange| exchange.end);
    let first_end = ends.min().unwrap_or(mark.until).min(mark.until);
    let begun: Vec<Nanos> = view
        .exchanges(edge, mark)
        .map(|exchange| exchange.start)
        .filter(|start| *start < first_end)
        .collect();
    let waited = |since: Option<&Nanos>| first_end.saturating_sub(*since.unwrap_or(&first_end));
    Some(Pool {
        most: u64::try_from(levels.iter().map(|level| level.count).max()?).ok()?,
        calls: calls.count() as u64,
        held: waited(begun.last()) as f64 >= HELD_MIN * waited(begun.first()) as f64,
    })
}

/// What the time before the first fault shows.
pub(super) fn connections(view: &View<'_>, edge: usize) -> Option<Connections> {
    let mark = view.phase(Phase::Baseline)?;
    let seen = view.recording.seen.get(edge)?;
    let opened = seen
        .connections
        .iter()
        .filter(|c| c.open < mark.until)
        .count();
    let exchanges = seen
        .exchanges
        .iter()
        .filter(|e| e.start < mark.until)
        .count();
    (exchanges > 0).then_some(Connections { opened, exchanges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{FAULT, HandMade, MS, NEVER};
    use crate::record::Ended;

    /// A hundred calls at once; their exchanges on the hung edge begin and end so, in milliseconds.
    fn seen(exchanges: impl Iterator<Item = (u64, u64)>) -> Pool {
        let mut made = HandMade::order().hang(0);
        for _ in 0..100 {
            made = made.call(0, FAULT.start, NEVER);
        }
        for (from, until) in exchanges {
            let (from, until) = (FAULT.start + from * MS, FAULT.start + until * MS);
            made = made.exchange(0, from, Some(until), Ended::Caller);
        }
        let recording = made.done();
        of(&View::new(&recording), 0).unwrap()
    }

    #[test]
    fn a_limit_is_held() {
        let pool = seen((0..10).map(|_| (1, 250)));
        assert_eq!((pool.most, pool.calls, pool.held), (10, 100, true));
        // Half of them are tried again.
        let pool = seen((0..15).map(|n| if n < 10 { (1, 250) } else { (260, 510) }));
        assert_eq!((pool.most, pool.held), (10, true));
    }

    #[test]
    fn what_is_given_up_while_more_are_coming_is_no_limit() {
        let pool = seen((0..100).map(|n| (3 * n, 3 * n + 150)));
        assert!(pool.most < 100 && !pool.held, "{pool:?}");
    }
}
