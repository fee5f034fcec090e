//! Bulk bytes through a kernel pipe: they never enter this process (splice, Linux only).

#[cfg(target_os = "linux")]
pub(super) use linux::Pipe;

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::Pipe;

/// How moving bytes through a pipe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spliced {
    /// So many went on.
    Went(usize),
    /// The pipe is empty, and reading as usual serves as well: little is coming.
    Enough,
    /// The source has closed its direction, and all of it has gone on.
    Closed,
    /// The source reset the connection.
    Reset,
    /// Nobody takes the bytes any more.
    NoTaker,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::task::{Context, Poll, ready};

    use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
    use nix::unistd::pipe2;
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    use super::Spliced;
    use crate::wire::Socket;

    /// How much a pipe holds, where the system allows it.
    const PIPE: i32 = 1024 * 1024;
    /// What comes at once below this is not worth a pipe.
    const LITTLE: usize = 32 * 1024;
    /// So many times little, and the pipe is given up.
    const ENOUGH: u32 = 64;

    /// A pipe between two sockets.
    #[derive(Debug)]
    pub(in super::super) struct Pipe {
        out: OwnedFd,
        into: OwnedFd,
        size: usize,
        held: usize,
        little: u32,
        closed: bool,
    }

    impl Pipe {
        /// A pipe for two plain sockets; `None` where there is none to be had.
        pub(in super::super) fn new(from: &Socket, to: &Socket) -> Option<Self> {
            let (Some(_), Some(_)) = (from.tcp(), to.tcp()) else {
                return None;
            };
            let (out, into) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).ok()?;
            let size = fcntl(&into, FcntlArg::F_SETPIPE_SZ(PIPE))
                .or_else(|_| fcntl(&into, FcntlArg::F_GETPIPE_SZ))
                .ok()?;
            Some(Self {
                out,
                into,
                size: usize::try_from(size).ok()?,
                held: 0,
                little: 0,
                closed: false,
            })
        }

        /// Moves bytes on, as long as there are some and somebody takes them. With `last`, only
        /// what the pipe holds.
        pub(in super::super) fn poll(
            &mut self,
            cx: &mut Context<'_>,
            (from, to): (&Socket, &Socket),
            last: bool,
            came: impl FnOnce(usize),
        ) -> Poll<Spliced> {
            let (Some(from), Some(to)) = (from.tcp(), to.tcp()) else {
                return Poll::Ready(Spliced::Enough);
            };
            if self.held < self.size / 2 && !self.closed && !last {
                match self.take(cx, from) {
                    Poll::Ready(Ok(0)) => self.closed = true,
                    Poll::Ready(Ok(n)) => {
                        came(n);
                        self.held += n;
                        self.little = if n < LITTLE { self.little + 1 } else { 0 };
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(Spliced::Reset),
                    Poll::Pending if self.held == 0 => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            if self.held == 0 {
                return Poll::Ready(if self.closed {
                    Spliced::Closed
                } else {
                    Spliced::Enough
                });
            }
            let Ok(n) = ready!(self.give(cx, to)) else {
                return Poll::Ready(Spliced::NoTaker);
            };
            self.held -= n;
            Poll::Ready(Spliced::Went(n))
        }

        /// Whether the pipe is empty and little comes through it.
        pub(in super::super) fn is_idle(&self) -> bool {
            self.held == 0 && self.little >= ENOUGH
        }

        fn take(&self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<io::Result<usize>> {
            loop {
                ready!(from.poll_read_ready(cx))?;
                let room = self.size - self.held;
                let moved = from.try_io(Interest::READABLE, || moved(from, &self.into, room));
                match moved {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    moved => return Poll::Ready(moved),
                }
            }
        }

        fn give(&self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
            loop {
                ready!(to.poll_write_ready(cx))?;
                let moved = to.try_io(Interest::WRITABLE, || moved(&self.out, to, self.held));
                match moved {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    moved => return Poll::Ready(moved),
                }
            }
        }
    }

    fn moved(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        Ok(splice(from, None, to, None, most, flags)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::task::{Context, Poll};

    use super::Spliced;
    use crate::wire::Socket;

    /// There is none here.
    #[derive(Debug)]
    pub(in super::super) enum Pipe {}

    impl Pipe {
        pub(in super::super) fn new(_: &Socket, _: &Socket) -> Option<Self> {
            None
        }

        pub(in super::super) fn poll(
            &mut self,
            _: &mut Context<'_>,
            _: (&Socket, &Socket),
            _: bool,
            _: impl FnOnce(usize),
        ) -> Poll<Spliced> {
            match *self {}
        }

        pub(in super::super) fn is_idle(&self) -> bool {
            match *self {}
        }
    }
}
