//! HTTP/1.1 on a bare socket: one write for a request, and reads into a buffer that the whole thread
//! shares, so that a call that waits for its answer owns next to nothing.

mod answer;
mod head;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::answer::Reading;
use super::wire::Wire;
use super::{Answer, Failure, Request, Target, Wanted};
use crate::record::Outcome;

/// How much is read at once, in bytes.
const READ_MAX: usize = 64 * 1024;
/// A body up to so many bytes is copied behind its head, so that both leave in one write.
const SMALL: usize = 16 * 1024;

thread_local! {
    /// What is read lands here.
    static CAME: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_MAX]);
    /// What is written is put together here.
    static GOES: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(2 * SMALL));
}

/// How an exchange over a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With a whole answer; whether the connection may carry another exchange.
    Whole(bool),
    /// The connection had carried others, and was gone before anything was written to it.
    Unsent,
    /// Without a whole answer.
    Failed(Failure),
}

/// One exchange over one connection.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    target: &'a Target,
    request: &'a Request<'a>,
    /// Whether the connection has carried others.
    reused: bool,
    sent: Sent,
    reading: Reading<'a>,
}

/// How much of the request has been written.
#[derive(Debug)]
enum Sent {
    Nothing,
    /// These bytes of the head are left, and the body from here on.
    Part(BytesMut, usize),
    /// All of it was taken; it is still to be seen off.
    Written,
    All,
    /// It could not be written any further. Whatever came before that may still be read.
    Broken(io::Error),
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        target: &'a Target,
        request: &'a Request<'a>,
        wanted: Wanted,
        reused: bool,
    ) -> Self {
        Self {
            target,
            request,
            reused,
            sent: Sent::Nothing,
            reading: Reading::new(request.method, wanted),
        }
    }

    /// The answer, once it is whole.
    pub(super) fn into_answer(self) -> Answer {
        self.reading.into_answer()
    }

    /// Carries the exchange out. What the target says before it has read the whole request is its
    /// answer all the same.
    pub(super) async fn over(&mut self, wire: &mut Wire) -> Ended {
        poll_fn(|cx| self.poll(cx, wire)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, wire: &mut Wire) -> Poll<Ended> {
        if !matches!(self.sent, Sent::All | Sent::Broken(_))
            && let Poll::Ready(Err(error)) = self.poll_send(cx, wire)
        {
            if self.reused && matches!(self.sent, Sent::Nothing) {
                return Poll::Ready(Ended::Unsent);
            }
            self.sent = Sent::Broken(error);
        }
        CAME.with_borrow_mut(|room| {
            loop {
                let mut came = ReadBuf::new(room);
                let read = match Pin::new(&mut *wire).poll_read(cx, &mut came) {
                    Poll::Ready(read) => read,
                    // Where the other side reset the connection, that is still to be heard of, and
                    // with it what it said before.
                    Poll::Pending => match &self.sent {
                        Sent::Broken(error) if !is_reset(error) => {
                            return Poll::Ready(Ended::Failed(broken(error)));
                        }
                        _ => return Poll::Pending,
                    },
                };
                let took = match read {
                    Ok(()) if !came.filled().is_empty() => self.reading.take(came.filled()),
                    Ok(()) => self.reading.end(),
                    // Many end the TCP beneath a TLS and say nothing before.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        self.reading.end()
                    }
                    Err(error) => return Poll::Ready(Ended::Failed(broken(&error))),
                };
                match took {
                    Ok(false) => {}
                    Ok(true) => {
                        let stays_open = !self.reading.closes() && matches!(self.sent, Sent::All);
                        return Poll::Ready(Ended::Whole(stays_open));
                    }
                    Err(failure) => {
                        let failure = match &self.sent {
                            Sent::Broken(error) if failure.outcome == Outcome::Broken => {
                                broken(error)
                            }
                            _ => failure,
                        };
                        return Poll::Ready(Ended::Failed(failure));
                    }
                }
            }
        })
    }

    /// Puts the request together, and writes as much as goes at once: usually all of it.
    fn poll_begin(&mut self, cx: &mut Context<'_>, wire: Pin<&mut Wire>) -> Poll<io::Result<()>> {
        let body: &[u8] = self.request.body;
        GOES.with_borrow_mut(|goes| {
            goes.clear();
            head::write(goes, self.target, self.request);
            let copied = if body.len() <= SMALL { body.len() } else { 0 };
            goes.extend_from_slice(&body[..copied]);
            let n = ready!(write(wire, cx, goes, &body[copied..]))?;
            self.sent = if n == goes.len() + body.len() - copied {
                Sent::Written
            } else {
                let of_head = n.min(goes.len());
                Sent::Part(goes[of_head..].into(), copied + n - of_head)
            };
            Poll::Ready(Ok(()))
        })
    }

    /// Writes as much as goes.
    fn poll_send(&mut self, cx: &mut Context<'_>, wire: &mut Wire) -> Poll<io::Result<()>> {
        let body: &[u8] = self.request.body;
        let mut wire = Pin::new(wire);
        if matches!(self.sent, Sent::Nothing) {
            ready!(self.poll_begin(cx, wire.as_mut()))?;
        }
        while let Sent::Part(head, at) = &mut self.sent {
            let n = ready!(write(wire.as_mut(), cx, head, &body[*at..]))?;
            let of_head = n.min(head.len());
            let _ = head.split_to(of_head);
            *at += n - of_head;
            if head.is_empty() && *at == body.len() {
                self.sent = Sent::Written;
            }
        }
        if matches!(self.sent, Sent::Written) {
            ready!(wire.poll_flush(cx))?;
            self.sent = Sent::All;
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes the two, one behind the other, as much as goes.
fn write(
    wire: Pin<&mut Wire>,
    cx: &mut Context<'_>,
    head: &[u8],
    body: &[u8],
) -> Poll<io::Result<usize>> {
    let written = if body.is_empty() {
        wire.poll_write(cx, head)
    } else {
        wire.poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
    };
    match ready!(written) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(written),
    }
}

fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(Outcome::Broken, &format!("the connection broke: {error}"))
}
