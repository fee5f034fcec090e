//! The load of an experiment: streams of calls, and users of goose.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use shaketable_faults::units::HumanDuration;

use super::{CalleeTls, Journey, Request};
use crate::load::{Arrival, Pacing};
use crate::record::Phase;

/// What is asked of the system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// How exactly calls are sent when they are due.
    pub pacing: Pacing,
    /// Side by side; none where the targets drive themselves, or goose alone does.
    pub streams: Vec<Stream>,
    /// What goose does beside them.
    pub goose: Option<Goose>,
}

impl Load {
    /// Every kind of call by its name: its place here is the class of its calls. Streams may have
    /// the same kinds.
    pub fn kinds(&self) -> IndexMap<&str, &Request> {
        let mut kinds = IndexMap::new();
        let goose = match &self.goose {
            Some(Goose::Users { requests, .. }) => requests.as_slice(),
            Some(Goose::Journeys { .. }) | None => &[],
        };
        let streams = self.streams.iter().flat_map(|stream| &stream.requests);
        for request in streams.chain(goose).flat_map(|journey| &journey.steps) {
            kinds.entry(request.name.as_str()).or_insert(request);
        }
        kinds
    }
}

/// What goose does, in a process of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Goose {
    /// It makes the suite's requests.
    Users {
        /// How many users there are.
        users: usize,
        /// How long each waits between its requests.
        think: Duration,
        /// After how long a request is given up.
        timeout: Duration,
        /// What they ask; never empty.
        requests: Vec<Journey>,
    },
    /// It runs journeys that somebody wrote for it.
    Journeys {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The directory of the file that names it.
        cwd: PathBuf,
        /// The service that they lead through.
        to: String,
        /// How many users there are; what the program says when it is left out.
        users: Option<usize>,
    },
}

impl fmt::Display for Goose {
    /// `goose, 10 users who think 100ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |users: usize| if users == 1 { "user" } else { "users" };
        match self {
            Self::Users { users, think, .. } => {
                write!(f, "goose, {users} {}", count(*users))?;
                if !think.is_zero() {
                    write!(f, " who think {}", HumanDuration(*think))?;
                }
                Ok(())
            }
            Self::Journeys {
                argv, to, users, ..
            } => {
                let program = argv.first().map_or("", String::as_str);
                write!(f, "goose, journeys of `{program}` through {to}")?;
                if let Some(users) = users {
                    write!(f, " by {users} {}", count(*users))?;
                }
                Ok(())
            }
        }
    }
}

/// Calls that arrive in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name; empty where it is the only one and has none.
    pub name: String,
    /// The phase with which calls begin to arrive.
    pub starts: Phase,
    /// How long after the beginning of that phase.
    pub after: Duration,
    /// For how long they arrive; to the end when left out.
    pub lasts: Option<Duration>,
    /// Whether they do so each time that the phase comes.
    pub again: bool,
    /// How many arrive at most.
    pub calls: Option<u64>,
    /// How they arrive.
    pub arrival: Arrival,
    /// How many may be under way at once.
    pub in_flight: usize,
    /// How many connections to each service there may be.
    pub connections: Option<usize>,
    /// How calls get there.
    pub over: Over,
    /// After how long the load itself gives a call up.
    pub timeout: Duration,
    /// What arrives, by weight; never empty.
    pub requests: Vec<Journey>,
}

/// How calls get to the services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Over {
    /// Whether HTTP/2 is spoken, and not HTTP/1.1.
    pub http2: bool,
    /// How a service is known, where TLS is spoken.
    pub tls: Option<CalleeTls>,
    /// The Unix socket, instead of the service's port.
    pub unix: Option<PathBuf>,
}

impl Over {
    /// What is not plain HTTP/1.1 over TCP, for a person.
    fn describe(&self) -> String {
        let http = if self.http2 { "HTTP/2" } else { "HTTP/1.1" };
        let tls = if self.tls.is_some() {
            " within TLS"
        } else {
            ""
        };
        let unix = self
            .unix
            .as_ref()
            .map(|path| format!(" at {}", path.display()));
        format!("{http}{tls}{}", unix.unwrap_or_default())
    }
}

impl Stream {
    /// One line for a person: when calls arrive, and how often.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        if !self.name.is_empty() {
            let _ = write!(text, "{}: ", self.name);
        }
        let _ = write!(text, "{}", self.arrival);
        if let Some(calls) = self.calls {
            let _ = write!(text, ", {calls} calls at most");
        }
        if self.starts != Phase::WarmUp || !self.after.is_zero() {
            let _ = write!(text, ", from the {}", self.starts.name());
        }
        if !self.after.is_zero() {
            let _ = write!(text, " and {}", HumanDuration(self.after));
        }
        if let Some(lasts) = self.lasts {
            let _ = write!(text, ", for {}", HumanDuration(lasts));
        }
        if self.over != Over::default() {
            let _ = write!(text, ", by {}", self.over.describe());
        }
        text
    }
}
