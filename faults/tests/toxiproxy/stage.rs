//! A stage for the tests: a server of its own, raw requests to it, callees behind its proxies.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use shaketable_faults::toxiproxy::{Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to be sure that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// A server that ends with the test.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    fn parse(wire: &[u8]) -> Self {
        let text = String::from_utf8_lossy(wire);
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    /// Status and error of an error body, which has Toxiproxy's form.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["status"], json!(self.status), "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(self.body.ends_with("}\n"), "{self:?}");
        (self.status, body["error"].as_str().unwrap().to_owned())
    }
}

pub(crate) const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(Options::new(1)).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let server = Server::bind(SocketAddr::from(ANYWHERE), options)
            .await
            .unwrap();
        Self::serve(server)
    }

    pub(crate) fn serve(server: Server) -> Self {
        let (address, stop) = (server.address(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(stop.clone()));
        Self {
            address,
            stop,
            serving,
        }
    }

    /// Ends the server, and waits until it is gone.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .expect("in time")
            .unwrap();
    }

    /// Sends bytes and reads to the end.
    pub(crate) async fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        Reply::parse(&read_to_end(&mut stream).await.unwrap())
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        self.call_with(method, path, "", body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call("PATCH", path, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, "").await
    }

    /// Creates a proxy `p`; gives where it listens.
    pub(crate) async fn proxy(&self, upstream: SocketAddr) -> SocketAddr {
        self.create(json!({ "name": "p", "listen": "127.0.0.1:0", "upstream": upstream }))
            .await
    }

    /// Creates a proxy; gives where it listens.
    pub(crate) async fn create(&self, proxy: Value) -> SocketAddr {
        let created = self.post("/proxies", &proxy).await;
        assert_eq!(created.status, 201, "{created:?}");
        created.json()["listen"].as_str().unwrap().parse().unwrap()
    }

    /// Adds a toxic to `p`.
    pub(crate) async fn toxic(&self, toxic: Value) -> Value {
        let added = self.post("/proxies/p/toxics", &toxic).await;
        assert_eq!(added.status, 200, "{added:?}");
        added.json()
    }
}

/// Reads until the other side closes; `Err` when it resets.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut buffer))
        .await
        .expect("in time")?;
    Ok(buffer)
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

/// Whether nothing comes, not even an end.
pub(crate) async fn is_silent(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(SILENCE, stream.read_u8())
        .await
        .is_err()
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// How a connection fails from which nothing can come; it may be over before it is made.
pub(crate) async fn refusal(address: SocketAddr) -> std::io::ErrorKind {
    match TcpStream::connect(address).await {
        Ok(mut client) => read_to_end(&mut client).await.unwrap_err().kind(),
        Err(error) => error.kind(),
    }
}

/// Sends bytes and reads as many back.
pub(crate) async fn ping(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    read(stream, bytes.len()).await
}

/// A callee that does this with every connection.
pub(crate) async fn callee<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A callee that says back what it hears.
pub(crate) async fn echo() -> SocketAddr {
    callee(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

/// A callee that waits for a byte, says so much, and closes.
pub(crate) async fn says(bytes: usize) -> SocketAddr {
    callee(move |mut stream| async move {
        if stream.read_u8().await.is_ok() {
            let _ = stream.write_all(&vec![b'x'; bytes]).await;
        }
    })
    .await
}

/// A callee that answers every HTTP request head with a short answer.
pub(crate) async fn http() -> SocketAddr {
    callee(|mut stream| async move {
        let mut seen = Vec::new();
        loop {
            while let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                seen.drain(..end + 4);
                if stream.write_all(HELLO).await.is_err() {
                    return;
                }
            }
            if !matches!(stream.read_buf(&mut seen).await, Ok(n) if n > 0) {
                return;
            }
        }
    })
    .await
}

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Asks for a path on a connection of its own; gives the status.
pub(crate) async fn status(address: SocketAddr, path: &str) -> u16 {
    let mut stream = connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read(&mut stream, 12).await;
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}

/// A port on which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind(SocketAddr::from(ANYWHERE)).unwrap();
    listener.local_addr().unwrap()
}
