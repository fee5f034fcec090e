//! The attempts of calls whose exchanges are known exactly: what one call asked of an edge more
//! often than it does when all is well.

use std::collections::BTreeMap;

use super::attribution::first_fault;
use super::verdict::Verdict;
use super::view::{By, Trial, View};
use crate::names::EdgeName;
use crate::record::{Exchange, Outcome};

/// How often a call asks for the same when all is well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// On average.
    pub(super) mean: f64,
    /// At most.
    pub(super) most: usize,
}

/// The exchanges of one call on an edge that ask for the same, in the order in which they began.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    /// The call, as a place in the recording.
    pub(super) call: usize,
    /// What was asked: `POST /reservations`.
    pub(super) operation: &'a str,
    /// How often that is usual.
    pub(super) usual: Usual,
    /// The exchanges; never none.
    pub(super) exchanges: Vec<&'a Exchange>,
    /// How it is known whose they are.
    pub(super) by: By,
}

impl<'a> Tries<'a> {
    /// The attempts, each with the one before it; none where a call asks for such things several
    /// times when all is well, so that the next of them cannot be told from another attempt.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'a Exchange, &'a Exchange)> {
        let certain = self.usual.most <= 1;
        let pairs = self.exchanges.windows(2).map(|pair| (pair[0], pair[1]));
        pairs.filter(move |_| certain)
    }

    /// Whether what was asked must not be done twice (RFC 9110, section 9.2.2: POST; RFC 5789: PATCH).
    pub(super) fn must_not_repeat(&self) -> bool {
        let method = self.operation.split(' ').next().unwrap_or_default();
        method == "POST" || method == "PATCH"
    }
}

/// What calls do on an edge when all is well, by their class and what they ask.
#[derive(Debug)]
struct Usually(BTreeMap<(u16, u32), Usual>);

impl Usually {
    /// From the calls made alone before the first fault.
    fn of(view: &View<'_>, edge: usize) -> Self {
        let recording = view.recording;
        let first_fault = first_fault(recording);
        let mut calls: BTreeMap<u16, usize> = BTreeMap::new();
        let mut counted: BTreeMap<(u16, u32), (usize, usize)> = BTreeMap::new();
        for (place, call) in recording.calls.iter().enumerate() {
            if !call.serial || call.sent >= first_fault {
                continue;
            }
            *calls.entry(call.class).or_default() += 1;
            for (operation, exchanges) in by_operation(view, place, edge) {
                let (sum, most) = counted.entry((call.class, operation)).or_default();
                *sum += exchanges.len();
                *most = (*most).max(exchanges.len());
            }
        }
        let usual = |(key, (sum, most)): ((u16, u32), (usize, usize))| {
            let calls = calls.get(&key.0).copied().unwrap_or(1);
            let mean = sum as f64 / calls as f64;
            (key, Usual { mean, most })
        };
        Self(counted.into_iter().map(usual).collect())
    }

    /// What was never asked before stands in for something that was: it is usual once.
    fn get(&self, class: u16, operation: u32) -> Usual {
        let once = Usual { mean: 1.0, most: 1 };
        self.0.get(&(class, operation)).copied().unwrap_or(once)
    }
}

fn by_operation<'a>(view: &View<'a>, call: usize, edge: usize) -> BTreeMap<u32, Vec<&'a Exchange>> {
    let mut operations: BTreeMap<u32, Vec<&'a Exchange>> = BTreeMap::new();
    for exchange in view.exchanges_of(call, edge) {
        operations
            .entry(exchange.operation)
            .or_default()
            .push(exchange);
    }
    operations
}

/// Something that was tried on an edge with calls made alone, and the attempts that they made.
#[derive(Debug)]
pub(super) struct Tried<'a> {
    /// What.
    pub(super) trial: Trial<'a>,
    /// What every call did.
    pub(super) tries: Vec<Tries<'a>>,
    /// How many calls the client gave up, so that nobody knows how many attempts would have followed.
    pub(super) left: usize,
}

impl Tried<'_> {
    /// What was wrong: `status 503`.
    pub(super) fn says(&self, edge: usize) -> String {
        let on_edge = self.trial.faults.iter().filter(|fault| fault.edge == edge);
        let mut says: Vec<&str> = on_edge.map(|fault| fault.says.as_str()).collect();
        says.dedup();
        says.join(" and ")
    }
}

/// All that was tried on an edge with calls made alone.
pub(super) fn tried_on<'a>(view: &View<'a>, edge: usize) -> Vec<Tried<'a>> {
    let usually = Usually::of(view, edge);
    let calls = &view.recording.calls;
    let on_edge = |trial: &Trial<'_>| trial.faults.iter().any(|fault| fault.edge == edge);
    let tried = |trial: Trial<'a>| {
        let mut tries = Vec::new();
        for place in &trial.calls {
            for (operation, exchanges) in by_operation(view, *place, edge) {
                let names = &view.recording.seen[edge].operations;
                let owner = exchanges.first().and_then(|first| view.owner(first));
                tries.push(Tries {
                    call: *place,
                    operation: names.get(operation as usize).map_or("?", String::as_str),
                    usual: usually.get(calls[*place].class, operation),
                    exchanges,
                    by: owner.map_or(By::Alone, |(_, by)| by),
                });
            }
        }
        let gave_up = |place: &&usize| calls[**place].outcome == Outcome::TimedOut;
        let left = trial.calls.iter().filter(gave_up).count();
        Tried { trial, tries, left }
    };
    view.trials()
        .into_iter()
        .filter(on_edge)
        .map(tried)
        .collect()
}

/// What a check of attempts says of each edge that it is said of.
pub(super) fn each_edge(
    view: &View<'_>,
    named: Option<&EdgeName>,
    (check, claim): (&str, &str),
    judge: impl FnMut(usize) -> Verdict,
) -> Vec<Verdict> {
    let edges = edges(view, named);
    if edges.is_empty() {
        let verdict = Verdict::about(check, "-", claim);
        return vec![verdict.inconclusive("this experiment has no faulted edge")];
    }
    edges.into_iter().map(judge).collect()
}

/// The edges that a check is said of: the one that it names, else all that faults were on.
pub(super) fn edges(view: &View<'_>, named: Option<&EdgeName>) -> Vec<usize> {
    match named {
        Some(name) => view.edge(name).into_iter().collect(),
        None => view.faulted_edges(),
    }
}
