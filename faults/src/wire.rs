//! Sockets as the relays use them: reading through a buffer that a whole thread shares, the two
//! ways of closing, who went away.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::fault::Break;
use crate::tls::{Half, Layer};

/// How much is read at once.
pub(crate) const READ_MAX: usize = 64 * 1024;
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

impl From<Gone> for Break {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Closed => Self::Close,
            Gone::Reset => Self::Reset,
        }
    }
}

thread_local! {
    /// Read into by every connection of this thread, so that an idle one owns no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_MAX]);
}

/// Reads once, and hands over what came; an end of the stream is an `Err`.
pub(crate) fn poll_read<R: AsyncRead + Unpin, T>(
    cx: &mut Context<'_>,
    from: &mut R,
    then: impl FnOnce(&mut Context<'_>, &mut [u8]) -> T,
) -> Poll<Result<T, Gone>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        Poll::Ready(match ready!(Pin::new(from).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => Err(Gone::Closed),
            Ok(()) => Ok(then(cx, buffer.filled_mut())),
            Err(_) => Err(Gone::Reset),
        })
    })
}

/// Reads more into the buffer; an end of the stream is an `Err`.
pub(crate) async fn fill<R: AsyncRead + Unpin>(
    from: &mut R,
    buffer: &mut BytesMut,
) -> Result<usize, Gone> {
    poll_fn(|cx| {
        poll_read(cx, from, |_, bytes| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    })
    .await
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
    *buffer = BytesMut::new();
    loop {
        if let Err(gone) = poll_fn(|cx| poll_read(cx, from, |_, _| ())).await {
            return gone;
        }
    }
}

/// Writes all of it, and sees it off: what TLS keeps back otherwise is sent too.
pub(crate) async fn give<W: AsyncWrite + Unpin>(
    to: &mut W,
    bytes: &mut BytesMut,
) -> io::Result<()> {
    to.write_all_buf(bytes).await?;
    to.flush().await
}

/// One side of a relayed connection: TCP, and TLS over it where that is spoken.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<Layer>>,
}

impl Socket {
    /// Takes a fresh TCP connection, without Nagle's delay.
    pub(crate) fn plain(tcp: TcpStream) -> Self {
        // It fails where the other side is gone already, which the first read will tell.
        let _ = tcp.set_nodelay(true);
        Self { tcp, tls: None }
    }

    /// From now on its bytes are those of this TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn secure(&mut self, layer: Layer) {
        self.tls = Some(Box::new(layer));
    }

    /// The TCP connection beneath its TLS, and that; `None` where there is no TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn secured(&self) -> Option<(&TcpStream, &Layer)> {
        self.tls.as_ref().map(|layer| (&self.tcp, &**layer))
    }

    /// The TCP connection, where its bytes are those that are spoken.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        self.tls.is_none().then_some(&self.tcp)
    }

    /// The protocol that was agreed upon within TLS (ALPN).
    pub(crate) fn protocol(&self) -> Option<Vec<u8>> {
        self.tls.as_ref()?.protocol()
    }

    /// The two directions, to be used at the same time.
    pub(crate) fn split(&mut self) -> (ReadSide<'_>, WriteSide<'_>) {
        let Self { tcp, tls } = self;
        if let Some(layer) = tls {
            let half = || Half { tcp, layer };
            return (ReadSide::Tls(half()), WriteSide::Tls(half()));
        }
        let (read, write) = tcp.split();
        (ReadSide::Plain(read), WriteSide::Plain(write))
    }

    /// Makes the coming close of this socket a reset (RST) instead of a FIN.
    pub(crate) fn reset_on_close(&self) {
        let _ = socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
    }

    /// Ends the connection.
    pub(crate) async fn end(&mut self, how: Break) {
        match how {
            Break::Reset => self.reset_on_close(),
            Break::Close => Box::pin(self.close_gently()).await,
        }
    }

    /// Closes so that what was written still arrives: FIN, then wait a little for the other
    /// side's. Dropping a socket with unread bytes at once would reset it and could destroy the
    /// answer.
    pub(crate) async fn close_gently(&mut self) {
        let _ = self.shutdown().await;
        let mut rest = BytesMut::new();
        let _ = tokio::time::timeout(Duration::from_secs(1), swallow(self, &mut rest)).await;
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { tcp, tls } = self.get_mut();
        match tls {
            None => Pin::new(tcp).poll_read(cx, buffer),
            Some(layer) => layer.poll_read(tcp, cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { tcp, tls } = self.get_mut();
        match tls {
            None => Pin::new(tcp).poll_write(cx, bytes),
            Some(layer) => layer.poll_write(tcp, cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls } = self.get_mut();
        match tls {
            None => Pin::new(tcp).poll_flush(cx),
            Some(layer) => layer.poll_flush(tcp, cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, tls } = self.get_mut();
        match tls {
            None => Pin::new(tcp).poll_shutdown(cx),
            Some(layer) => layer.poll_shutdown(tcp, cx),
        }
    }
}

/// The reading side of a [`Socket`].
#[derive(Debug)]
pub(crate) enum ReadSide<'a> {
    Plain(tokio::net::tcp::ReadHalf<'a>),
    Tls(Half<'a>),
}

/// The writing side of a [`Socket`].
#[derive(Debug)]
pub(crate) enum WriteSide<'a> {
    Plain(tokio::net::tcp::WriteHalf<'a>),
    Tls(Half<'a>),
}

impl AsyncRead for ReadSide<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Tls(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for WriteSide<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Tls(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_flush(cx),
            Self::Tls(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_shutdown(cx),
            Self::Tls(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}

/// Where a callee is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// At an address.
    At(SocketAddr),
    /// At a `host:port` that is looked up anew for each connection.
    Named(Arc<str>),
}

impl From<SocketAddr> for Callee {
    fn from(address: SocketAddr) -> Self {
        Self::At(address)
    }
}

/// The callee's side of a connection, and bytes of it that were read ahead.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) socket: Socket,
    pub(crate) ahead: BytesMut,
}

impl Upstream {
    /// A connection to the callee.
    pub(crate) async fn connect(callee: &Callee) -> io::Result<Self> {
        let (address, stream) = match callee {
            Callee::At(address) => (*address, TcpStream::connect(address).await?),
            Callee::Named(name) => {
                let stream = TcpStream::connect(&**name).await?;
                (stream.peer_addr()?, stream)
            }
        };
        Ok(Self {
            address,
            socket: Socket::plain(stream),
            ahead: BytesMut::new(),
        })
    }
}

/// What was read and opened before it was known what a connection speaks.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// What the caller has sent.
    pub(crate) first: BytesMut,
    /// The connection to the callee, where it was made.
    pub(crate) upstream: Option<Upstream>,
}
