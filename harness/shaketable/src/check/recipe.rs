//! Recipes: what a check needs to be shaken by, where the suite leaves that to it.
//!
//! A suite that names checks in an experiment without faults gets experiments made of their
//! recipes; checks whose recipes are the same share one.

use std::time::Duration;

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use shaketable_faults::fault::Hang;

use crate::names::EdgeName;
use crate::record::EdgeFacts;

/// How often each kind of call is made alone before anything else is done, to see what it needs.
pub(crate) const SURVEYS: usize = 3;

/// One thing to try.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Where; anywhere, where nothing goes wrong.
    pub edge: Option<EdgeName>,
    /// What goes wrong there, all of it at once: as a suite writes it, without the edge.
    pub faults: Vec<Value>,
    /// How calls are made meanwhile.
    pub way: Way,
}

/// How calls are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// One at a time, each with quiescence behind it.
    Alone(Alone),
    /// As the suite's load has them.
    Load(UnderLoad),
}

/// Calls that are made one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alone {
    /// How many of a kind.
    pub calls: usize,
    /// Of which kinds.
    pub of: Kinds,
    /// How long the client waits for one at most, where its own patience is longer: a caller that
    /// never gives up has shown that by then.
    pub patience: Option<Duration>,
    /// What happens when the caller turns away from the edge, because a breaker opened. Nothing
    /// here: the fault is lifted until it comes back, and the rest of the calls are made. A time:
    /// calls go on under the fault, for so long at most, until it comes back by itself.
    pub watch: Option<Duration>,
}

impl Alone {
    /// So many calls of a kind, whose clients are as patient as the suite has them.
    pub fn calls(calls: usize, of: Kinds) -> Self {
        Self {
            calls,
            of,
            patience: None,
            watch: None,
        }
    }

    /// The same, with a client that waits so long at most.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

/// Which kinds of call are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinds {
    /// The first that needs the edge: for faults that make a call wait.
    One,
    /// All that need the edge.
    All,
    /// All of the load's, also those that do not need the edge.
    Every,
}

/// The phases under load, each at least so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnderLoad {
    /// With the faults in force.
    pub fault: Duration,
    /// After they are gone.
    pub recovery: Duration,
    /// How often the two follow each other. More than once, the load pauses in the recoveries and
    /// in the baseline, so that what is left over can be seen.
    pub cycles: usize,
    /// What is asked of the system meanwhile.
    pub asks: Asks,
}

impl UnderLoad {
    /// A fault phase and a recovery, under the suite's load.
    pub fn once(fault: Duration, recovery: Duration) -> Self {
        Self {
            fault,
            recovery,
            cycles: 1,
            asks: Asks::AsWritten,
        }
    }
}

/// What is asked of the system under load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asks {
    /// What the suite's load says.
    AsWritten,
    /// Nothing but so many calls at once, when the fault phase begins.
    Burst(usize),
    /// What the suite's load says; and so many times as much in the first part of the fault phase.
    Times(
        /// How many times.
        f64,
        /// For how long.
        Duration,
    ),
}

impl Recipe {
    /// Calls one at a time while these things are wrong on an edge, all at once.
    pub fn alone(edge: &EdgeName, faults: Vec<Value>, alone: Alone) -> Self {
        Self {
            edge: Some(edge.clone()),
            faults,
            way: Way::Alone(alone),
        }
    }

    /// Calls one at a time, of every kind, while all is well.
    pub fn untouched(calls: usize) -> Self {
        Self {
            edge: None,
            faults: Vec::new(),
            way: Way::Alone(Alone::calls(calls, Kinds::Every)),
        }
    }

    /// The suite's load while these things are wrong on an edge, all at once.
    pub fn load(edge: &EdgeName, faults: Vec<Value>, load: UnderLoad) -> Self {
        Self {
            edge: Some(edge.clone()),
            faults,
            way: Way::Load(load),
        }
    }
}

/// What is wrong on an edge that keeps its caller waiting in each of the ways there are. Connections
/// that are there already would not notice a connection that is never accepted.
pub fn hangs() -> [(Hang, Vec<Value>); 4] {
    Hang::ALL.map(|hang| {
        let faults = match hang {
            Hang::Connect => vec![json!({ "backlog_full": true }), json!({ "cut_idle": true })],
            Hang::Accepted => vec![json!({ "hang": true })],
            Hang::Headers => vec![json!({ "stall": {} })],
            Hang::Drip => vec![json!({ "drip": { "every": "500ms" } })],
        };
        (hang, faults)
    })
}

/// The edges that a check is about: the one that it names, else all of them.
pub fn about<'a>(
    named: Option<&'a EdgeName>,
    edges: &'a [EdgeFacts],
) -> impl Iterator<Item = &'a EdgeFacts> {
    edges
        .iter()
        .filter(move |edge| named.is_none_or(|name| *name == edge.name))
}

/// The same without those that carry bytes.
pub fn about_http<'a>(
    named: Option<&'a EdgeName>,
    edges: &'a [EdgeFacts],
) -> impl Iterator<Item = &'a EdgeFacts> {
    about(named, edges).filter(|edge| edge.protocol != Protocol::Tcp)
}

/// Failures that a caller can get over: two in a row among eight exchanges, so that a sound breaker
/// stays closed. A call that retries shows up to two gaps; of `calls`, every seventh is hit at least.
pub fn now_and_then(edge: &EdgeName, calls: usize) -> Recipe {
    let failing = |skip: u64| json!({ "status": 503, "times": { "skip": skip, "every": 8 } });
    Recipe::alone(
        edge,
        vec![failing(0), failing(1)],
        Alone::calls(calls, Kinds::One),
    )
}

/// The answer to the first attempt is lost, after the callee has acted.
pub fn answer_lost() -> Vec<Value> {
    vec![json!({ "response_lost": "reset", "times": { "first": 1, "of": "each_request" } })]
}
