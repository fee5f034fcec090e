//! One direction of a connection. Without a fault, bytes go straight from one socket to the other,
//! and an idle direction owns nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncWrite;

use super::held::Held;
use super::splice::{Pipe, Spliced};
use crate::dice::Dice;
use crate::fault::Break;
use crate::fault::flow::Flow;
use crate::wire::{Gone, READ_MAX, Socket, poll_read};

/// So many full reads in a row are bulk.
const BULK: u32 = 4;

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

/// One direction.
#[derive(Debug)]
pub(super) struct Line {
    dice: Dice,
    /// What is held back; nothing most of the time.
    held: Option<Box<Held>>,
    /// Whether a byte has ever come.
    begun: bool,
    /// How many reads in a row have filled the buffer.
    full_reads: u32,
    /// What bulk bytes go through.
    pipe: Option<Box<Pipe>>,
}

impl Line {
    /// A line that begins with bytes that were read ahead; faults are for these too.
    pub(super) fn new(mut ahead: BytesMut, dice: Dice, flow: &Flow) -> Self {
        let mut line = Self {
            dice,
            held: None,
            begun: !ahead.is_empty(),
            full_reads: 0,
            pipe: None,
        };
        if !ahead.is_empty() {
            line.held().take(flow, &mut ahead, true);
        }
        line
    }

    fn held(&mut self) -> &mut Held {
        let dice = &self.dice;
        self.held
            .get_or_insert_with(|| Box::new(Held::new(dice.clone())))
    }

    /// Whether bytes were thrown away that the other side waits for.
    pub(super) fn has_lost(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.has_lost())
    }

    /// How the source ended, where that has not been passed on.
    pub(super) fn source(&self) -> Option<Gone> {
        self.held.as_ref()?.source()
    }

    /// What holds has changed; gives how the connection ends by it, if it does.
    pub(super) fn flow_changes(&mut self, before: &Flow, flow: &Flow) -> Option<Break> {
        self.held.as_mut()?.flow_changes(before, flow)
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
        if !plain {
            self.held();
        }
        if let Some(how) = self.held.as_ref().and_then(|held| held.loss(flow)) {
            return Poll::Ready(End::Broken(how));
        }
        // What TLS has kept back goes first, and needs nobody to write.
        if let Poll::Ready(Err(_)) = Pin::new(&mut *to).poll_flush(cx) {
            return Poll::Ready(End::NoTaker);
        }
        loop {
            if let Some((late, how)) = flow.breaks
                && self.begun
            {
                ready!(self.held().break_off(cx, late));
                return Poll::Ready(End::Broken(how));
            }
            if self.pipe.is_some() {
                match ready!(self.through_the_pipe(cx, (from, to), free, came, went)) {
                    Some(end) => return Poll::Ready(end),
                    None => continue,
                }
            }
            if let Some(held) = &mut self.held {
                match held.let_go(cx, to, flow, went) {
                    Poll::Ready(Some(end)) => return Poll::Ready(end),
                    Poll::Ready(None) if plain && held.is_settled() => self.held = None,
                    Poll::Ready(None) | Poll::Pending => {}
                }
            }
            if free && self.full_reads >= BULK && self.held.is_none() {
                self.full_reads = 0;
                self.pipe = Pipe::new(from, to).map(Box::new);
                if self.pipe.is_some() {
                    continue;
                }
            }
            if self.held.as_ref().is_some_and(|held| held.is_full(flow)) {
                return Poll::Pending;
            }
            let mut end = None;
            let mut changes = false;
            let read = poll_read(cx, from, |cx, bytes| {
                changes = came(bytes.len(), bytes);
                let first = !std::mem::replace(&mut self.begun, true);
                self.full_reads = if bytes.len() == READ_MAX {
                    self.full_reads + 1
                } else {
                    0
                };
                let mut written = 0;
                if plain && self.held.is_none() {
                    match Pin::new(&mut *to).poll_write(cx, bytes) {
                        Poll::Ready(Ok(n)) => {
                            went(n);
                            written = n;
                        }
                        Poll::Ready(Err(_)) => {
                            end = Some(End::NoTaker);
                            written = bytes.len();
                        }
                        Poll::Pending => {}
                    }
                }
                if written < bytes.len() {
                    self.held().take(flow, &mut bytes[written..], first);
                }
            });
            match ready!(read) {
                Ok(()) => {}
                // The end counts as a byte here.
                Err(Gone::Closed) if flow.breaks.is_some() => self.begun = true,
                Err(gone) => self.held().source_ends(gone, flow),
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
                self.held().source_ends(Gone::Closed, &Flow::default());
            }
            Spliced::Reset => return Poll::Ready(Some(End::Reset)),
            Spliced::NoTaker => return Poll::Ready(Some(End::NoTaker)),
        }
        if idle {
            self.pipe = None;
        }
        Poll::Ready(None)
    }
}
