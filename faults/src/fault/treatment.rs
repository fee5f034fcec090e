//! What relays know how to do wrong: the short list that every fault is made of.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::Flow;
use super::rewrite::Rewrite;

/// What is done to one connection, or to one exchange on it. The default leaves it untouched.
///
/// Several faults fold into one: delays add up, of two limits the tighter one counts, of two
/// answers the later one.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// The connection as a whole; means nothing to a single exchange.
    pub connection: OfConnection,
    /// The bytes from the caller to the callee.
    pub up: Flow,
    /// The bytes from the callee to the caller.
    pub down: Flow,
    /// Where the answer comes from.
    pub answer: Answer,
    /// The callee gets the request and acts on it, and its answer is thrown away: what `answer`
    /// says comes in its place.
    pub after_effect: bool,
    /// The request on its way.
    pub request: OfRequest,
    /// Changes to the answer's head and body, in this order.
    pub rewrites: Vec<Arc<dyn Rewrite>>,
    /// How the connection ends behind a complete answer.
    pub closes: Option<Break>,
}

/// What is done to a connection as a whole.
#[derive(Clone, Debug, Default)]
pub struct OfConnection {
    /// Nothing moves for so long after it was accepted.
    pub opens_late: Duration,
    /// Nothing moves at all.
    pub frozen: bool,
    /// What is sent either way vanishes, and no end is told.
    pub dark: bool,
    /// It ends by itself so long after the fault began to hold for it.
    pub ends: Option<(Duration, Break)>,
    /// It ends at once if it is idle.
    pub ends_idle: Option<Break>,
    /// At most so many connections of the edge are served at once.
    pub cap: Option<Cap>,
}

/// How many connections are served at once, and what becomes of those beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// So many.
    pub most: usize,
    /// How the ones beyond end; `None`: they wait for their turn.
    pub beyond: Option<Break>,
}

/// What is done to a request before the callee gets it.
#[derive(Clone, Debug, Default)]
pub struct OfRequest {
    /// How often the callee gets it beyond the one time.
    pub copies: u32,
    /// It waits until so many later requests of the edge have overtaken it, or this time is over.
    pub overtaken_by: Option<(u32, Duration)>,
    /// Who gets it instead of the callee.
    pub to: Option<SocketAddr>,
}

impl OfConnection {
    /// Ends it after this time; of two ends the earlier one counts.
    pub fn end(&mut self, after: Duration, how: Break) {
        if self.ends.is_none_or(|(before, _)| after < before) {
            self.ends = Some((after, how));
        }
    }
}

/// The ways in which a connection can end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// With a reset (a real RST).
    Reset,
    /// In an orderly way (FIN).
    Close,
}

impl Break {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close => "close",
        }
    }
}

/// Where the answer to an exchange comes from.
#[derive(Clone, Debug, Default)]
pub enum Answer {
    /// From the callee, as it should.
    #[default]
    Upstream,
    /// Made up by the proxy; the callee is not contacted.
    Made(Arc<dyn Make>),
    /// Nothing comes; the callee is not contacted.
    Silence,
    /// The connection ends; the callee is not contacted.
    Break(Break),
}

/// Something that answers in the callee's place.
pub trait Make: Debug + Send + Sync {
    /// The answer to a request, of which `head` is the head as sent.
    fn make(&self, head: &[u8], body: &[u8]) -> Made;
}

/// An HTTP answer that the proxy gives in the callee's place.
#[derive(Clone, Debug)]
pub struct Made {
    /// The status code.
    pub status: u16,
    /// The whole response as it goes over the wire.
    pub wire: Bytes,
    /// How long to wait before it is given.
    pub late: Duration,
}

impl Make for Made {
    fn make(&self, _: &[u8], _: &[u8]) -> Made {
        self.clone()
    }
}
