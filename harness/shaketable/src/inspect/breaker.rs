//! When a caller turns away from a failing edge, and when it comes back by itself.

use serde::Serialize;

use crate::check::view::{Trial, View};
use crate::record::{Exchange, Nanos};

/// A breaker, as far as its edge shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breaker {
    /// The failing attempts after which it opened; `None` where it never did.
    pub opened_after: Option<usize>,
    /// The failing attempts that there were.
    pub attempts: usize,
    /// From the last attempt before it opened to the first one after.
    pub reset: Option<Nanos>,
    /// The attempts in a row with which it came back.
    pub probes: Option<usize>,
}

/// What the longest trial with a failing status shows.
pub(super) fn of(view: &View<'_>, edge: usize) -> Option<Breaker> {
    let trials = view.trials().into_iter().filter(|trial| {
        let mut faults = trial.faults.iter();
        faults.any(|fault| fault.edge == edge && fault.kind == "status")
    });
    let seen = trials.map(|trial| of_trial(view, &trial, edge));
    seen.max_by_key(|breaker| (breaker.reset.is_some(), breaker.attempts))
}

fn of_trial(view: &View<'_>, trial: &Trial<'_>, edge: usize) -> Breaker {
    let mut breaker = Breaker {
        opened_after: None,
        attempts: 0,
        reset: None,
        probes: None,
    };
    let mut last_end = 0;
    for call in &trial.calls {
        let exchanges: Vec<&Exchange> = view.exchanges_of(*call, edge).collect();
        breaker.attempts += exchanges.len();
        match (breaker.opened_after, exchanges.as_slice()) {
            (None, []) => breaker.opened_after = Some(breaker.attempts),
            (None, [.., last]) => last_end = last.end.unwrap_or(last.start),
            (Some(_), [first, ..]) if breaker.reset.is_none() => {
                breaker.reset = Some(first.start.saturating_sub(last_end));
                breaker.probes = Some(exchanges.len());
            }
            _ => {}
        }
    }
    if breaker.attempts == 0 {
        // Nothing ever got there: nothing opened either.
        breaker.opened_after = None;
    }
    breaker
}
