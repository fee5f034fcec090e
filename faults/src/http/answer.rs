//! Carries the callee's answer back to the caller: held back, cut off or untouched.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::body::Framing;
use super::head;
use crate::edge::{Decision, Edge};
use crate::observe::Slot;
use crate::wire::{Gone, fill};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Complete; another exchange may follow on the connection.
    Complete,
    /// Complete, and the connection ends with it.
    CompleteAndClose,
    /// The callee switched protocols: both directions pass as they are from now on.
    Switched,
    /// The fault cut it off.
    Cut,
    /// The callee went away before its end.
    Callee(Gone),
    /// The caller did not want it any more.
    Caller,
    /// It is not HTTP: the rest passes as it is.
    Foreign,
}

/// What one answer is carried with.
pub(super) struct Carrier<'a> {
    pub(super) edge: &'a Edge,
    pub(super) slot: Slot,
    pub(super) method: &'a str,
    pub(super) upgrade: bool,
    pub(super) decision: &'a Decision,
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
        let mut held_back = false;
        loop {
            let head = match head::response(ahead, self.method) {
                Ok(Some(head)) => head,
                Err(head::NotHttp) => return Outcome::Foreign,
                Ok(None) => {
                    if let Err(gone) = fill(from, ahead).await {
                        // What there is of a broken head is the caller's to see.
                        let _ = to.write_all_buf(ahead).await;
                        return Outcome::Callee(gone);
                    }
                    continue;
                }
            };
            if !held_back {
                let now = self.edge.clock.now();
                self.edge
                    .log
                    .update(self.slot, |exchange| exchange.first_byte = Some(now));
                self.decision.hold(self.decision.treatment.delay).await;
                held_back = true;
            }
            let interim = matches!(head.status, 100..=199) && head.status != 101;
            if !interim {
                self.edge
                    .log
                    .update(self.slot, |exchange| exchange.status = Some(head.status));
            }
            let mut bytes = ahead.split_to(head.len);
            self.count(bytes.len());
            if to.write_all_buf(&mut bytes).await.is_err() {
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
            return match self.body(head.body, from, ahead, to).await {
                Outcome::Complete if head.close => Outcome::CompleteAndClose,
                outcome => outcome,
            };
        }
    }

    async fn body<R, W>(
        &self,
        mut framing: Framing,
        from: &mut R,
        ahead: &mut BytesMut,
        to: &mut W,
    ) -> Outcome
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let until_close = framing == Framing::UntilClose;
        let mut allowed = self.decision.treatment.cut_body_after;
        if allowed == Some(0) {
            return Outcome::Cut;
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
            let Ok(mut taken) = framing.advance(ahead) else {
                return Outcome::Foreign;
            };
            if let Some(allowed) = &mut allowed {
                taken = taken.min(usize::try_from(*allowed).unwrap_or(usize::MAX));
                *allowed -= taken as u64;
            }
            let mut bytes = ahead.split_to(taken);
            self.count(taken);
            if to.write_all_buf(&mut bytes).await.is_err() {
                return Outcome::Caller;
            }
            if allowed == Some(0) {
                // Let the bytes reach the caller before the RST overtakes them.
                let _ = to.flush().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
                return Outcome::Cut;
            }
        }
        Outcome::Complete
    }

    fn count(&self, bytes: usize) {
        self.edge
            .log
            .update(self.slot, |exchange| exchange.bytes_down += bytes as u64);
    }
}
