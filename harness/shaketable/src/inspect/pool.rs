//! How much a caller asks of an edge at once, and whether it keeps its connections.

use serde::Serialize;

use crate::check::view::View;
use crate::record::Phase;

/// The most that was ever in flight on a hung edge, under more calls than pools are large.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// The most at once.
    pub most: u64,
    /// The calls that needed the edge then; as many in flight means that nothing held them back.
    pub calls: u64,
}

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
    Some(Pool {
        most: u64::try_from(levels.iter().map(|level| level.count).max()?).ok()?,
        calls: calls.count() as u64,
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
