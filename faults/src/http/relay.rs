//! One caller's connection on an HTTP edge: exchange after exchange, each treated as decided.

use std::sync::Arc;

use bytes::BytesMut;

use super::body::Framing;
use super::head::RequestHead;
use super::idle::{self, Next};
use super::whole;
use crate::connection::Conn;
use crate::dice;
use crate::edge::Edge;
use crate::fault::Break;
use crate::observe::{Ended, Slot, operation};
use crate::tcp;
use crate::which::{Age, Subject};
use crate::wire::{AHEAD_MAX, Begun, Gone, Socket, Upstream, fill, swallow};

/// What becomes of the connection after an exchange.
pub(super) enum Then {
    /// The next exchange.
    Next,
    /// It ends, so that all that was written arrives.
    Close(Ended),
    /// It ends with a reset on both sides.
    Reset(Ended),
    /// The rest passes as it is.
    Tunnel,
    /// It cannot be read as HTTP, and passes as it is.
    Foreign,
    /// What comes next is for another edge.
    Leave,
}

/// Serves one connection of a caller until it ends, and says how it ended.
pub(crate) async fn serve(conn: &Conn, client: &mut Socket, begun: Option<Box<Begun>>) -> Ended {
    let Begun { first, upstream } = begun.map(|begun| *begun).unwrap_or_default();
    let mut relay = Relay {
        conn,
        edge: &conn.edge,
        client,
        buffer: first,
        upstream,
        age: Age::New,
    };
    loop {
        let next = idle::next(conn, relay.client, &mut relay.buffer, &mut relay.upstream);
        let then = match next.await {
            Next::Request(head) => match localised(conn, &mut relay.buffer, head) {
                Some(head) => {
                    conn.set_busy(true);
                    // An idle connection does not carry the room for an exchange.
                    let then = Box::pin(relay.exchange(head)).await;
                    conn.set_busy(false);
                    relay.age = Age::Reused;
                    then
                }
                None => Then::Leave,
            },
            Next::Foreign if conn.requesting_guest().is_some() => Then::Leave,
            Next::Foreign => Then::Foreign,
            Next::Caller(Gone::Closed) => Then::Close(Ended::Answered),
            Next::Caller(Gone::Reset) => Then::Reset(Ended::Caller),
            Next::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Next::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        };
        match then {
            Then::Next => {}
            Then::Close(ended) => {
                drop(relay.upstream);
                relay.client.close_gently().await;
                return ended;
            }
            Then::Reset(ended) => {
                relay.client.reset_on_close();
                if let Some(upstream) = relay.upstream {
                    upstream.socket.reset_on_close();
                }
                return ended;
            }
            Then::Leave => {
                if let Some(guest) = conn.requesting_guest() {
                    guest.leaves_with(relay.buffer);
                }
                return Ended::Answered;
            }
            Then::Tunnel => return relay.tunnel(None).await,
            Then::Foreign => {
                let slot = Some(conn.begin("connection", None, None));
                let ended = relay.tunnel(slot).await;
                conn.edge.finish(slot, ended);
                return ended;
            }
        }
    }
}

/// A request as the callee is to get it. `None`: it is not for this edge.
fn localised(conn: &Conn, buffer: &mut BytesMut, head: RequestHead) -> Option<RequestHead> {
    match conn.requesting_guest() {
        Some(guest) => guest.localise(conn, buffer, head),
        None => Some(head),
    }
}

impl Then {
    pub(super) fn broken(how: Break, ended: Ended) -> Self {
        match how {
            Break::Reset => Self::Reset(ended),
            Break::Close => Self::Close(ended),
        }
    }
}

pub(super) struct Relay<'a> {
    pub(super) conn: &'a Conn,
    pub(super) edge: &'a Arc<Edge>,
    pub(super) client: &'a mut Socket,
    /// What the caller sent and nobody has got yet.
    pub(super) buffer: BytesMut,
    pub(super) upstream: Option<Upstream>,
    /// Whether the exchange is the first on the connection.
    age: Age,
}

/// How far a request has been read into the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// Its end there.
    pub(super) end: usize,
    /// Whether that is its own end.
    pub(super) whole: bool,
}

impl Relay<'_> {
    async fn exchange(&mut self, head: RequestHead) -> Then {
        let subject = Subject {
            method: &head.method,
            target: &head.target,
            head: &self.buffer[..head.len],
            age: self.age,
            peer: self.conn.peer,
        };
        let candidates = self.edge.candidates(&subject);
        let (key, body) = if candidates.need_body() {
            let body = self.peek(&head).await;
            (key(&head, &body), Some(body))
        } else {
            (0, None)
        };
        let decision = self.edge.decide(&candidates, body.as_deref(), key);
        let slot = Some(self.conn.begin(
            &operation(&head.method, &head.target),
            head.trace,
            decision.fault().or_else(|| self.conn.treatment().1),
        ));
        self.edge.note_head(slot, &self.buffer[..head.len]);
        let dark = self.conn.until_dark(true);
        let carried = async {
            if decision.treatment().is_some() {
                Box::pin(self.treated(head, &decision, slot)).await
            } else {
                self.forward(&head, &decision, slot, true).await
            }
        };
        let carried = tokio::select! {
            biased;
            () = dark => None,
            then = carried => Some(then),
        };
        let then = match carried {
            Some(then) => then,
            None => self.stay_dark().await,
        };
        let ended = match &then {
            Then::Next | Then::Tunnel | Then::Foreign | Then::Leave => Ended::Answered,
            Then::Close(ended) | Then::Reset(ended) => *ended,
        };
        self.edge.finish(slot, ended);
        then
    }

    /// Takes what the caller sends until it leaves, or until there is a way through again, which
    /// does not bring back what was lost.
    async fn stay_dark(&mut self) -> Then {
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => {
                Then::broken(gone.into(), Ended::Caller)
            }
            () = self.conn.until_dark(false) => Then::Reset(Ended::Fault),
        }
    }

    /// Reads the request's body into the buffer, until there is so much of it. Not where the caller
    /// waits to be asked for it.
    pub(super) async fn read_ahead(&mut self, head: &RequestHead, most: usize) -> Read {
        let mut framing = head.body.clone();
        let mut end = head.len;
        while let Ok(n) = framing.advance(&self.buffer[end..]) {
            end += n;
            if framing.is_done() {
                return Read { end, whole: true };
            }
            if head.expects_continue || end - head.len >= most {
                break;
            }
            if fill(self.client, &mut self.buffer).await.is_err() {
                break;
            }
        }
        Read { end, whole: false }
    }

    /// Whether more of the caller waits in the buffer than the rest of this request.
    pub(super) fn more_waits(&self, head: &RequestHead) -> bool {
        let mut body = head.body.clone();
        let rest = self.buffer.get(head.len..).unwrap_or_default();
        body.advance(rest)
            .is_ok_and(|n| body.is_done() && n < rest.len())
    }

    /// The data of the request's body, as much as is held at most; the same however it comes in.
    async fn peek(&mut self, head: &RequestHead) -> Vec<u8> {
        if head.expects_continue {
            return Vec::new();
        }
        let read = self.read_ahead(head, AHEAD_MAX).await;
        let end = read.end.min(head.len + AHEAD_MAX);
        let body = &self.buffer[head.len..end];
        match head.body {
            Framing::Chunked(_) => whole::without_chunks(body),
            _ => body.to_vec(),
        }
    }

    /// Passes everything as it is, including what was read ahead on both sides. From here on the
    /// connection is bytes.
    async fn tunnel(self, slot: Slot) -> Ended {
        let begun = Box::new(Begun {
            first: self.buffer,
            upstream: self.upstream,
        });
        tcp::pass(self.conn, self.client, Some(begun), slot).await
    }
}

/// What a decision depends on: the request itself, and its call; or where that is unknown its body.
fn key(head: &RequestHead, body: &[u8]) -> u64 {
    let asked = dice::join(
        dice::hash(head.method.as_bytes()),
        dice::hash(head.target.as_bytes()),
    );
    let which = match head.trace {
        Some(trace) => dice::hash(&trace.to_be_bytes()),
        None => dice::hash(body),
    };
    dice::join(asked, which)
}
