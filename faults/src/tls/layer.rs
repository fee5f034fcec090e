//! TLS between a socket and whoever reads and writes it.
//!
//! What was written is encrypted at once, and sent as far as the socket takes it. The rest goes with
//! whatever is asked of the layer next, be it a read; to flush waits for it.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::edge::lock;

/// The TLS of one connection; its two directions share it.
pub(crate) struct Layer(Mutex<State>);

struct State {
    tls: Connection,
    /// Whether this side has said that nothing more comes.
    ended: bool,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Layer {
    pub(super) fn new(tls: impl Into<Connection>) -> Self {
        Self(Mutex::new(State {
            tls: tls.into(),
            ended: false,
        }))
    }

    /// The protocol that both sides have agreed upon (ALPN), where they have.
    pub(crate) fn protocol(&self) -> Option<Vec<u8>> {
        lock(&self.0).tls.alpn_protocol().map(<[u8]>::to_vec)
    }

    /// Carries the handshake on.
    pub(super) fn poll_handshake(
        &self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *lock(&self.0);
        loop {
            ready!(state.poll_send(tcp, cx))?;
            if !state.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(state.poll_receive(tcp, cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    pub(crate) fn poll_read(
        &self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *lock(&self.0);
        // What could not be sent before is no reason to read nothing now.
        if let Poll::Ready(sent) = state.poll_send(tcp, cx) {
            sent?;
        }
        loop {
            match state.tls.reader().read(buffer.initialize_unfilled()) {
                Ok(n) => {
                    buffer.advance(n);
                    return Poll::Ready(Ok(()));
                }
                // Many end the TCP beneath and say nothing before: it is an end all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                Err(_) => {}
            }
            ready!(state.poll_receive(tcp, cx))?;
        }
    }

    pub(crate) fn poll_write(
        &self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *lock(&self.0);
        ready!(state.poll_send(tcp, cx))?;
        let written = state.tls.writer().write(bytes)?;
        if let Poll::Ready(sent) = state.poll_send(tcp, cx) {
            sent?;
        }
        Poll::Ready(Ok(written))
    }

    pub(crate) fn poll_flush(&self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).poll_send(tcp, cx)
    }

    /// Ends this direction: `close_notify`, and the end of the TCP beneath (FIN).
    pub(crate) fn poll_shutdown(
        &self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &mut *lock(&self.0);
        if !state.ended {
            state.ended = true;
            state.tls.send_close_notify();
        }
        ready!(state.poll_send(tcp, cx))?;
        Poll::Ready(SockRef::from(tcp).shutdown(Shutdown::Write))
    }
}

impl State {
    /// Ready when nothing is left to be sent.
    fn poll_send(&mut self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Raw(tcp, cx)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what has come, and says how much that was; nothing at the end of the stream.
    fn poll_receive(&mut self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let came = match self.tls.read_tls(&mut Raw(tcp, cx)) {
            Ok(came) => came,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let understood = self.tls.process_new_packets();
        // Answers, and where it was not understood the alert that says so.
        let sent = self.poll_send(tcp, cx);
        if let Err(error) = understood {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        if let Poll::Ready(sent) = sent {
            sent?;
        }
        Poll::Ready(Ok(came))
    }
}

/// The socket as rustls wants it: something that would block rather than wait.
struct Raw<'a, 'b, 'c>(&'a TcpStream, &'b mut Context<'c>);

impl Raw<'_, '_, '_> {
    fn when_ready<T>(
        &mut self,
        poll: impl Fn(&TcpStream, &mut Context<'_>) -> Poll<io::Result<()>>,
        mut go: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match poll(self.0, self.1) {
                Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
                Poll::Ready(ready) => ready?,
            }
            match go(self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                gone => return gone,
            }
        }
    }
}

impl Read for Raw<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(TcpStream::poll_read_ready, |tcp| tcp.try_read(buffer))
    }
}

impl Write for Raw<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when_ready(TcpStream::poll_write_ready, |tcp| tcp.try_write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.when_ready(TcpStream::poll_write_ready, |tcp| {
            tcp.try_write_vectored(slices)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
