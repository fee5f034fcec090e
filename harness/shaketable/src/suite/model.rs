//! The suite as the rest of the house sees it: complete, checked, every default filled in.
//!
//! How it is written down is another matter, and stands in `written`.

mod load;
mod request;
mod stage;

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;
use shaketable_faults::Protocol;
use shaketable_faults::fault::{self, Fault};
use shaketable_faults::stub;
use shaketable_faults::switchboard::Route;
use shaketable_faults::times::{Schedule, Shape, Times};
use shaketable_faults::tls::StartTls;
use shaketable_faults::units::HumanDuration;
use shaketable_faults::which::Which;

use crate::between::form::Form;
use crate::between::names::{self, Called, Meaning};
use crate::between::template::Template;
use crate::check::{self, Check};
use crate::load::script::Matcher;
use crate::names::EdgeName;
use crate::record::EdgeFacts;
pub use load::*;
pub use request::*;
pub use stage::*;

/// A whole suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// What it is called.
    pub name: String,
    /// The seed, where the suite fixes one.
    pub seed: Option<u64>,
    /// The directory of the file that was loaded.
    pub dir: PathBuf,
    /// The API of the Toxiproxy server that carries the faults out, where it is not we who do.
    pub backend: Option<SocketAddr>,
    /// Run once for a lab, before its services start.
    pub setup: Vec<Command>,
    /// Run when the services are ready, before the load.
    pub reset: Vec<Command>,
    /// Run after the services have ended.
    pub teardown: Vec<Command>,
    /// The services by name, in the order in which they are written.
    pub services: IndexMap<String, Service>,
    /// The dependencies between them, in the order of their callers.
    pub edges: Vec<Edge>,
    /// The experiments by name, in the order in which they are written.
    pub experiments: IndexMap<String, Experiment>,
}

/// A command line, split but not yet expanded: `$PORT` still stands as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// Where it runs: the directory of the file that names it.
    pub cwd: PathBuf,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// How it comes to run.
    pub start: Start,
    /// The port that it is to listen on; a free one when none is fixed.
    pub port: Option<u16>,
    /// What is added to its environment; not yet expanded.
    pub env: IndexMap<String, String>,
    /// The files that are written for it, by their paths below `$FILES`.
    pub files: IndexMap<String, Template>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// How to see that it is ready.
    pub ready: Ready,
    /// How long it may take until then.
    pub ready_timeout: Duration,
    /// How long it has between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// How a service comes to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A program; not yet expanded.
    Run {
        /// The program and its arguments; never empty.
        argv: Vec<String>,
    },
    /// A binary of a Cargo workspace, built first.
    Cargo {
        /// The package, where the binary's name alone does not tell.
        package: Option<String>,
        /// The binary.
        bin: String,
        /// Its arguments; not yet expanded.
        args: Vec<String>,
        /// Whether it is built with optimisation.
        release: bool,
    },
    /// Nothing runs: Shaketable plays it.
    Stub(Arc<stub::Spec>),
    /// It already runs, here.
    Address(SocketAddr),
}

impl Service {
    /// Whether it is a process that we start.
    pub fn is_started(&self) -> bool {
        matches!(self.start, Start::Run { .. } | Start::Cargo { .. })
    }
}

/// How to see that a service is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A GET of this path is answered with a 2xx.
    Http(String),
    /// Its port accepts a connection.
    Tcp,
    /// This text occurs in what it prints.
    Log(String),
    /// This command ends with success; not yet expanded.
    Command(Vec<String>),
}

/// One dependency, with its proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Caller and callee.
    pub name: EdgeName,
    /// The caller's environment variables in which it finds the proxy, and what each holds.
    pub variables: IndexMap<String, Form>,
    /// Where the proxy listens; at a free port of 127.0.0.1 when nothing is fixed.
    pub listen: Option<SocketAddr>,
    /// The names of hosts that are the proxy's for this caller alone.
    pub hosts: Vec<String>,
    /// The hosts by which the caller asks its HTTP proxy for the callee.
    pub proxied: Vec<Route>,
    /// What is spoken.
    pub protocol: Protocol,
    /// Where TLS is spoken beneath it.
    pub tls: Tls,
    /// Whether the caller is meant to live without it.
    pub soft: bool,
    /// By what an answer that came about without it is known.
    pub marker: Option<Matcher>,
}

/// Where TLS is spoken on an edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether the caller speaks it.
    pub from_caller: bool,
    /// How the proxy knows the callee, where that speaks it.
    pub to_callee: Option<CalleeTls>,
}

/// How a callee that speaks TLS is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CalleeTls {
    /// The file with the certificates that it is held against; `None`: whoever answers is believed.
    pub ca: Option<PathBuf>,
    /// The name, or IP address, that its certificate is for.
    pub name: String,
    /// How it is asked for TLS first, where that is needed.
    pub starttls: Option<StartTls>,
}

impl Edge {
    /// What checks may know of it.
    pub fn facts(&self) -> EdgeFacts {
        EdgeFacts {
            name: self.name.clone(),
            soft: self.soft,
            marked: self.marker.is_some(),
            protocol: self.protocol,
        }
    }

    /// The names by which the caller may look for the callee, beside addresses.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let proxied = self.proxied.iter().map(|route| route.host.as_str());
        self.hosts.iter().map(String::as_str).chain(proxied)
    }
}

/// Every `$NAME` that a caller has by its edges; all of them must be its own. What a name is about
/// is counted in their order.
pub fn names_of_caller<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> IndexMap<String, Meaning> {
    let called = |edge: &'a Edge| Called {
        callee: &edge.name.callee,
        variables: &edge.variables,
        secure: edge.tls.from_caller,
    };
    let called: Vec<Called<'a>> = edges.into_iter().map(called).collect();
    names::of_caller(&called)
}

/// Load and faults over phases, and the checks that must hold.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// What goes wrong in the fault phase; may be nothing.
    pub faults: Vec<FaultEntry>,
    /// What is asked of the system.
    pub load: Load,
    /// How long its clients wait for one call at most, where the load would have them wait longer.
    pub patience: Option<Duration>,
    /// What is done, one phase after the other.
    pub stages: Vec<Stage>,
    /// What must hold; nothing, where somebody only wants to see.
    pub checks: Vec<CheckEntry>,
}

impl Experiment {
    /// How long it takes, about.
    pub fn planned(&self) -> Duration {
        self.stages.iter().map(Stage::planned).sum()
    }

    /// Whether calls are made one at a time, whatever the load says of their arrival.
    pub fn is_alone(&self) -> bool {
        let under_load = |stage: &Stage| matches!(stage.lasts, Lasts::Time(_));
        !self.stages.iter().any(under_load)
    }
}

/// One fault on one edge.
#[derive(Clone, Debug)]
pub struct FaultEntry {
    /// Where.
    pub edge: EdgeName,
    /// Which kind of fault.
    pub kind: &'static fault::Kind,
    /// Its value as written.
    pub value: Value,
    /// The fault itself.
    pub fault: Arc<dyn Fault>,
    /// The exchanges that it is meant for.
    pub which: Which,
    /// Which of these by their count.
    pub times: Times,
    /// The share of these that it hits, above 0 and at most 1.
    pub probability: f64,
    /// From when to when, counted from when it is injected.
    pub schedule: Schedule,
    /// Whether it is injected before the services start.
    pub from_start: bool,
    /// Where it is written.
    pub at: Position,
}

impl FaultEntry {
    /// One line for a person: what, and when if that is not the whole phase.
    pub fn describe(&self) -> String {
        let mut text = self.fault.describe();
        let Schedule {
            after,
            lasts,
            shape,
        } = self.schedule;
        if !after.is_zero() {
            let _ = write!(text, ", after {}", HumanDuration(after));
        }
        if let Some(lasts) = lasts {
            let _ = write!(text, ", for {}", HumanDuration(lasts));
        }
        match shape {
            Shape::Steady => {}
            Shape::Ramp { over } => {
                let _ = write!(text, ", growing over {over}");
            }
            Shape::Wave { on, off } => {
                let _ = write!(text, ", {on} on and {off} off");
            }
            Shape::Outages { up, down } => {
                let _ = write!(text, ", in outages of about {down} every {up}");
            }
        }
        if self.from_start {
            text.push_str(", from the start");
        }
        text
    }
}

/// One check of an experiment.
#[derive(Clone, Debug)]
pub struct CheckEntry {
    /// Which kind of check.
    pub kind: &'static check::Kind,
    /// Its parameters as written.
    pub params: Value,
    /// The check itself.
    pub check: Arc<dyn Check>,
    /// Where it is written.
    pub at: Position,
}

/// A place in a file, counted from 1 as people do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// The file, as its path was given.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
