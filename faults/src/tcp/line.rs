//! One direction of a connection: a delay line with limits. Without a fault, bytes go straight
//! from one socket to the other; with one, what is held back keeps its order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;

use super::splice::{Pipe, Spliced};
use crate::dice::Dice;
use crate::fault::Break;
use crate::fault::flow::{Flow, Stop, Then};
use crate::pace::{Next, Pace};
use crate::timer::Alarm;
use crate::wire::{AHEAD_MAX, Gone, READ_MAX, Socket, poll_read};

/// How much a delay line holds at most; a longer line would be throttled by it.
const HELD_MAX: usize = 64 * 1024 * 1024;
/// The type of the record that begins a TLS connection (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// So many full reads in a row are bulk.
const BULK: u32 = 4;
/// How many pieces it holds at most.
const PIECES_MAX: usize = 64 * 1024;

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its source closed it, and the other side has been told.
    Closed,
    /// Its source reset the connection.
    Reset,
    /// Nobody takes the bytes any more.
    NoTaker,
    /// A fault ended the connection.
    Broken(Break),
}

/// Bytes that are held back.
#[derive(Debug)]
struct Piece {
    came: Instant,
    due: Instant,
    bytes: BytesMut,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Line {
    held: VecDeque<Piece>,
    held_bytes: usize,
    /// How the source ended, and when that is to be passed on.
    ended: Option<(Gone, Instant, Instant)>,
    pace: Pace,
    dice: Dice,
    alarm: Alarm,
    last_due: Option<Instant>,
    /// How the connection ends when a fault that threw bytes away is lifted.
    lost: Option<Break>,
    /// Whether the last piece fell to a loss.
    fell: bool,
    /// Whether the first byte that a fault saw began a TLS handshake.
    begins: Option<bool>,
    /// How many reads in a row have filled the buffer.
    full_reads: u32,
    /// What bulk bytes go through.
    pipe: Option<Pipe>,
}

impl Line {
    pub(super) fn new(ahead: BytesMut, dice: Dice) -> Self {
        let mut line = Self {
            held: VecDeque::new(),
            held_bytes: 0,
            ended: None,
            pace: Pace::default(),
            dice,
            alarm: Alarm::default(),
            last_due: None,
            lost: None,
            fell: false,
            begins: None,
            full_reads: 0,
            pipe: None,
        };
        if !ahead.is_empty() {
            let now = Instant::now();
            line.held_bytes = ahead.len();
            line.held.push_back(Piece {
                came: now,
                due: now,
                bytes: ahead,
            });
        }
        line
    }

    /// What holds has changed: what is held back is due as the flow now says.
    pub(super) fn flow_changes(&mut self, before: &Flow, flow: &Flow) -> Option<Break> {
        if before.delays == flow.delays {
            return None;
        }
        let dropped = before.delays.iter().any(|d| d.dropped_when_lifted);
        if dropped && flow.delays.is_empty() && !self.held.is_empty() {
            return Some(Break::Reset);
        }
        let mut last = Instant::now();
        for piece in &mut self.held {
            last = last.max(piece.came + flow.delay(&mut self.dice));
            piece.due = last;
        }
        if let Some((_, came, due)) = &mut self.ended {
            *due = last.max(*came + flow.delay(&mut self.dice) + flow.closes_late);
        }
        self.last_due = Some(last);
        None
    }

    /// Moves what can be moved; `free`: nobody has to see the bytes. `came` is told how many bytes
    /// came, and which if they were seen, and says whether that may change what is done; `went` is
    /// told how many went.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (from, to): (&mut Socket, &mut Socket),
        (flow, free): (&Flow, bool),
        came: &mut impl FnMut(usize, &[u8]) -> bool,
        went: &mut impl FnMut(usize),
    ) -> Poll<End> {
        let plain = flow.is_plain();
        if let Some(how) = self.lost
            && !self.swallows(flow)
        {
            return Poll::Ready(End::Broken(how));
        }
        loop {
            if self.pipe.is_some() {
                match ready!(self.through_the_pipe(cx, (from, to), free, came, went)) {
                    Some(end) => return Poll::Ready(end),
                    None => continue,
                }
            }
            if let Poll::Ready(Some(end)) = self.let_go(cx, to, flow, went) {
                return Poll::Ready(end);
            }
            if free && self.full_reads >= BULK && self.held.is_empty() && self.ended.is_none() {
                self.full_reads = 0;
                self.pipe = Pipe::new(from, to);
                if self.pipe.is_some() {
                    continue;
                }
            }
            // Room: a delay must not become a limit of the throughput.
            let most = if flow.delays.is_empty() {
                AHEAD_MAX
            } else {
                HELD_MAX
            };
            let full = self.held_bytes >= most || self.held.len() >= PIECES_MAX;
            if self.ended.is_some() || full {
                return Poll::Pending;
            }
            let mut end = None;
            let mut changes = false;
            let read = poll_read(cx, from, |cx, bytes| {
                changes = came(bytes.len(), bytes);
                self.full_reads = if bytes.len() == READ_MAX {
                    self.full_reads + 1
                } else {
                    0
                };
                let written = if plain && self.held.is_empty() {
                    match Pin::new(&mut *to).poll_write(cx, bytes) {
                        Poll::Ready(Ok(n)) => {
                            went(n);
                            n
                        }
                        Poll::Ready(Err(_)) => {
                            end = Some(End::NoTaker);
                            bytes.len()
                        }
                        Poll::Pending => 0,
                    }
                } else {
                    0
                };
                self.take(flow, &mut bytes[written..]);
            });
            match ready!(read) {
                Ok(()) => {}
                Err(gone) => {
                    let now = Instant::now();
                    let late = flow.delay(&mut self.dice);
                    let due = self.last_due.map_or(now + late, |l| l.max(now + late));
                    self.ended = Some((gone, now, due + flow.closes_late));
                }
            }
            if let Some(end) = end {
                return Poll::Ready(end);
            }
            if changes {
                // Let what these bytes have set off take hold first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    fn half_close(&mut self, cx: &mut Context<'_>, to: &mut Socket) -> Poll<Option<End>> {
        let _ = ready!(Pin::new(to).poll_shutdown(cx));
        self.held.clear();
        Poll::Ready(Some(End::Closed))
    }

    /// Bulk bytes go on without being seen, until a rule wants to see them or there are few.
    fn through_the_pipe(
        &mut self,
        cx: &mut Context<'_>,
        (from, to): (&Socket, &Socket),
        free: bool,
        came: &mut impl FnMut(usize, &[u8]) -> bool,
        went: &mut impl FnMut(usize),
    ) -> Poll<Option<End>> {
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(None);
        };
        let spliced = ready!(pipe.poll(cx, (from, to), !free, |n| {
            came(n, &[]);
        }));
        let idle = pipe.is_idle();
        match spliced {
            Spliced::Went(n) => went(n),
            Spliced::Enough => self.pipe = None,
            Spliced::Closed => {
                self.pipe = None;
                let now = Instant::now();
                self.ended = Some((Gone::Closed, now, now));
            }
            Spliced::Reset => return Poll::Ready(Some(End::Reset)),
            Spliced::NoTaker => return Poll::Ready(Some(End::NoTaker)),
        }
        if idle {
            self.pipe = None;
        }
        Poll::Ready(None)
    }

    /// Whether whatever comes, an end included, comes to nothing.
    fn swallows(&self, flow: &Flow) -> bool {
        flow.mute.is_some()
            || flow.stop.is_some_and(|stop| stop.then == Then::Silence)
            || (flow.stall_tls && self.begins == Some(true))
    }

    /// Takes bytes in, as late and as spoilt as the flow says.
    fn take(&mut self, flow: &Flow, bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        let tls = self.begins.unwrap_or(bytes[0] == TLS_HANDSHAKE);
        self.begins = Some(tls);
        if tls && flow.stall_tls {
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
        corrupt(bytes, flow.corrupt, &mut self.dice);
        let now = Instant::now();
        let mut due = now + flow.delay(&mut self.dice);
        if !flow.delays.is_empty() {
            due = self.last_due.map_or(due, |last| due.max(last));
            self.last_due = Some(due);
        }
        self.held_bytes += bytes.len();
        self.held.push_back(Piece {
            came: now,
            due,
            bytes: BytesMut::from(&*bytes),
        });
    }

    /// Writes what is due; ready when the direction has ended, or when nothing is held.
    fn let_go(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Socket,
        flow: &Flow,
        went: &mut impl FnMut(usize),
    ) -> Poll<Option<End>> {
        loop {
            let Some(piece) = self.held.front_mut() else {
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
                self.held.pop_front();
            }
            self.held_bytes -= n;
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
        // An empty queue keeps no memory.
        if self.held.capacity() > 0 {
            self.held = VecDeque::new();
        }
        // A limit of nothing ends the direction before its first byte.
        let nothing = Stop {
            after: 0,
            then: Then::HalfClose,
        };
        if flow.stop == Some(nothing) {
            return self.half_close(cx, to);
        }
        let Some((gone, _, due)) = self.ended else {
            return Poll::Ready(None);
        };
        if self.swallows(flow) {
            return Poll::Pending;
        }
        ready!(self.alarm.poll_until(cx, due));
        if gone == Gone::Reset {
            return Poll::Ready(Some(End::Reset));
        }
        let _ = ready!(Pin::new(to).poll_shutdown(cx));
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
