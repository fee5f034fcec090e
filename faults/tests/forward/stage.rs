//! A stage for the tests: two callees that tell what they were asked, each with its edge, and a
//! forward proxy for both.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use shaketable_faults::observe::{Clock, Seen};
use shaketable_faults::plane::{Forward, Plane, Proxy, Settings};
use shaketable_faults::which::Which;
use shaketable_faults::{Protocol, Rule, fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

pub(crate) const STOCK: &str = "inventory.prod.internal";
pub(crate) const PAY: &str = "pay.prod:8080";
/// Both hosts again, at another port: that of the second edge.
pub(crate) const STOCK_ADMIN: &str = "inventory.prod.internal:9000";

pub(crate) struct Stage {
    pub(crate) plane: Option<Plane>,
    pub(crate) stock: Proxy,
    pub(crate) pay: Proxy,
    pub(crate) forward: Forward,
}

/// A callee that answers each request with its own name and all that it was asked, as a body.
pub(crate) async fn echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                    while let Some(end) = end_of_message(&seen) {
                        let asked: Vec<u8> = seen.drain(..end).collect();
                        if stream.write_all(&echoed(name, &asked)).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Where the first request, or answer, ends, if it has come.
fn end_of_message(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
    let end = head + length.unwrap_or(0);
    (bytes.len() >= end).then_some(end)
}

/// What a callee answers to this.
pub(crate) fn echoed(name: &str, asked: &[u8]) -> Vec<u8> {
    let body = [format!("{name} was asked:\n").as_bytes(), asked].concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat()
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Protocol::Auto, |_| ()).await
    }

    pub(crate) async fn with(protocol: Protocol, prepare: impl Fn(&Proxy)) -> Self {
        let plane = Plane::start(Settings::new(7), Clock::start()).unwrap();
        let mut proxies = Vec::new();
        for name in ["stock", "pay"] {
            let proxy = plane
                .prepare(name, protocol, SocketAddr::from(ANYWHERE))
                .unwrap();
            proxy.lead_to(echo(name).await);
            prepare(&proxy);
            proxy.serve().await.unwrap();
            proxies.push(proxy);
        }
        let [stock, pay] = proxies.try_into().unwrap();
        let routes = [(STOCK, &stock), (PAY, &pay), (STOCK_ADMIN, &pay)];
        let routes = routes.map(|(route, proxy)| (route.parse().unwrap(), proxy));
        let forward = plane
            .open_forward("order by proxy", SocketAddr::from(ANYWHERE), routes)
            .await
            .unwrap();
        Self {
            plane: Some(plane),
            stock,
            pay,
            forward,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.forward.address()).await.unwrap()
    }

    /// A connection that has a tunnel.
    pub(crate) async fn tunnel(&self, to: &str) -> TcpStream {
        let mut client = self.connect().await;
        let asked = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        client.write_all(asked.as_bytes()).await.unwrap();
        let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
        assert_eq!(
            text(&read(&mut client, established.len()).await),
            text(established)
        );
        client
    }
}

pub(crate) async fn inject(proxy: &Proxy, kind: &str, value: Value) -> u32 {
    inject_for(proxy, kind, value, Which::default()).await
}

pub(crate) async fn inject_for(proxy: &Proxy, kind: &str, value: Value, which: Which) -> u32 {
    let fault = (fault::find(kind).unwrap().build)(&value).unwrap();
    let rule = Rule {
        which,
        ..Rule::new(kind, fault)
    };
    proxy.inject(rule).await.unwrap().0
}

/// Waits until what was seen is as wanted.
pub(crate) async fn seen(proxy: &Proxy, wanted: impl Fn(&Seen) -> bool) -> Seen {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let seen = proxy.seen();
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

/// Reads an answer with a Content-Length.
pub(crate) async fn answer(stream: &mut TcpStream) -> String {
    let mut came = Vec::new();
    while end_of_message(&came).is_none() {
        came.extend(read(stream, 1).await);
    }
    text(&came)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks, and is answered by this callee, who got exactly this.
pub(crate) async fn goes(client: &mut TcpStream, asked: &str, to: &str, as_: &str) {
    client.write_all(asked.as_bytes()).await.unwrap();
    let wanted = echoed(to, as_.as_bytes());
    let answer = read(client, wanted.len()).await;
    assert_eq!(text(&answer), text(&wanted));
}
