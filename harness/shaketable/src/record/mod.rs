//! The recording: everything observed in one experiment. Checks judge it and nothing else.

mod samples;
mod save;

use serde::{Deserialize, Serialize};
use shaketable_faults::Protocol;
pub use shaketable_faults::observe::{Connection, Ended, Exchange, Nanos, Noted, Seen};

use crate::names::EdgeName;
pub use samples::{Life, ListenQueue, Sample, ServiceSamples, Sockets};
pub use save::{ReadError, read, write};

/// The parts that an experiment runs through.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Until the system has settled; judged by nobody.
    WarmUp,
    /// What the system does when it is left alone.
    Baseline,
    /// While the faults are active.
    Fault,
    /// After they have been taken away.
    Recovery,
}

impl Phase {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Baseline => "baseline",
            Self::Fault => "fault",
            Self::Recovery => "recovery",
        }
    }
}

/// When a phase began and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseMark {
    /// Which.
    pub phase: Phase,
    /// Its first instant.
    pub from: Nanos,
    /// The first instant after it.
    pub until: Nanos,
    /// For how long the load's own thread kept a processor busy meanwhile.
    #[serde(default)]
    pub load_cpu: Nanos,
}

impl PhaseMark {
    /// A phase in which the load cost nothing that is worth telling.
    pub fn new(phase: Phase, from: Nanos, until: Nanos) -> Self {
        Self {
            phase,
            from,
            until,
            load_cpu: 0,
        }
    }

    /// How long it took.
    pub fn length(&self) -> Nanos {
        self.until.saturating_sub(self.from)
    }
}

/// A fault as it was injected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultMark {
    /// The edge, as an index into [`Recording::edges`].
    pub edge: usize,
    /// Its number on that edge.
    pub number: u32,
    /// Its key in the suite.
    pub kind: String,
    /// One line for a person.
    pub says: String,
    /// The name of its way of hanging, if it is one.
    pub hang: Option<String>,
    /// How long it holds an answer back, if that is what it does.
    pub delay: Option<Nanos>,
    /// How long it tells callers to wait before they ask again, if it does.
    #[serde(default)]
    pub retry_after: Option<Nanos>,
    /// Whether connections are refused, so that the proxy cannot count what it hits.
    pub refuses: bool,
    /// The share of the exchanges that it is meant for.
    pub probability: f64,
    /// From when it held.
    pub from: Nanos,
    /// From when it was gone.
    pub until: Option<Nanos>,
}

/// A kind of call that the load makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Its name: `POST /orders`.
    pub name: String,
    /// The service that it is sent to.
    pub to: String,
}

/// How a call came out for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was still open when the recording ended; its latency is at least its age.
    Open,
    /// A whole response came.
    Answered,
    /// The client's own timeout passed; the latency is at least that.
    TimedOut,
    /// No connection could be made.
    Refused,
    /// The connection broke under it.
    Broken,
    /// What came was no answer: not HTTP, not TLS, too long.
    Malformed,
    /// The name of the target's host could not be looked up.
    Unresolved,
    /// This machine had no descriptor or port left for it.
    Exhausted,
    /// The client left, as planned; nobody knows how it would have come out.
    Aborted,
    /// A command ended otherwise than with success.
    Failed,
}

impl Outcome {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Malformed => "malformed",
            Self::Unresolved => "unresolved",
            Self::Exhausted => "exhausted",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        }
    }
}

/// What an answer is worth, by what the suite says of valid ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// All that was asked for.
    Full,
    /// Less, and it says so.
    Degraded,
    /// Not what it should be.
    Wrong,
}

/// What went wrong with calls of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSeen {
    /// Their class, as an index into [`Recording::classes`].
    pub class: u16,
    /// How they came out; those that were answered had a wrong answer.
    pub outcome: Outcome,
    /// The status of those answers.
    #[serde(default)]
    pub status: Option<u16>,
    /// How many.
    pub count: u64,
    /// What the first of them met.
    pub example: String,
}

/// One logical request that the load made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its class, as an index into [`Recording::classes`].
    pub class: u16,
    /// Made alone, with quiescence before and after, so that the exchanges in its time are its own.
    pub serial: bool,
    /// When it should have been sent.
    pub intended: Nanos,
    /// When it was, or would have been but for `queued`.
    pub sent: Nanos,
    /// For how long it then waited for a connection, where the suite allows only so many.
    #[serde(default)]
    pub queued: Nanos,
    /// When it ended.
    pub end: Option<Nanos>,
    /// The status of its response.
    pub status: Option<u16>,
    /// How it came out.
    pub outcome: Outcome,
    /// What its answer is worth, where the suite says what a valid one is.
    #[serde(default)]
    pub worth: Option<Worth>,
}

impl Call {
    /// One that is being taken up.
    pub fn begun(class: u16, serial: bool, intended: Nanos, sent: Nanos) -> Self {
        Self {
            class,
            serial,
            intended,
            sent,
            queued: 0,
            end: None,
            status: None,
            outcome: Outcome::Open,
            worth: None,
        }
    }

    /// Whether it got what it asked for: a valid answer (a degraded one that says so is valid),
    /// where the suite says what that is; else a status from 200 to 399.
    pub fn is_good(&self) -> bool {
        self.outcome == Outcome::Answered && self.would_be_good()
    }

    /// Whether it is good once it counts as answered.
    pub(crate) fn would_be_good(&self) -> bool {
        match self.worth {
            Some(worth) => worth != Worth::Wrong,
            None => self
                .status
                .is_some_and(|status| (200..400).contains(&status)),
        }
    }

    /// How long it took from when it was sent, without what it waited before that.
    pub fn service_time(&self, now: Nanos) -> Nanos {
        let begun = self.sent.saturating_add(self.queued);
        self.end.unwrap_or(now).saturating_sub(begun)
    }

    /// Its latency from the intended send time; a lower bound where it never ended.
    pub fn latency(&self, now: Nanos) -> Nanos {
        self.end.unwrap_or(now).saturating_sub(self.intended)
    }
}

/// A target that went away by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Death {
    /// The service.
    pub service: String,
    /// When it was noticed.
    pub at: Nanos,
    /// `exit code 1`, `signal 9`.
    pub how: String,
    /// The last lines of its log.
    pub log_tail: Vec<String>,
}

/// A moment at which somebody did not get to run, although there was something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hiccup {
    /// From when.
    pub at: Nanos,
    /// For how long.
    pub late: Nanos,
}

/// What the suite says of an edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeFacts {
    /// Caller and callee.
    pub name: EdgeName,
    /// Whether the caller is meant to live without it.
    pub soft: bool,
    /// Whether the suite says by what a degraded answer is known.
    pub marked: bool,
    /// What is spoken.
    pub protocol: Protocol,
}

/// A service of the lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceSeen {
    /// Its name.
    pub name: String,
    /// Whether we started it, so that its process can be watched.
    pub ours: bool,
    /// Whether we played it ourselves, so that it has no process.
    #[serde(default)]
    pub stub: bool,
    /// How long it took to get ready.
    pub ready_after: Nanos,
}

/// Everything observed in one experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The suite's name.
    pub suite: String,
    /// The experiment's name.
    pub experiment: String,
    /// The seed of every random decision.
    pub seed: u64,
    /// The upper half of the trace ids of our calls; the lower half is the call's index plus one.
    pub trace_base: u64,
    /// The services.
    pub services: Vec<ServiceSeen>,
    /// The edges.
    pub edges: Vec<EdgeName>,
    /// What the suite says of each, in the same order.
    #[serde(default)]
    pub facts: Vec<EdgeFacts>,
    /// The headers of requests that the proxies noted, in lower case; what exchanges say in them
    /// refers to places in this list.
    #[serde(default)]
    pub noted: Vec<String>,
    /// What was seen on each edge, in the same order.
    pub seen: Vec<Seen>,
    /// The kinds of call.
    pub classes: Vec<Class>,
    /// The calls, in the order in which they were intended.
    pub calls: Vec<Call>,
    /// Calls that found no room in the load generator and were not sent.
    pub missed: u64,
    /// What went wrong with calls.
    #[serde(default)]
    pub errors: Vec<ErrorSeen>,
    /// The phases, in order; fault and recovery may follow each other several times.
    pub phases: Vec<PhaseMark>,
    /// The faults.
    pub faults: Vec<FaultMark>,
    /// Targets that died.
    pub deaths: Vec<Death>,
    /// The harness's own stalls of 5 ms and more.
    pub hiccups: Vec<Hiccup>,
    /// Moments at which a target waited for a processor for 20 of 50 ms and more.
    pub starved: Vec<Hiccup>,
    /// What was seen of the processes of the services that we started, where the system shows it.
    #[serde(default)]
    pub samples: Vec<ServiceSamples>,
    /// When the recording ended.
    pub end: Nanos,
    /// Whether it was ended early by the user.
    pub interrupted: bool,
}

impl Recording {
    /// How a fault and its edge read in a sentence: `latency 3s on order -> inventory`.
    pub fn fault_text(&self, fault: &FaultMark) -> String {
        match self.edges.get(fault.edge) {
            Some(edge) => format!("{} on {edge}", fault.says),
            None => fault.says.clone(),
        }
    }
}
