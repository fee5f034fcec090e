//! Small helpers on sockets: buffered reading, the two ways of closing, who went away.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

/// How much is read at once.
pub(crate) const READ_MAX: usize = 16 * 1024;
/// How much a sender may run ahead of what has been passed on.
pub(crate) const AHEAD_MAX: usize = 64 * 1024;

/// How the other side went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It closed its direction (FIN).
    Closed,
    /// It reset the connection (RST), or the network did.
    Reset,
}

/// Reads more into the buffer; an end of the stream is an `Err`.
pub(crate) async fn fill<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
) -> Result<usize, Gone> {
    buffer.reserve(READ_MAX);
    match from.read_buf(buffer).await {
        Ok(0) => Err(Gone::Closed),
        Ok(n) => Ok(n),
        Err(_) => Err(Gone::Reset),
    }
}

/// Waits until the other side goes away, buffering what it sends meanwhile.
pub(crate) async fn until_gone<R: AsyncRead + Unpin>(from: &mut R, buffer: &mut BytesMut) -> Gone {
    while buffer.len() < AHEAD_MAX {
        if let Err(gone) = fill(from, buffer).await {
            return gone;
        }
    }
    std::future::pending().await
}

/// Waits until the other side goes away, throwing away what it sends meanwhile.
pub(crate) async fn swallow<R: AsyncRead + Unpin>(from: &mut R, buffer: &mut BytesMut) -> Gone {
    loop {
        buffer.clear();
        if let Err(gone) = fill(from, buffer).await {
            return gone;
        }
    }
}

/// Makes the coming close of this socket a reset (RST) instead of a FIN.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Closes so that what was written still arrives: FIN, then wait a little for the other side's.
/// Dropping a socket with unread bytes at once would reset it and could destroy the answer.
pub(crate) async fn close_gently(stream: &mut TcpStream) {
    use tokio::io::AsyncWriteExt;
    let _ = stream.shutdown().await;
    let mut rest = BytesMut::new();
    let _ = tokio::time::timeout(Duration::from_secs(1), swallow(stream, &mut rest)).await;
}

/// The callee's side of a connection, and bytes of it that were read ahead.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) stream: TcpStream,
    pub(crate) ahead: BytesMut,
}

impl Upstream {
    /// A connection to the callee, without Nagle's delay.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            ahead: BytesMut::new(),
        })
    }
}
