//! Callees that behave by a script, and remember what they heard.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::{End, until_end};
use super::stage::{ANYWHERE, PATIENCE, ms};

/// Serves every connection as told.
pub(crate) async fn serving<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Answers every request head on a connection with the same bytes; counts them.
pub(crate) async fn callee(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let address = serving(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            let mut seen = Vec::new();
            loop {
                while let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                    seen.drain(..end + 4);
                    count.fetch_add(1, Ordering::SeqCst);
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
                if !matches!(stream.read_buf(&mut seen).await, Ok(n) if n > 0) {
                    return;
                }
            }
        }
    })
    .await;
    (address, served)
}

/// An address at which nobody listens, and which nobody else can have while the socket is kept.
pub(crate) fn nobody() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(ANYWHERE).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (address, socket)
}

/// Says back what it hears, after a greeting, and closes when the caller does.
pub(crate) async fn parrot(greeting: &'static [u8]) -> SocketAddr {
    serving(move |mut stream| async move {
        let _ = stream.write_all(greeting).await;
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

/// Says these bytes at once, closes its direction, and listens on.
pub(crate) async fn speaker(words: &'static [u8]) -> SocketAddr {
    serving(move |mut stream| async move {
        let _ = stream.write_all(words).await;
        let _ = stream.shutdown().await;
        let _ = until_end(&mut stream).await;
    })
    .await
}

/// What a callee heard on one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    /// How the connection ended, if it did.
    pub(crate) end: Option<End>,
}

/// A callee that only listens, or gives one answer as soon as these bytes have come.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Listener {
    pub(crate) async fn silent() -> Self {
        Self::answering(usize::MAX, b"").await
    }

    /// Answers each time when so many bytes more have come.
    pub(crate) async fn answering(every: usize, answer: &'static [u8]) -> Self {
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let notes = Arc::clone(&heard);
        let address = serving(move |mut stream| {
            let notes = Arc::clone(&notes);
            let at = {
                let mut notes = notes.lock().unwrap();
                notes.push(Heard::default());
                notes.len() - 1
            };
            async move {
                let mut answered = 0;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    let read = stream.read(&mut buffer).await;
                    let ask = {
                        let heard = &mut notes.lock().unwrap()[at];
                        match read {
                            Ok(0) => heard.end = Some(End::Fin),
                            Ok(n) => heard.bytes.extend_from_slice(&buffer[..n]),
                            Err(_) => heard.end = Some(End::Rst),
                        }
                        if heard.end.is_some() {
                            return;
                        }
                        heard.bytes.len() / every
                    };
                    while answered < ask {
                        answered += 1;
                        let _ = stream.write_all(answer).await;
                    }
                }
            }
        })
        .await;
        Self { address, heard }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// All that came, of all connections in their order.
    pub(crate) fn all(&self) -> Vec<u8> {
        self.heard().into_iter().flat_map(|h| h.bytes).collect()
    }

    /// Waits until what it heard is as wanted.
    pub(crate) async fn hears(&self, wanted: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let heard = self.heard();
            if wanted(&heard) {
                return heard;
            }
            assert!(tokio::time::Instant::now() < deadline, "never: {heard:?}");
            tokio::time::sleep(ms(2)).await;
        }
    }

    /// Waits until so many bytes have come in all, and gives them.
    pub(crate) async fn gets(&self, bytes: usize) -> Vec<u8> {
        let enough = |heard: &[Heard]| heard.iter().map(|h| h.bytes.len()).sum::<usize>() >= bytes;
        let heard = self.hears(enough).await;
        heard.into_iter().flat_map(|h| h.bytes).collect()
    }
}
