//! One caller's connection on an HTTP edge: exchange after exchange, each treated as decided.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Carrier, Outcome};
use super::body::Framing;
use super::head::RequestHead;
use super::idle::{self, Next};
use crate::dice;
use crate::edge::{Decision, Edge};
use crate::fault::{Answer, MadeAnswer};
use crate::observe::{Ended, Slot, operation};
use crate::tcp;
use crate::which::Subject;
use crate::wire::{self, AHEAD_MAX, Gone, Upstream, fill, reset_on_close, swallow, until_gone};

/// What becomes of the connection after an exchange.
enum Then {
    /// The next exchange.
    Next,
    /// It ends, so that all that was written arrives.
    Close(Ended),
    /// It ends with a reset on both sides.
    Reset(Ended),
    /// The rest passes as it is.
    Tunnel,
}

/// Serves one connection of a caller until it ends, and says how it ended.
pub(crate) async fn serve(
    edge: &Edge,
    connection: u32,
    client: &mut TcpStream,
    first: BytesMut,
    upstream: Option<Upstream>,
) -> Ended {
    let mut relay = Relay {
        edge,
        connection,
        client,
        buffer: first,
        upstream,
    };
    loop {
        let then = match idle::next(relay.client, &mut relay.buffer, &mut relay.upstream).await {
            Next::Request(head) => relay.exchange(head).await,
            Next::Foreign => Then::Tunnel,
            Next::Caller(Gone::Closed) => Then::Close(Ended::Answered),
            Next::Caller(Gone::Reset) => Then::Reset(Ended::Caller),
            Next::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Next::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        };
        match then {
            Then::Next => {}
            Then::Close(ended) => {
                drop(relay.upstream);
                wire::close_gently(relay.client).await;
                return ended;
            }
            Then::Reset(ended) => {
                reset_on_close(relay.client);
                if let Some(upstream) = relay.upstream {
                    reset_on_close(&upstream.stream);
                }
                return ended;
            }
            Then::Tunnel => return relay.tunnel().await,
        }
    }
}

struct Relay<'a> {
    edge: &'a Edge,
    connection: u32,
    client: &'a mut TcpStream,
    buffer: BytesMut,
    upstream: Option<Upstream>,
}

impl Relay<'_> {
    async fn exchange(&mut self, head: RequestHead) -> Then {
        let subject = Subject {
            method: &head.method,
            target: &head.target,
        };
        let key = self.key(&head).await;
        let decision = self.edge.decide(Some(subject), key);
        let slot = self.edge.begin(
            self.connection,
            &operation(&head.method, &head.target),
            head.trace,
            decision.fault,
        );
        let then = match decision.treatment.answer.clone() {
            Answer::Upstream => self.forward(&head, &decision, slot).await,
            Answer::Silence => self.stay_silent(&decision).await,
            Answer::Made(made) => self.make_up(head, &decision, slot, &made).await,
            Answer::Reset => {
                let _ = self.skip_request(head.len, head.body).await;
                Then::Reset(Ended::Fault)
            }
        };
        let ended = match &then {
            Then::Next | Then::Tunnel => Ended::Answered,
            Then::Close(ended) | Then::Reset(ended) => *ended,
        };
        self.edge.finish(slot, ended);
        then
    }

    /// What the decision depends on when the call is unknown: the request itself. Its body is
    /// looked at only where some fault draws lots.
    async fn key(&mut self, head: &RequestHead) -> u64 {
        if !self.edge.draws_lots() {
            return 0;
        }
        if let Some(trace) = head.trace {
            return dice::hash(&trace.to_be_bytes());
        }
        let mut framing = head.body.clone();
        let mut read = head.len;
        while !framing.is_done()
            && self.buffer.len() - head.len < AHEAD_MAX
            && !head.expects_continue
        {
            match framing.advance(&self.buffer[read..]) {
                Ok(n) => read += n,
                Err(_) => break,
            }
            if !framing.is_done() && fill(self.client, &mut self.buffer).await.is_err() {
                break;
            }
        }
        let asked = dice::join(
            dice::hash(head.method.as_bytes()),
            dice::hash(head.target.as_bytes()),
        );
        dice::join(asked, dice::hash(&self.buffer[head.len..read]))
    }

    /// Reads a request to its end without passing it on.
    async fn skip_request(&mut self, head: usize, mut body: Framing) -> Result<(), Gone> {
        let _ = self.buffer.split_to(head);
        loop {
            let taken = body.advance(&self.buffer).map_err(|_| Gone::Reset)?;
            let _ = self.buffer.split_to(taken);
            if body.is_done() {
                return Ok(());
            }
            fill(self.client, &mut self.buffer).await?;
        }
    }

    async fn stay_silent(&mut self, decision: &Decision) -> Then {
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => match gone {
                Gone::Closed => Then::Close(Ended::Caller),
                Gone::Reset => Then::Reset(Ended::Caller),
            },
            () = decision.lifted() => Then::Reset(Ended::Fault),
        }
    }

    async fn make_up(
        &mut self,
        head: RequestHead,
        decision: &Decision,
        slot: Slot,
        made: &MadeAnswer,
    ) -> Then {
        // Without the 100 that it waits for, the caller sends no body: answer and close.
        let close = head.close || head.expects_continue;
        if head.expects_continue {
            self.buffer.clear();
        } else if let Err(gone) = self.skip_request(head.len, head.body).await {
            return if gone == Gone::Reset {
                Then::Reset(Ended::Caller)
            } else {
                Then::Close(Ended::Caller)
            };
        }
        tokio::select! {
            gone = until_gone(self.client, &mut self.buffer) => {
                return if gone == Gone::Reset { Then::Reset(Ended::Caller) } else { Then::Close(Ended::Caller) };
            }
            () = decision.hold(decision.treatment.delay) => {}
        }
        let mut wire = &made.wire[..];
        if head.method == "HEAD" {
            let end = wire
                .windows(4)
                .position(|w| w == b"\r\n\r\n")
                .map_or(wire.len(), |at| at + 4);
            wire = &wire[..end];
        }
        self.edge.log.update(slot, |exchange| {
            exchange.status = Some(made.status);
            exchange.bytes_down += wire.len() as u64;
        });
        match self.client.write_all(wire).await {
            Err(_) => Then::Reset(Ended::Caller),
            Ok(()) if close => Then::Close(Ended::Answered),
            Ok(()) => Then::Next,
        }
    }

    async fn forward(&mut self, head: &RequestHead, decision: &Decision, slot: Slot) -> Then {
        if self.upstream.is_none() {
            match self.edge.connect().await {
                Ok(upstream) => self.upstream = Some(upstream),
                // A refused callee is not an accepted connection that closes: a reset is nearest.
                Err(_) => return Then::Reset(Ended::Callee),
            }
        }
        let Some(Upstream { stream, ahead }) = &mut self.upstream else {
            return Then::Reset(Ended::Callee);
        };
        self.edge
            .log
            .update(slot, |exchange| exchange.executed = true);
        let (mut from_client, mut to_client) = self.client.split();
        let (mut from_upstream, mut to_upstream) = stream.split();
        let sent = AtomicBool::new(false);
        let edge = self.edge;
        let buffer = &mut self.buffer;
        let request = async {
            let gone = send(head, buffer, &mut from_client, &mut to_upstream, |n| {
                edge.log
                    .update(slot, |exchange| exchange.bytes_up += n as u64);
            })
            .await;
            sent.store(gone.is_ok(), Ordering::Relaxed);
            let gone = match gone {
                Ok(()) => until_gone(&mut from_client, buffer).await,
                Err(gone) => gone,
            };
            if gone == Gone::Closed {
                // A half-closed connection still gets its answer.
                let _ = to_upstream.shutdown().await;
            }
            gone
        };
        let carrier = Carrier {
            edge,
            slot,
            method: &head.method,
            upgrade: head.upgrade,
            decision,
        };
        let response = carrier.carry(&mut from_upstream, ahead, &mut to_client);
        tokio::pin!(request, response);

        let mut gave_up = None;
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut response => break outcome,
                gone = &mut request, if gave_up.is_none() => {
                    gave_up = Some(edge.clock.now());
                    edge.gave_up(slot);
                    if gone == Gone::Reset {
                        break Outcome::Caller;
                    }
                }
            }
        };
        match outcome {
            Outcome::Complete | Outcome::Callee(_) if gave_up.is_some() => {
                Then::Close(Ended::Caller)
            }
            Outcome::Complete if head.close => Then::Close(Ended::Answered),
            // Answered before the request was through: the rest of it passes as it is.
            Outcome::Complete if !sent.load(Ordering::Relaxed) => Then::Tunnel,
            Outcome::Complete => Then::Next,
            Outcome::CompleteAndClose => Then::Close(Ended::Answered),
            Outcome::Switched | Outcome::Foreign => Then::Tunnel,
            Outcome::Cut => Then::Reset(Ended::Fault),
            Outcome::Caller => Then::Reset(Ended::Caller),
            Outcome::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Outcome::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        }
    }

    /// Passes everything as it is, including what was read ahead on both sides.
    async fn tunnel(self) -> Ended {
        let upstream = match self.upstream {
            Some(upstream) => upstream,
            None => {
                if let Ok(upstream) = self.edge.connect().await {
                    upstream
                } else {
                    reset_on_close(self.client);
                    return Ended::Callee;
                }
            }
        };
        tcp::tunnel(
            self.edge,
            self.client,
            self.buffer,
            upstream,
            None,
            &Decision::default(),
        )
        .await
    }
}

/// Sends a request on as it came.
async fn send<R, W>(
    head: &RequestHead,
    buffer: &mut BytesMut,
    from: &mut R,
    to: &mut W,
    count: impl Fn(usize),
) -> Result<(), Gone>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut body = head.body.clone();
    let mut ready = head.len + body.advance(&buffer[head.len..]).map_err(|_| Gone::Reset)?;
    loop {
        count(ready);
        let mut bytes = buffer.split_to(ready);
        if to.write_all_buf(&mut bytes).await.is_err() {
            // The callee closed early; its answer, if any, is read by the other half.
            return std::future::pending().await;
        }
        if body.is_done() {
            return Ok(());
        }
        if buffer.is_empty() {
            fill(from, buffer).await?;
        }
        ready = body.advance(buffer).map_err(|_| Gone::Reset)?;
    }
}
