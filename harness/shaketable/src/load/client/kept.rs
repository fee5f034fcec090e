//! Connections to the targets: kept alive, opened as they are needed, never shared by two calls.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::{Address, Answer, BODY_MAX, Failure, Queued, Request, Target, Wanted};
use crate::check::view::nanos;
use crate::record::Outcome;

/// The most connections to one target that are kept while they are idle.
const IDLE_MAX: usize = 10_000;

/// One connection, which belongs to one call at a time.
#[derive(Debug)]
struct Lane {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Lane {
    /// Closes the connection, also in the middle of an exchange.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The connections of one thread to the targets of a load.
#[derive(Debug)]
pub struct Client {
    targets: Vec<(Target, Lanes)>,
}

/// The connections to one target.
#[derive(Debug)]
struct Lanes {
    idle: RefCell<Vec<Lane>>,
    free: Option<Rc<Semaphore>>,
}

impl Client {
    /// A client without any connections yet.
    pub fn new(targets: Vec<Target>) -> Self {
        let lanes = |target: &Target| Lanes {
            idle: RefCell::default(),
            free: target.connections.map(|most| Rc::new(Semaphore::new(most))),
        };
        let with_lanes = |target: Target| {
            let lanes = lanes(&target);
            (target, lanes)
        };
        Self {
            targets: targets.into_iter().map(with_lanes).collect(),
        }
    }

    /// Makes one exchange with a target (an index into the list that it was made of) and reads the
    /// answer to its end. Dropping the future closes the connection that it uses.
    pub async fn exchange(
        &self,
        target: usize,
        request: &Request<'_>,
        wanted: Wanted,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        let Some((target, lanes)) = self.targets.get(target) else {
            return Err(Failure::new(Outcome::Unresolved, "there is no such target"));
        };
        let _turn = match &lanes.free {
            Some(free) => {
                let since = Instant::now();
                let turn = free.acquire().await;
                queued.set(nanos(since.elapsed()));
                turn.ok()
            }
            None => None,
        };
        let mut message = message(target, request);
        loop {
            let (mut lane, reused) = match lanes.take() {
                Some(lane) => (lane, true),
                None => (open(&target.address).await?, false),
            };
            let mut response = match lane.sender.try_send_request(message).await {
                Ok(response) => response,
                Err(mut refused) => match refused.take_message() {
                    // The target closed the idle connection before anything was sent on it.
                    Some(unsent) if reused => {
                        message = unsent;
                        continue;
                    }
                    _ => return Err(failure(refused.error())),
                },
            };
            let mut answer = Answer {
                status: response.status().as_u16(),
                ..Answer::default()
            };
            if wanted.headers {
                answer.headers = std::mem::take(response.headers_mut());
            }
            let mut kept = BytesMut::new();
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| failure(&error))?;
                if let (true, Some(data)) = (wanted.body, frame.data_ref()) {
                    let room = BODY_MAX.saturating_sub(kept.len()).min(data.len());
                    answer.cut |= room < data.len();
                    kept.extend_from_slice(&data[..room]);
                }
            }
            answer.body = kept.freeze();
            if target.keep_alive {
                lanes.put_back(lane);
            }
            return Ok(answer);
        }
    }
}

fn failure(error: &hyper::Error) -> Failure {
    let outcome = if error.is_parse() {
        Outcome::Malformed
    } else {
        Outcome::Broken
    };
    Failure::new(outcome, error)
}

impl Lanes {
    fn take(&self) -> Option<Lane> {
        let mut idle = self.idle.borrow_mut();
        while let Some(lane) = idle.pop() {
            if lane.sender.is_ready() {
                return Some(lane);
            }
        }
        None
    }

    fn put_back(&self, lane: Lane) {
        let mut idle = self.idle.borrow_mut();
        if !lane.sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(lane);
        }
    }
}

fn message(target: &Target, request: &Request<'_>) -> hyper::Request<Full<Bytes>> {
    let mut message = hyper::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    if let Ok(path) = request.path.parse() {
        *message.uri_mut() = path;
    }
    let headers = message.headers_mut();
    for (name, value) in request.headers {
        headers.append(name.clone(), value.clone());
    }
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(name).or_insert(value);
        }
    };
    set(http::header::HOST, &target.host);
    set(
        HeaderName::from_static("traceparent"),
        &request.trace.parent(),
    );
    set(HeaderName::from_static("x-request-id"), &request.trace.id());
    message
}

async fn open(to: &Address) -> Result<Lane, Failure> {
    let handshake = match to {
        Address::Tcp(to) => {
            let stream = TcpStream::connect(to)
                .await
                .map_err(|error| Failure::new(unconnected(&error), &error))?;
            let _ = stream.set_nodelay(true);
            http1::handshake(TokioIo::new(stream)).await
        }
        Address::Unix(_) => {
            return Err(Failure::new(Outcome::Unresolved, "no Unix sockets yet"));
        }
    };
    let (sender, driver) = handshake.map_err(|error| failure(&error))?;
    let driver = tokio::task::spawn_local(async move {
        // How the connection ends is seen by the call that uses it.
        let _ = driver.await;
    });
    Ok(Lane {
        sender,
        driver: driver.abort_handle(),
    })
}

/// Why there is no connection: the other side's doing, or this machine's.
fn unconnected(error: &std::io::Error) -> Outcome {
    use std::io::ErrorKind;
    // EMFILE, ENFILE: no descriptor.
    let descriptors = matches!(error.raw_os_error(), Some(23 | 24));
    match error.kind() {
        ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Outcome::Exhausted,
        _ if descriptors => Outcome::Exhausted,
        ErrorKind::TimedOut => Outcome::TimedOut,
        _ => Outcome::Refused,
    }
}
