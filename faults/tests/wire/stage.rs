//! A stage for the tests: a callee that answers by a script, a proxy before it, a raw client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use shaketable_faults::observe::{Clock, Seen};
use shaketable_faults::plane::{Plane, Proxy, Settings};
use shaketable_faults::which::Which;
use shaketable_faults::{Protocol, Rule, fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Stage {
    pub(crate) plane: Plane,
    pub(crate) proxy: Proxy,
    /// Requests that reached the callee.
    pub(crate) served: Arc<AtomicUsize>,
}

pub(crate) const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A callee that answers every request head on a connection with the same bytes.
pub(crate) async fn callee(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
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
            });
        }
    });
    (address, served)
}

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
pub(crate) const GET: &[u8] = b"GET /stock/A1 HTTP/1.1\r\nHost: x\r\n\r\n";

impl Stage {
    pub(crate) async fn new(answer: &'static [u8], protocol: Protocol) -> Self {
        let (address, served) = callee(answer).await;
        let mut stage = Self::before(address, protocol).await;
        stage.served = served;
        stage
    }

    pub(crate) async fn before(callee: SocketAddr, protocol: Protocol) -> Self {
        let plane = Plane::start(Settings::new(7), Clock::start()).unwrap();
        let proxy = plane
            .open("order -> inventory", protocol, SocketAddr::from(ANYWHERE))
            .await
            .unwrap();
        proxy.lead_to(callee);
        Self {
            plane,
            proxy,
            served: Arc::default(),
        }
    }

    /// Injects a fault as a suite would write it.
    pub(crate) async fn inject(&self, kind: &str, value: Value) -> u32 {
        self.inject_rule(kind, value, Which::default(), 1.0).await
    }

    pub(crate) async fn inject_rule(
        &self,
        kind: &str,
        value: Value,
        which: Which,
        probability: f64,
    ) -> u32 {
        let fault = (fault::find(kind).unwrap().build)(&value).unwrap();
        let rule = Rule {
            which,
            probability,
            ..Rule::new(kind, fault)
        };
        self.proxy.inject(rule).await.unwrap().0
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.unwrap()
    }

    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// Waits until what was seen is as wanted.
    pub(crate) async fn seen(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let seen = self.proxy.seen();
            if wanted(&seen) {
                return seen;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "never seen: {seen:?}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Reads so many bytes.
pub(crate) async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut buffer))
        .await
        .expect("in time")
        .unwrap();
    buffer
}

/// Reads until the other side closes; `Err` when it resets.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut buffer))
        .await
        .expect("in time")?;
    Ok(buffer)
}

/// Asks once and gives the whole of an answer of this length.
pub(crate) async fn ask(stream: &mut TcpStream, request: &[u8], answer: usize) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    read(stream, answer).await
}
