//! After how long a caller gives up on each way of hanging.

use serde::Serialize;

use crate::check::stats::quantile;
use crate::check::view::{View, gave_up};
use crate::record::{Nanos, Outcome};

/// How long a caller waits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Patience {
    /// The way of hanging.
    pub hang: String,
    /// After how long one attempt was given up, the median; where no exchange can be seen, because
    /// no connection came about, after how long the call ended.
    pub gave_up_after: Option<Nanos>,
    /// How long nobody had given up, where nobody did.
    pub waited: Nanos,
    /// Whether it was read off the client's call, and not off the edge.
    pub by_call: bool,
}

/// What the trials of an edge show.
pub(super) fn of(view: &View<'_>, edge: usize) -> Vec<Patience> {
    let mut found = Vec::new();
    for trial in view.trials() {
        let mut here = trial.faults.iter().filter(|fault| fault.edge == edge);
        let Some(hang) = here.find_map(|fault| fault.hang.clone()) else {
            continue;
        };
        let (mut given_up, mut waited, mut seen) = (Vec::new(), 0, false);
        for call in &trial.calls {
            for exchange in view.exchanges_of(*call, edge) {
                seen = true;
                let end = exchange.end.unwrap_or(view.recording.end);
                let length = end.saturating_sub(exchange.start);
                let call = &view.recording.calls[*call];
                // The client left, and the caller with it.
                let left = call.outcome == Outcome::TimedOut
                    && call
                        .end
                        .is_some_and(|left| end.saturating_add(LEFT) >= left);
                if gave_up(exchange) && !left {
                    given_up.push(length);
                } else {
                    waited = waited.max(length);
                }
            }
        }
        if !seen {
            let calls = trial.calls.iter().map(|call| &view.recording.calls[*call]);
            for call in calls {
                match call.outcome {
                    Outcome::Answered => given_up.push(view.latency(call)),
                    _ => waited = waited.max(view.latency(call)),
                }
            }
        }
        given_up.sort_unstable();
        found.push(Patience {
            hang,
            gave_up_after: quantile(&given_up, 0.5),
            waited,
            by_call: !seen,
        });
    }
    found
}

/// What ends so shortly before the client left was ended by its leaving.
const LEFT: Nanos = 5_000_000;
