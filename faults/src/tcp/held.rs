//! What one direction of a connection holds back: a delay line with limits, in its order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use super::line::End;
use super::weight::Weight;
use crate::dice::Dice;
use crate::fault::Break;
use crate::fault::flow::{Flow, Stop, Then};
use crate::pace::{Next, Pace};
use crate::timer::Alarm;
use crate::wire::{AHEAD_MAX, Gone, Socket};

/// How much a delay line holds at most; a longer line would be throttled by it.
const HELD_MAX: usize = 64 * 1024 * 1024;
/// How much all delay lines of a thread hold together before each is kept short.
const TOGETHER_MAX: usize = 512 * 1024 * 1024;
/// How many pieces it holds at most.
const PIECES_MAX: usize = 64 * 1024;
/// The type of the record that begins a TLS connection (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Bytes that are held back.
#[derive(Debug)]
struct Piece {
    came: Instant,
    due: Instant,
    bytes: BytesMut,
}

/// How a source ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    gone: Gone,
    came: Instant,
    due: Instant,
}

/// What is held back in one direction, and the state of its limits.
#[derive(Debug)]
pub(super) struct Held {
    pieces: VecDeque<Piece>,
    bytes: Weight,
    ended: Option<Ended>,
    pace: Pace,
    dice: Dice,
    /// The dice for corrupted bytes: which they are does not depend on how they are cut.
    corrupt: Dice,
    alarm: Alarm,
    last_due: Option<Instant>,
    /// How the connection ends when a fault that threw bytes away is lifted.
    lost: Option<Break>,
    /// Whether the last piece fell to a loss.
    fell: bool,
    /// Whether it began with a TLS handshake that is not to be answered.
    stalls: bool,
    /// Since when it is on its way to break.
    breaking: Option<Instant>,
}

impl Held {
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            pieces: VecDeque::new(),
            bytes: Weight::default(),
            ended: None,
            pace: Pace::default(),
            corrupt: dice.apart(1),
            dice,
            alarm: Alarm::default(),
            last_due: None,
            lost: None,
            fell: false,
            stalls: false,
            breaking: None,
        }
    }

    /// How the connection ends because bytes were thrown away by a fault that is no more.
    pub(super) fn loss(&self, flow: &Flow) -> Option<Break> {
        self.lost.filter(|_| !self.swallows(flow))
    }

    /// Whether bytes were thrown away that the other side waits for.
    pub(super) fn has_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// How the source ended, if it did.
    pub(super) fn source(&self) -> Option<Gone> {
        self.ended.map(|ended| ended.gone)
    }

    /// Whether nothing is held and nothing is to be remembered.
    pub(super) fn is_settled(&self) -> bool {
        self.pieces.is_empty() && self.ended.is_none() && self.lost.is_none()
    }

    /// Whether nothing more is to be read. A delay must not become a limit of the throughput.
    pub(super) fn is_full(&self, flow: &Flow) -> bool {
        let most = if flow.delays.is_empty() || Weight::together() >= TOGETHER_MAX {
            AHEAD_MAX
        } else {
            HELD_MAX
        };
        self.ended.is_some() || self.bytes.own() >= most || self.pieces.len() >= PIECES_MAX
    }

    /// The source has ended.
    pub(super) fn source_ends(&mut self, gone: Gone, flow: &Flow) {
        let came = Instant::now();
        let due = came + flow.delay(&mut self.dice);
        let due = self.last_due.map_or(due, |last| due.max(last)) + flow.closes_late;
        self.ended = Some(Ended { gone, came, due });
    }

    /// What holds has changed: what is held back is due as the flow now says.
    pub(super) fn flow_changes(&mut self, before: &Flow, flow: &Flow) -> Option<Break> {
        if let (Some(mute), None) = (before.mute, flow.mute)
            && mute.ends_all
        {
            return Some(mute.when_lifted);
        }
        if flow.breaks.is_none() {
            self.breaking = None;
        }
        if before.delays == flow.delays && before.closes_late == flow.closes_late {
            return None;
        }
        let dropped = before.delays.iter().any(|d| d.dropped_when_lifted);
        if dropped && flow.delays.is_empty() && !self.pieces.is_empty() {
            return Some(Break::Reset);
        }
        let mut last = Instant::now();
        for piece in &mut self.pieces {
            last = last.max(piece.came + flow.delay(&mut self.dice));
            piece.due = last;
        }
        if let Some(ended) = &mut self.ended {
            let due = ended.came + flow.delay(&mut self.dice);
            ended.due = last.max(due) + flow.closes_late;
        }
        self.last_due = Some(last);
        None
    }

    /// Ready so long after it was first asked.
    pub(super) fn break_off(&mut self, cx: &mut Context<'_>, late: Duration) -> Poll<()> {
        let since = *self.breaking.get_or_insert_with(Instant::now);
        self.alarm.poll_until(cx, since + late)
    }

    /// Whether whatever comes comes to nothing.
    fn swallows(&self, flow: &Flow) -> bool {
        flow.mute.is_some() || self.swallows_end(flow)
    }

    /// Whether the end of the stream comes to nothing.
    fn swallows_end(&self, flow: &Flow) -> bool {
        flow.mute.is_some_and(|mute| !mute.tells_end)
            || flow.stop.is_some_and(|stop| stop.then == Then::Silence)
            || (flow.stall_tls && self.stalls)
    }

    /// Takes bytes in, as late and as spoilt as the flow says; `first`: nothing has come before.
    pub(super) fn take(&mut self, flow: &Flow, bytes: &mut [u8], first: bool) {
        if bytes.is_empty() {
            return;
        }
        self.stalls |= first && flow.stall_tls && bytes[0] == TLS_HANDSHAKE;
        if self.stalls && flow.stall_tls {
            self.lost = Some(Break::Reset);
            return;
        }
        if let Some(mute) = flow.mute {
            self.lost = Some(mute.when_lifted);
            return;
        }
        if let Some(loss) = flow.loss {
            let own = 1.0 - loss.correlation;
            let chance = loss.rate * own + f64::from(u8::from(self.fell)) * loss.correlation;
            self.fell = self.dice.roll() < chance;
            if self.fell {
                return;
            }
        }
        corrupt(bytes, flow.corrupt, &mut self.corrupt);
        let now = Instant::now();
        let mut due = now + flow.delay(&mut self.dice);
        if !flow.delays.is_empty() {
            due = self.last_due.map_or(due, |last| due.max(last));
            self.last_due = Some(due);
        }
        self.bytes.add(bytes.len());
        self.pieces.push_back(Piece {
            came: now,
            due,
            bytes: BytesMut::from(&*bytes),
        });
    }

    /// Writes what is due; ready when the direction has ended, or when nothing is held.
    pub(super) fn let_go(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Socket,
        flow: &Flow,
        went: &mut impl FnMut(usize),
    ) -> Poll<Option<End>> {
        loop {
            let Some(piece) = self.pieces.front_mut() else {
                return self.pass_the_end_on(cx, to, flow);
            };
            ready!(self.alarm.poll_until(cx, piece.due));
            let now = Instant::now();
            let bytes = match self.pace.next(flow, piece.bytes.len(), now, &mut self.dice) {
                Next::Go(n) => n,
                Next::Wait(until) => {
                    ready!(self.alarm.poll_until(cx, until));
                    continue;
                }
                Next::Stopped(Then::Break(how)) => return Poll::Ready(Some(End::Broken(how))),
                Next::Stopped(Then::HalfClose) => return self.half_close(cx, to),
                Next::Stopped(_) => {
                    self.lost = Some(Break::Reset);
                    return Poll::Pending;
                }
            };
            let Ok(n) = ready!(Pin::new(&mut *to).poll_write(cx, &piece.bytes[..bytes])) else {
                return Poll::Ready(Some(End::NoTaker));
            };
            piece.bytes.advance(n);
            if piece.bytes.is_empty() {
                self.pieces.pop_front();
            }
            self.bytes.take(n);
            went(n);
            self.pace.sent(flow, n, now);
            match self.pace.stopped(flow) {
                Some(Then::Break(how)) => return Poll::Ready(Some(End::Broken(how))),
                Some(Then::HalfClose) => return self.half_close(cx, to),
                _ => {}
            }
        }
    }

    /// Nothing is held any more: the end of the source is next.
    fn pass_the_end_on(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Socket,
        flow: &Flow,
    ) -> Poll<Option<End>> {
        // A limit of nothing ends the direction before its first byte.
        let nothing = Stop {
            after: 0,
            then: Then::HalfClose,
        };
        if flow.stop == Some(nothing) {
            return self.half_close(cx, to);
        }
        let Some(Ended { gone, due, .. }) = self.ended else {
            return Poll::Ready(None);
        };
        if self.swallows_end(flow) {
            return Poll::Pending;
        }
        ready!(self.alarm.poll_until(cx, due));
        if gone == Gone::Reset {
            return Poll::Ready(Some(End::Reset));
        }
        let _ = ready!(Pin::new(to).poll_shutdown(cx));
        Poll::Ready(Some(End::Closed))
    }

    fn half_close(&mut self, cx: &mut Context<'_>, to: &mut Socket) -> Poll<Option<End>> {
        let _ = ready!(Pin::new(to).poll_shutdown(cx));
        self.pieces.clear();
        self.bytes = Weight::default();
        Poll::Ready(Some(End::Closed))
    }
}

/// Flips one bit in a share of the bytes.
pub(crate) fn corrupt(bytes: &mut [u8], share: f64, dice: &mut Dice) {
    if share <= 0.0 {
        return;
    }
    for byte in bytes {
        if dice.roll() < share {
            *byte ^= 1_u8 << dice.below(8);
        }
    }
}
