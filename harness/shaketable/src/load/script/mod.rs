//! What one arrival does: a request, a command, or a journey of several of them.
//!
//! A map:
//!
//! - `run`: an arrival's work, step by step, and the record of each call;
//! - `act`: what a call does; `exec`: a command as a call; `poll`: asking until an answer is final;
//! - [`template`]: what is filled in, from [`data`], from what was captured, or by chance;
//! - `capture`: what a step takes from its answer for later ones;
//! - `oracle`: what an answer is worth; `answer`: an answer as these look at it; `pattern`; `schema`.
//!
//! **Invariant:** a request that is the same every time costs what its exchange costs: nothing is
//! filled in, kept or judged for it.

mod act;
mod answer;
mod capture;
pub mod data;
mod exec;
mod oracle;
mod pattern;
mod poll;
mod run;
mod schema;
pub mod template;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shaketable_faults::observe::Clock;

use super::client::Client;
use super::quiet::Quiet;
use super::recorder::Recorder;
use crate::record::Nanos;

pub use act::{Act, Blueprint, HttpAct};
pub use capture::{Capture, From};
pub use exec::{Commands, Program};
pub use oracle::{Expected, Matcher, Oracle, StatusRange};
pub use pattern::Pattern;
pub use poll::Poll;
pub use schema::{BodySchema, WrongSchema};

/// What one arrival does.
#[derive(Clone, Debug)]
pub struct Script {
    /// How often it is done in proportion to the others of its stream; at least 1.
    pub weight: u32,
    /// One after the other; never empty. Each is a call of its own.
    pub steps: Vec<Step>,
    /// The rows that its templates draw on.
    pub data: Option<Arc<data::Table>>,
}

impl Script {
    /// One call and nothing else.
    pub fn alone(weight: u32, step: Step) -> Self {
        Self {
            weight,
            steps: vec![step],
            data: None,
        }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its class.
    pub class: u16,
    /// How long to wait before it.
    pub pause: Duration,
    /// After how long the client gives it up; one exchange of it, where it asks until the answer is
    /// final.
    pub timeout: Duration,
    /// After how long the client leaves, as planned.
    pub abort: Option<Duration>,
    /// What is done.
    pub act: Act,
    /// What is asked behind the request until the answer is final.
    pub poll: Option<Box<Poll>>,
    /// What its answers are worth.
    pub oracle: Oracle,
    /// What is taken from its answer: of the request itself, where more is asked behind it.
    pub captures: Vec<Capture>,
    /// How often the very same is done again, whatever came of it; each time is a call of its own.
    pub repeat: u32,
    /// Whether the steps after it are done also where it ends with an error.
    pub go_on: bool,
}

impl Step {
    /// A call of which nothing else is said.
    pub fn new(class: u16, timeout: Duration, act: Act) -> Self {
        Self {
            class,
            pause: Duration::ZERO,
            timeout,
            abort: None,
            act,
            poll: None,
            oracle: Oracle::default(),
            captures: Vec::new(),
            repeat: 0,
            go_on: false,
        }
    }
}

/// What all calls of a load share.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) clock: Clock,
    pub(super) client: Client,
    pub(super) recorder: Arc<dyn Recorder>,
    pub(super) trace_base: u64,
    /// What the ids that templates make up depend on.
    pub(super) ids: u64,
    pub(super) quiet: Quiet,
    /// The classes of which a call timed out in the survey: another would take as long, and show no more.
    pub(super) given_up: RefCell<BTreeSet<u16>>,
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// When its first call should be sent.
    pub(super) due: Due,
    /// How its calls are made.
    pub(super) manner: Manner,
    /// What is random about it depends on: the seed of its stream.
    pub(super) seed: u64,
    /// Which arrival of its stream it is, from 0.
    pub(super) index: u64,
}

/// How the calls of an arrival are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Whatever else is under way.
    Together,
    /// Alone: with quiescence after each, so that what it causes is known to be its own.
    Alone,
    /// Alone, to find out what each kind of call needs; one that has timed out is not made again.
    Survey,
}

/// When a call should be sent. Reading the clock is a good part of what a call costs, so it is
/// read once where that is enough.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// At this moment, whenever it is.
    At(Nanos),
    /// Now, and this is the moment.
    Now(Nanos),
    /// When it is its turn.
    InTurn,
}

impl Due {
    /// When it should be sent, and when that is.
    fn moments(self, clock: Clock) -> (Nanos, Nanos) {
        match self {
            Self::At(intended) => (intended, clock.now()),
            Self::Now(now) => (now, now),
            Self::InTurn => {
                let now = clock.now();
                (now, now)
            }
        }
    }
}

/// How an arrival's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The target was there.
    Met,
    /// It was not even connected to: whoever tries again at once only burns the processor.
    Unmet,
}
