//! Carries the callee's answer back to the caller: held back, cut off, changed or untouched.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::body::Framing;
use super::head;
use super::way::{Halt, Way};
use super::whole::{self, Rewritten};
use crate::decision::{Decision, Held, Side};
use crate::edge::Edge;
use crate::fault::Break;
use crate::observe::Slot;
use crate::timer;
use crate::wire::{Gone, fill, give};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Complete; another exchange may follow on the connection.
    Complete,
    /// Complete, and the connection ends with it.
    CompleteAndClose,
    /// The callee switched protocols: both directions pass as they are from now on.
    Switched,
    /// The fault ended the connection.
    Broken(Break),
    /// The callee went away before its end.
    Callee(Gone),
    /// The caller did not want it any more.
    Caller,
    /// It is not HTTP: the rest passes as it is.
    Foreign,
}

impl From<Halt> for Outcome {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::NoTaker => Self::Caller,
            Halt::Broken(how) => Self::Broken(how),
        }
    }
}

/// What one answer is carried with.
pub(super) struct Carrier<'a> {
    pub(super) edge: &'a Edge,
    pub(super) slot: Slot,
    pub(super) method: &'a str,
    pub(super) upgrade: bool,
    pub(super) decision: &'a Decision,
    /// Whether the caller is to learn of it: not when another answer comes in its place.
    pub(super) shown: bool,
    /// Set when the caller has closed its direction.
    pub(super) left: &'a AtomicBool,
}

impl Carrier<'_> {
    /// Reads the answer from the callee and passes it on.
    pub(super) async fn carry<R, W>(
        &self,
        from: &mut R,
        ahead: &mut BytesMut,
        to: &mut W,
    ) -> Outcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let treatment = self.decision.treatment().filter(|_| self.shown);
        let mut held_back = false;
        loop {
            let head = match head::response(ahead, self.method) {
                Ok(Some(head)) => head,
                Err(head::NotHttp(_)) => return Outcome::Foreign,
                Ok(None) => {
                    if let Err(gone) = fill(from, ahead).await {
                        // What there is of a broken head is the caller's to see.
                        let _ = give(to, ahead).await;
                        return Outcome::Callee(gone);
                    }
                    continue;
                }
            };
            if !held_back {
                held_back = true;
                let now = self.edge.clock.now();
                self.edge
                    .log
                    .update(self.slot, |exchange| exchange.first_byte = Some(now));
                if self.shown && self.decision.hold(Side::Down).await == Held::Dropped {
                    return Outcome::Broken(Break::Reset);
                }
            }
            let interim = matches!(head.status, 100..=199) && head.status != 101;
            if !interim && self.shown {
                self.edge
                    .log
                    .update(self.slot, |exchange| exchange.status = Some(head.status));
            }
            let way = Way::new(self.decision, Side::Down, self.shown);
            let mut way = way.watching(self.left);
            let changes = treatment.map_or(&[][..], |t| &t.rewrites);
            let changed = if interim || changes.is_empty() {
                Rewritten::Not
            } else {
                match whole::rewrite(self, &head, from, ahead, changes).await {
                    Ok(changed) => changed,
                    Err(gone) => {
                        // What there is of it is the caller's to see.
                        self.count(ahead.len());
                        let _ = give(to, ahead).await;
                        return Outcome::Callee(gone);
                    }
                }
            };
            if !changes.is_empty() && !interim && matches!(changed, Rewritten::Not) {
                self.leave_unclaimed();
            }
            let mut framing = head.body.clone();
            let mut bytes = match changed {
                Rewritten::Whole(first, body) => {
                    let ends = head.close || head.body == Framing::UntilClose;
                    return match self.give((first, body), to, &mut way).await {
                        Outcome::Complete if ends => Outcome::CompleteAndClose,
                        outcome => outcome,
                    };
                }
                Rewritten::Head(first) => first,
                // Head and body leave together where they came together.
                Rewritten::Not if treatment.is_none() && !interim => {
                    match framing.advance(&ahead[head.len..]) {
                        Ok(n) => ahead.split_to(head.len + n),
                        Err(_) => return self.foreign(head.len, ahead, to).await,
                    }
                }
                Rewritten::Not => ahead.split_to(head.len),
            };
            self.count(bytes.len());
            if give(to, &mut bytes).await.is_err() {
                return Outcome::Caller;
            }
            if interim {
                continue;
            }
            let tunnel = head.status == 101
                || (self.method == "CONNECT" && (200..300).contains(&head.status));
            if self.upgrade && tunnel {
                return Outcome::Switched;
            }
            let until_close = head.body == Framing::UntilClose;
            return match self
                .body(framing, until_close, from, ahead, to, &mut way)
                .await
            {
                Outcome::Complete if head.close => Outcome::CompleteAndClose,
                outcome => outcome,
            };
        }
    }

    /// The head is well, the body is not: the caller gets what came.
    async fn foreign<W: AsyncWrite + Unpin>(
        &self,
        head: usize,
        ahead: &mut BytesMut,
        to: &mut W,
    ) -> Outcome {
        let mut bytes = ahead.split_to(head);
        self.count(bytes.len());
        match give(to, &mut bytes).await {
            Ok(()) => Outcome::Foreign,
            Err(_) => Outcome::Caller,
        }
    }

    /// Gives a changed answer: its head at once, its body as limited as the fault says.
    async fn give<W: AsyncWrite + Unpin>(
        &self,
        (mut head, mut body): (BytesMut, BytesMut),
        to: &mut W,
        way: &mut Way<'_>,
    ) -> Outcome {
        self.count(head.len());
        if give(to, &mut head).await.is_err() {
            return Outcome::Caller;
        }
        let whole = (body.len(), true);
        let ended = match way.begin(!body.is_empty()).await {
            Ok(()) => way.write(to, &mut body, whole, |n| self.count(n)).await,
            halted => halted,
        };
        match ended {
            Ok(()) => Outcome::Complete,
            Err(halt) => self.halted(halt, to).await,
        }
    }

    async fn body<R, W>(
        &self,
        mut framing: Framing,
        until_close: bool,
        from: &mut R,
        ahead: &mut BytesMut,
        to: &mut W,
        way: &mut Way<'_>,
    ) -> Outcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if let Err(halt) = way.begin(!framing.is_done()).await {
            return self.halted(halt, to).await;
        }
        while !framing.is_done() {
            if ahead.is_empty()
                && let Err(gone) = fill(from, ahead).await
            {
                return match gone {
                    Gone::Closed if until_close => Outcome::CompleteAndClose,
                    gone => Outcome::Callee(gone),
                };
            }
            let Ok(next) = way.next(&mut framing, ahead) else {
                return Outcome::Foreign;
            };
            if let Err(halt) = way.write(to, ahead, next, |n| self.count(n)).await {
                return self.halted(halt, to).await;
            }
        }
        Outcome::Complete
    }

    async fn halted<W: AsyncWrite + Unpin>(&self, halt: Halt, to: &mut W) -> Outcome {
        if halt == Halt::Broken(Break::Reset) {
            // Let the bytes reach the caller before the RST overtakes them.
            let _ = to.flush().await;
            timer::sleep(Duration::from_millis(1)).await;
        }
        halt.into()
    }

    /// The fault found nothing to change: where it was the only one, none hit.
    fn leave_unclaimed(&self) {
        if self.decision.is_single() {
            self.edge
                .log
                .update(self.slot, |exchange| exchange.fault = None);
        }
    }

    fn count(&self, bytes: usize) {
        self.edge.came_down(bytes);
        if self.shown {
            self.edge
                .log
                .update(self.slot, |exchange| exchange.bytes_down += bytes as u64);
        }
    }
}
