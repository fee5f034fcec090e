//! One exchange with a target, over a connection of its own or one that was kept.

mod kept;

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::record::{Nanos, Outcome};

pub use kept::Client;

/// Where calls go, and how they get there.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: Address,
    /// What `Host` says where a request does not: `127.0.0.1:8080`.
    pub host: String,
    /// Whether a connection carries several calls, one after the other.
    pub keep_alive: bool,
    /// How many connections to it there may be; calls beyond that wait for one.
    pub connections: Option<usize>,
}

/// Where a target listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// At an address.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query.
    pub path: &'a str,
    /// Headers, beside those that the client adds itself (`Host`, `Content-Length`).
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// The trace that the call belongs to, for `traceparent` and `x-request-id`, unless `headers`
    /// has them.
    pub trace: Trace,
    /// The body.
    pub body: &'a Bytes,
}

/// The number by which whatever a call causes can be told from all else (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The same for all calls of a load; never zero.
    pub base: u64,
    /// The number of the call, from 1.
    pub call: u64,
}

impl Trace {
    /// The trace's id: 32 hexadecimal digits.
    pub fn id(self) -> String {
        format!("{:016x}{:016x}", self.base, self.call)
    }

    /// The value of `traceparent`.
    pub fn parent(self) -> String {
        format!("00-{}-{:016x}-01", self.id(), self.call)
    }
}

/// How much of an answer is wanted; the rest is read and forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its headers.
    pub headers: bool,
    /// Its body; beyond [`BODY_MAX`] it is cut.
    pub body: bool,
}

/// How much of an answer's body is kept, in bytes.
pub const BODY_MAX: usize = 1 << 20;

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, where they were wanted.
    pub headers: HeaderMap,
    /// Its body, where it was wanted.
    pub body: Bytes,
    /// Whether the body was longer than what is kept.
    pub cut: bool,
}

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub outcome: Outcome,
    /// What happened, for a person.
    pub why: String,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(outcome: Outcome, why: &(impl ToString + ?Sized)) -> Self {
        Self {
            outcome,
            why: why.to_string(),
        }
    }
}

/// For how long an exchange has waited for a connection, known also when it is given up.
pub type Queued = Cell<Nanos>;
