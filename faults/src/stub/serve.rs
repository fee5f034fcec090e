//! Serves a stub on a socket, on a thread and a runtime of its own, so that nothing else disturbs
//! its answers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::answer::Stub;
use super::exchange::exchange;

/// How many connections a stub has open at once; whoever comes then waits.
pub const CONNECTIONS_MAX: usize = 4096;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How many bytes the head of a request may have.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What a caller can make the server hold, and for how long.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    connections_max: usize,
    /// How long a connection may be idle, or take for the head of a request.
    head: Duration,
    /// How long the body of a request may take.
    body: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            // As nginx has it (`keepalive_timeout`): longer than the pools of usual callers keep
            // a connection, so that none is closed just when it is taken up again.
            head: Duration::from_secs(75),
            body: Duration::from_secs(10),
        }
    }
}

/// A stub that listens. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct StubServer {
    stub: Arc<Stub>,
    address: SocketAddr,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl StubServer {
    /// Listens on the address, whose port may be 0. When this returns, connections are taken.
    pub fn start(stub: Stub, address: SocketAddr) -> io::Result<Self> {
        Self::start_within(Bounds::default(), stub, address)
    }

    fn start_within(bounds: Bounds, stub: Stub, address: SocketAddr) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let stub = Arc::new(stub);
        let end = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (played, ended) = (Arc::clone(&stub), end.clone());
        let thread = std::thread::Builder::new()
            .name("stub".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    // Needs the runtime's reactor, and fails only where there is none.
                    if let Ok(listener) = TcpListener::from_std(listener) {
                        accept(bounds, played, listener, ended).await;
                    }
                });
            })?;
        Ok(Self {
            stub,
            address,
            end,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The stub that it plays.
    pub fn stub(&self) -> &Stub {
        &self.stub
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A stub before it on the same port leaves connections in TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn accept(bounds: Bounds, stub: Arc<Stub>, listener: TcpListener, end: CancellationToken) {
    let room = Arc::new(Semaphore::new(bounds.connections_max));
    let accepting = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, most likely: those who wait keep waiting until some are free.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if room.available_permits() == 0 {
                stub.connection_waited();
            }
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let stub = Arc::clone(&stub);
            tokio::spawn(async move {
                connection(bounds, &stub, stream).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = end.cancelled() => {}
        () = accepting => {}
    }
}

async fn connection(bounds: Bounds, stub: &Stub, stream: TcpStream) {
    // Without it an answer is late, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async move {
        Ok::<_, Infallible>(exchange(stub, request, bounds.body).await)
    });
    // A connection that breaks off is its caller's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpStream};

    use serde_json::json;

    use super::*;
    use crate::stub::{Params, Spec};

    /// Nothing here takes longer.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn serve(bounds: Bounds) -> StubServer {
        let routes = json!({ "routes": [{ "any": "/{*rest}", "json": "here" }] });
        let params: Params = serde_json::from_value(routes).unwrap();
        let stub = Stub::new("a", Arc::new(Spec::new(params).unwrap()), 1);
        StubServer::start_within(bounds, stub, (Ipv4Addr::LOCALHOST, 0).into()).unwrap()
    }

    fn send(server: &StubServer, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    /// What is said until the other side closes.
    fn said(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn who_finds_all_connections_taken_waits_until_one_is_free() {
        let connections_max = 2;
        let server = serve(Bounds {
            connections_max,
            ..Bounds::default()
        });
        let request = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let held = [(); 2].map(|()| send(&server, "GET /held"));
        let waiting = send(&server, request);
        let deadline = std::time::Instant::now() + PATIENCE;
        while server.stub().limits_met().is_empty() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(held);
        assert!(said(waiting).ends_with("\"here\""));
        let limits = server.stub().limits_met();
        assert!(
            limits[0].starts_with("a connection had to wait"),
            "{limits:?}"
        );
    }

    #[test]
    fn a_head_that_does_not_come_is_not_waited_for_without_end() {
        let head = Duration::from_millis(50);
        let server = serve(Bounds {
            head,
            ..Bounds::default()
        });
        assert_eq!(said(send(&server, "GET /a HTTP/1.1\r\nHost:")), "");
        // Nor is the next request on a connection that is kept.
        let kept = send(&server, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(said(kept).ends_with("\"here\""));
    }

    #[test]
    fn a_body_that_does_not_come_is_not_waited_for_without_end() {
        let body = Duration::from_millis(50);
        let server = serve(Bounds {
            body,
            ..Bounds::default()
        });
        let half = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
        assert!(said(send(&server, half)).starts_with("HTTP/1.1 408"));
        assert_eq!(server.stub().summary()["requests"]["count"], 0);
    }
}
