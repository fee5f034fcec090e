//! Writes one direction of an exchange with the limits that a fault sets: paced, sliced, corrupted,
//! cut off.

use std::time::Instant;

use bytes::BytesMut;
use tokio::io::AsyncWrite;

use crate::decision::Decision;
use crate::dice::Dice;
use crate::fault::Break;
use crate::fault::flow::{Flow, Then};
use crate::pace::{Next, Pace};
use crate::tcp::corrupt;
use crate::wire::give;

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
    /// `None`: the bytes pass as they are.
    limits: Option<Box<(Flow, Pace, Dice)>>,
}

impl<'a> Way<'a> {
    pub(super) fn new(decision: &'a Decision, flow: Option<&Flow>) -> Self {
        let limited = |flow: &&Flow| {
            !(flow.rates.is_empty()
                && flow.slice.is_none()
                && flow.stop.is_none()
                && flow.corrupt == 0.0)
        };
        let limits = flow
            .filter(limited)
            .map(|flow| Box::new((flow.clone(), Pace::default(), decision.dice())));
        Self { decision, limits }
    }

    /// Whether bytes pass as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.limits.is_none()
    }

    /// Writes bytes of a body; `count` is told of what went.
    pub(super) async fn write<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        bytes: &mut BytesMut,
        count: impl Fn(usize),
    ) -> Result<(), Halt> {
        let Some(limits) = &mut self.limits else {
            count(bytes.len());
            return give(to, bytes).await.map_err(|_| Halt::NoTaker);
        };
        let (flow, pace, dice) = &mut **limits;
        corrupt(bytes, flow.corrupt, dice);
        while !bytes.is_empty() {
            let now = Instant::now();
            // What was lifted holds nothing back any more.
            let next = if self.decision.is_lifted() {
                Next::Go(bytes.len())
            } else {
                pace.next(flow, bytes.len(), now, dice)
            };
            match next {
                Next::Go(n) => {
                    let mut piece = bytes.split_to(n);
                    count(n);
                    give(to, &mut piece).await.map_err(|_| Halt::NoTaker)?;
                    pace.sent(flow, n, now);
                }
                Next::Wait(until) => {
                    let _ = self.decision.hold_until(until).await;
                }
                Next::Stopped(then) => return Err(stop(self.decision, then).await),
            }
            if let (Some(then), false) = (pace.stopped(flow), self.decision.is_lifted()) {
                return Err(stop(self.decision, then).await);
            }
        }
        Ok(())
    }

    /// To be asked before a body begins: a limit of nothing holds without a byte.
    pub(super) async fn begin(&mut self) -> Result<(), Halt> {
        let Some(limits) = &mut self.limits else {
            return Ok(());
        };
        let (flow, pace, dice) = &mut **limits;
        match pace.next(flow, 1, Instant::now(), dice) {
            Next::Stopped(then) => Err(stop(self.decision, then).await),
            Next::Go(_) | Next::Wait(_) => Ok(()),
        }
    }
}

/// What a limit means for the connection.
async fn stop(decision: &Decision, then: Then) -> Halt {
    match then {
        Then::Break(how) => Halt::Broken(how),
        // An answer that ends too early ends its connection.
        Then::HalfClose => Halt::Broken(Break::Close),
        // The rest is lost: when the fault ends, so does the connection.
        Then::Silence | Then::Pause(_) => {
            decision.lifted().await;
            Halt::Broken(Break::Reset)
        }
    }
}
