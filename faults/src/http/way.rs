//! Writes one direction of an exchange with the limits that a fault sets: paced, sliced, corrupted,
//! cut off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::body::{Framing, Malformed};
use crate::decision::{Decision, Side};
use crate::dice::Dice;
use crate::fault::Break;
use crate::fault::flow::{Flow, Stop, Then};
use crate::pace::{Next, Pace};
use crate::tcp::corrupt;

/// Why nothing more is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nobody takes it any more.
    NoTaker,
    /// The fault ends the connection.
    Broken(Break),
}

/// One direction of one exchange.
pub(super) struct Way<'a> {
    decision: &'a Decision,
    side: Side,
    /// `None`: the bytes pass as they are.
    limits: Option<Box<Limits>>,
    /// Set when the caller has closed its direction, where that is looked out for.
    left: Option<&'a AtomicBool>,
}

struct Limits {
    pace: Pace,
    corrupt: Dice,
    slice: Dice,
}

impl<'a> Way<'a> {
    /// The way of an exchange; where it is not `treated`, bytes pass as they are.
    pub(super) fn new(decision: &'a Decision, side: Side, treated: bool) -> Self {
        let limited = |flow: &Flow| {
            !flow.rates.is_empty()
                || flow.slice.is_some()
                || flow.stop.is_some()
                || flow.corrupt > 0.0
        };
        let treatment = decision.treatment().filter(|_| treated);
        let flow = treatment.map(|treatment| match side {
            Side::Up => &treatment.up,
            Side::Down => &treatment.down,
        });
        let limits = flow.filter(|flow| limited(flow)).map(|_| {
            let (corrupt, slice) = decision.dice_of(side);
            Box::new(Limits {
                pace: Pace::default(),
                corrupt,
                slice,
            })
        });
        Self {
            decision,
            side,
            limits,
            left: None,
        }
    }

    /// Looks out for a caller that leaves: it does not wait for what never comes.
    pub(super) fn watching(mut self, left: &'a AtomicBool) -> Self {
        self.left = Some(left);
        self
    }

    /// Whether bytes pass as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.limits.is_none()
    }

    /// How many of the bytes that come next in a body are to be written at once, and whether they
    /// are its data: a limit is for these, and not for the sizes of chunks.
    pub(super) fn next(
        &self,
        framing: &mut Framing,
        bytes: &[u8],
    ) -> Result<(usize, bool), Malformed> {
        if self.is_plain() {
            framing.advance(bytes).map(|n| (n, true))
        } else {
            framing.run(bytes)
        }
    }

    /// Writes `n` bytes from the front of a buffer, which loses what went and nothing else, also
    /// when this is given up; `count` is told of what goes.
    pub(super) async fn write<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        buffer: &mut BytesMut,
        (n, data): (usize, bool),
        count: impl Fn(usize),
    ) -> Result<(), Halt> {
        let limits = self.limits.as_deref_mut().filter(|_| data);
        let Some(limits) = limits else {
            count(n);
            return write_front(to, buffer, n).await;
        };
        let share = self.decision.now().flow(self.side).corrupt;
        corrupt(&mut buffer[..n], share, &mut limits.corrupt);
        let mut left = n;
        while left > 0 {
            let (now, effect) = (Instant::now(), self.decision.now());
            let flow = effect.flow(self.side);
            match limits.pace.next(flow, left, now, &mut limits.slice) {
                Next::Go(n) => {
                    count(n);
                    write_front(to, buffer, n).await?;
                    left -= n;
                    limits.pace.sent(flow, n, now);
                }
                Next::Wait(until) => self.decision.pause(until).await,
                Next::Stopped(then) => return Err(self.stop(then).await),
            }
            if let Some(then) = limits.pace.stopped(flow) {
                return Err(self.stop(then).await);
            }
        }
        Ok(())
    }

    /// To be asked before a body begins: a limit of nothing holds without a byte. Where there is no
    /// body at all, there is nothing that could be missing.
    pub(super) async fn begin(&self, has_body: bool) -> Result<(), Halt> {
        if self.is_plain() {
            return Ok(());
        }
        match self.decision.now().flow(self.side).stop {
            Some(Stop { after: 0, then }) => match then {
                Then::Pause(_) => Ok(()),
                Then::Silence if !has_body => Ok(()),
                then => Err(self.stop(then).await),
            },
            _ => Ok(()),
        }
    }

    /// What a limit means for the connection.
    async fn stop(&self, then: Then) -> Halt {
        match then {
            Then::Break(how) => Halt::Broken(how),
            // An answer that ends too early ends its connection.
            Then::HalfClose => Halt::Broken(Break::Close),
            // The rest is lost: when the fault ends, so does the connection.
            Then::Silence | Then::Pause(_) => {
                let silent = |stop: &Stop| stop.then == Then::Silence;
                let left = || self.left.is_some_and(|left| left.load(Ordering::Relaxed));
                let over = |now: &Flow| left() || !now.stop.as_ref().is_some_and(silent);
                self.decision
                    .until(None, |now| over(now.flow(self.side)))
                    .await;
                if left() {
                    Halt::NoTaker
                } else {
                    Halt::Broken(Break::Reset)
                }
            }
        }
    }
}

/// Writes so many bytes from the front of a buffer, and sees them off.
pub(super) async fn write_front<W: AsyncWrite + Unpin>(
    to: &mut W,
    buffer: &mut BytesMut,
    mut n: usize,
) -> Result<(), Halt> {
    while n > 0 {
        match to.write(&buffer[..n]).await {
            Ok(written) if written > 0 => {
                buffer.advance(written);
                n -= written;
            }
            _ => return Err(Halt::NoTaker),
        }
    }
    to.flush().await.map_err(|_| Halt::NoTaker)
}
