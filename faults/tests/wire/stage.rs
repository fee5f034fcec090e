//! A stage for the tests: a callee, a proxy before it, and faults as a suite would write them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use shaketable_faults::observe::{Clock, Seen};
use shaketable_faults::plane::{Plane, Proxy, Settings};
use shaketable_faults::{Protocol, Rule, fault};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::callee::callee;
use super::client::{End, connect_and_ask, until_end};

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// The head of [`HELLO`].
pub(crate) const HELLO_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
pub(crate) const GET: &[u8] = b"GET /stock/A1 HTTP/1.1\r\nHost: x\r\n\r\n";
pub(crate) const POST: &[u8] = b"POST /r HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";

/// What an edge can be declared to speak: the same bytes may be HTTP or just bytes.
pub(crate) const EVERY_PROTOCOL: [Protocol; 3] = [Protocol::Auto, Protocol::Http, Protocol::Tcp];

/// A part of a rule as a suite would write it.
pub(crate) fn part<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Milliseconds.
pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) struct Stage {
    pub(crate) plane: Plane,
    pub(crate) proxy: Proxy,
    /// Requests that reached the callee.
    pub(crate) served: Arc<AtomicUsize>,
}

impl Stage {
    /// Before a callee that gives this answer to every request.
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

    /// Injects a fault as a suite would write it; gives its number.
    pub(crate) async fn inject(&self, kind: &str, value: Value) -> u32 {
        self.rule(kind, value).inject().await
    }

    /// A fault to be injected, with what else is set for it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "`json!` reads best where it is used"
    )]
    pub(crate) fn rule(&self, kind: &str, value: Value) -> Injection<'_> {
        Injection {
            proxy: &self.proxy,
            rule: Rule::new(kind, built(kind, &value)),
        }
    }

    pub(crate) async fn lift(&self, fault: u32) {
        self.proxy.lift(fault).await.unwrap();
    }

    /// Changes what a fault does.
    pub(crate) async fn change(&self, fault: u32, kind: &str, value: Value) {
        let known = self
            .proxy
            .change(fault, built(kind, &value), 1.0, None)
            .await;
        assert!(known.unwrap());
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy.address()).await.unwrap();
        let _ = stream.set_nodelay(true);
        stream
    }

    /// Connects, asks, and gives what comes to the end. A reset can be quicker than the connecting.
    pub(crate) async fn connect_and_ask(&self, request: &[u8]) -> (Vec<u8>, End) {
        connect_and_ask(self.proxy.address(), request).await
    }

    /// As [`Self::connect_and_ask`], with the end of the caller's direction behind the request.
    pub(crate) async fn connect_and_close(&self, request: &[u8]) -> (Vec<u8>, End) {
        match TcpStream::connect(self.proxy.address()).await {
            Ok(mut stream) => {
                let _ = stream.write_all(request).await;
                let _ = stream.shutdown().await;
                until_end(&mut stream).await
            }
            Err(_) => (Vec::new(), End::Rst),
        }
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
            tokio::time::sleep(ms(2)).await;
        }
    }

    /// Waits until so many exchanges have ended.
    pub(crate) async fn ended(&self, exchanges: usize) -> Seen {
        self.seen(|seen| seen.exchanges.iter().filter(|e| e.end.is_some()).count() >= exchanges)
            .await
    }

    /// Waits until so many connections have been accepted.
    pub(crate) async fn accepted(&self, connections: usize) -> Seen {
        self.seen(|seen| seen.connections.len() >= connections)
            .await
    }
}

fn built(kind: &str, value: &Value) -> Arc<dyn fault::Fault> {
    (fault::find(kind).unwrap().build)(value).unwrap()
}

/// A fault that is not yet in force.
#[must_use = "it does nothing until it is injected"]
pub(crate) struct Injection<'a> {
    proxy: &'a Proxy,
    rule: Rule,
}

impl Injection<'_> {
    pub(crate) fn which(mut self, which: Value) -> Self {
        self.rule.which = part(which);
        self
    }

    pub(crate) fn times(mut self, times: Value) -> Self {
        self.rule.times = part(times);
        self
    }

    pub(crate) fn probability(mut self, probability: f64) -> Self {
        self.rule.probability = probability;
        self
    }

    /// Where it sends requests, if it is such a fault.
    pub(crate) fn to(mut self, address: SocketAddr) -> Self {
        self.rule.redirect = Some(address);
        self
    }

    /// From so late.
    pub(crate) fn after(mut self, after: Duration) -> Self {
        self.rule.schedule.after = after;
        self
    }

    /// For so long.
    pub(crate) fn lasts(mut self, lasts: Duration) -> Self {
        self.rule.schedule.lasts = Some(lasts);
        self
    }

    /// Comes and goes like this.
    pub(crate) fn shape(mut self, shape: Value) -> Self {
        self.rule.schedule.shape = part(shape);
        self
    }

    pub(crate) async fn inject(self) -> u32 {
        self.proxy.inject(self.rule).await.unwrap().0
    }
}
