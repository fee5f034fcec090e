//! One exchange with a target, over a connection of its own or one that was kept.
//!
//! | file | what it is for |
//! |---|---|
//! | `target` | where calls go, and how they get there |
//! | `connect`, `resolve` | from a target to a connection with it |
//! | `wire` | that connection: TCP or a Unix socket, and TLS over it |
//! | `lean` | HTTP/1.1, on bare sockets |
//! | `lanes` | its connections, kept alive, never shared by two calls |
//! | `path`, `trace` | paths, and the ids of calls, as they are sent |
//! | `shared` | HTTP/2, whose connections carry many calls at once |

mod connect;
mod lanes;
mod lean;
mod path;
mod resolve;
mod shared;
mod target;
mod trace;
mod wire;

use std::cell::Cell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use self::lanes::Lanes;
use self::shared::Shared;
use crate::record::{Nanos, Outcome};

pub use target::{Address, Target, Version};
pub use trace::Trace;

/// The connections of one thread to the targets of a load.
#[derive(Debug)]
pub struct Client {
    targets: Vec<To>,
}

/// One target, by what is spoken with it.
#[derive(Debug)]
enum To {
    Http1(Lanes),
    Http2(Shared),
}

impl Client {
    /// A client without any connections yet.
    pub fn new(targets: Vec<Target>) -> Self {
        let to = |target: Target| match target.version {
            Version::Http1 => To::Http1(Lanes::new(target)),
            Version::Http2 => To::Http2(Shared::new(target)),
        };
        Self {
            targets: targets.into_iter().map(to).collect(),
        }
    }

    /// Makes one exchange with a target (an index into the list that it was made of) and reads the
    /// answer to its end. Dropping the future closes the connection that it uses; with HTTP/2 it
    /// cancels the stream.
    pub async fn exchange(
        &self,
        target: usize,
        request: &Request<'_>,
        wanted: Wanted,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        match self.targets.get(target) {
            Some(To::Http1(lanes)) => lanes.exchange(request, wanted, queued).await,
            Some(To::Http2(shared)) => shared.exchange(request, wanted, queued).await,
            None => Err(Failure::new(Outcome::Unresolved, "there is no such target")),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_waits_for_its_answer_owns_next_to_nothing() {
        let target = Target::new(Address::Tcp(([127, 0, 0, 1], 1).into()), "a");
        let client = Client::new(vec![target]);
        let request = Request {
            method: &Method::GET,
            path: "/",
            headers: &[],
            trace: Trace { base: 1, call: 1 },
            body: &Bytes::new(),
        };
        let queued = Queued::default();
        let exchange = client.exchange(0, &request, Wanted::default(), &queued);
        let bytes = size_of_val(&exchange);
        assert!(bytes <= 1024, "{bytes} bytes, ten thousand times over");
    }
}
