//! A connection: TCP or a Unix socket, and TLS over it where that is spoken.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connection with a target.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Self>>),
}

impl Wire {
    /// Whether it is as it should be while nobody asks anything: open, and silent. It is asked of
    /// what the kernel has told already, so it costs no system call.
    pub(super) fn is_idle(&mut self) -> bool {
        let mut byte = [0];
        let would_wait = |read: io::Result<usize>| {
            read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        match self {
            Self::Tcp(stream) => would_wait(stream.try_read(&mut byte)),
            Self::Unix(stream) => would_wait(stream.try_read(&mut byte)),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => {
                let mut cx = Context::from_waker(std::task::Waker::noop());
                let mut byte = ReadBuf::new(&mut byte);
                Pin::new(stream).poll_read(&mut cx, &mut byte).is_pending()
            }
        }
    }
}

/// Does the same with whatever it is.
macro_rules! each {
    ($wire:expr, $inner:ident => $what:expr) => {
        match $wire.get_mut() {
            Self::Tcp($inner) => $what,
            Self::Unix($inner) => $what,
            #[cfg(feature = "tls")]
            Self::Tls($inner) => $what,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, inner => Pin::new(inner).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => Pin::new(inner).poll_shutdown(cx))
    }
}
