//! Carries one exchange to the callee and back.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::answer::{Carrier, Outcome};
use super::head::RequestHead;
use super::relay::{Relay, Then};
use super::way::{Halt, Way, write_front};
use crate::decision::{Decision, Side};
use crate::fault::Break;
use crate::observe::{Ended, Slot};
use crate::wire::{Gone, Upstream, fill, until_gone};

impl Relay<'_> {
    /// Carries one exchange to the callee and back; `shown`: whether the caller gets the answer.
    pub(super) async fn forward(
        &mut self,
        head: &RequestHead,
        decision: &Decision,
        slot: Slot,
        shown: bool,
    ) -> Then {
        if self.upstream.is_none() {
            let (edge, more) = (self.edge, self.more_waits(head));
            let connecting = edge.connect(self.client.protocol());
            match self.while_it_waits(more, slot, connecting).await {
                Ok(Ok(upstream)) => self.upstream = Some(upstream),
                // A refused callee is not an accepted connection that closes: a reset is nearest.
                Ok(Err(_)) => return Then::Reset(Ended::Callee),
                Err(then) => return then,
            }
        }
        let Some(Upstream { socket, ahead, .. }) = &mut self.upstream else {
            return Then::Reset(Ended::Callee);
        };
        self.edge
            .log
            .update(slot, |exchange| exchange.executed = true);
        let (mut from_client, mut to_client) = self.client.split();
        let (mut from_upstream, mut to_upstream) = socket.split();
        let (sent, gave_up) = (AtomicBool::new(false), AtomicBool::new(false));
        let edge = self.edge;
        let buffer = &mut self.buffer;
        let request = async {
            let way = Way::new(decision, Side::Up, true);
            let gone = send(head, buffer, &mut from_client, &mut to_upstream, way, |n| {
                edge.went_up(n);
                edge.log
                    .update(slot, |exchange| exchange.bytes_up += n as u64);
            })
            .await;
            let gone = match gone {
                Ok(()) => {
                    sent.store(true, Ordering::Relaxed);
                    edge.passed.send_modify(|passed| *passed += 1);
                    let gone = until_gone(&mut from_client, buffer).await;
                    if gone == Gone::Closed && !buffer.is_empty() {
                        // Further requests are next, and the end comes behind them.
                        return std::future::pending().await;
                    }
                    Left::Gone(gone)
                }
                Err(left) => left,
            };
            if gone == Left::Gone(Gone::Closed) {
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
            shown,
            left: &gave_up,
        };
        let mut nowhere = tokio::io::sink();
        let response = async {
            if shown {
                carrier
                    .carry(&mut from_upstream, ahead, &mut to_client)
                    .await
            } else {
                carrier.carry(&mut from_upstream, ahead, &mut nowhere).await
            }
        };
        tokio::pin!(request, response);

        let has_left = || gave_up.load(Ordering::Relaxed);
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut response => break outcome,
                left = &mut request, if !has_left() => match left {
                    Left::Broken(how) => break Outcome::Broken(how),
                    Left::Gone(gone) => {
                        gave_up.store(true, Ordering::Relaxed);
                        edge.gave_up(slot);
                        if gone == Gone::Reset {
                            break Outcome::Caller;
                        }
                    }
                },
            }
        };
        match outcome {
            Outcome::Complete | Outcome::Callee(_) if has_left() => Then::Close(Ended::Caller),
            Outcome::Complete if head.close => Then::Close(Ended::Answered),
            // Answered before the request was through: the rest of it passes as it is.
            Outcome::Complete if !sent.load(Ordering::Relaxed) => Then::Tunnel,
            Outcome::Complete => Then::Next,
            Outcome::CompleteAndClose => Then::Close(Ended::Answered),
            Outcome::Switched | Outcome::Foreign => Then::Tunnel,
            Outcome::Broken(how) => Then::broken(how, Ended::Fault),
            Outcome::Caller => Then::Reset(Ended::Caller),
            Outcome::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Outcome::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        }
    }
}

/// How a request's way came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The caller went away.
    Gone(Gone),
    /// The fault ends the connection.
    Broken(Break),
}

/// Sends a request on as it came. Given up in the middle, the buffer holds what has not gone.
async fn send<R, W>(
    head: &RequestHead,
    buffer: &mut BytesMut,
    from: &mut R,
    to: &mut W,
    mut way: Way<'_>,
    count: impl Fn(usize) + Copy,
) -> Result<(), Left>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut body = head.body.clone();
    let mut first = head.len;
    // A body that breaks the rules of its framing has no end that we know: all that comes goes on.
    let mut endless = false;
    if way.is_plain() {
        match body.advance(&buffer[head.len..]) {
            Ok(n) => first += n,
            Err(_) => endless = true,
        }
    }
    count(first);
    halted(write_front(to, buffer, first).await).await?;
    halted(way.begin(!body.is_done()).await).await?;
    while !body.is_done() {
        if buffer.is_empty() {
            fill(from, buffer).await.map_err(Left::Gone)?;
        }
        let next = if endless {
            None
        } else {
            way.next(&mut body, buffer).ok()
        };
        if let Some(next) = next {
            halted(way.write(to, buffer, next, count).await).await?;
        } else {
            endless = true;
            count(buffer.len());
            halted(write_front(to, buffer, buffer.len()).await).await?;
        }
    }
    Ok(())
}

async fn halted(written: Result<(), Halt>) -> Result<(), Left> {
    match written {
        Ok(()) => Ok(()),
        // The callee closed early; its answer, if any, is read by the other half.
        Err(Halt::NoTaker) => std::future::pending().await,
        Err(Halt::Broken(how)) => Err(Left::Broken(how)),
    }
}
