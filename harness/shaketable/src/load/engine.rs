//! The engine: a thread that sends each call when it is due, whatever became of the earlier ones.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use shaketable_faults::observe::Clock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::log::CallLog;
use super::schedule::{Mix, due};
use crate::record::{Call, Nanos, Outcome};

/// The most calls that may be in flight; what is due beyond that counts as missed.
const IN_FLIGHT_MAX: usize = 10_000;

/// One kind of call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Where it goes.
    pub to: SocketAddr,
    /// The method.
    pub method: http::Method,
    /// Path and query.
    pub path: http::Uri,
    /// Headers beside `host`, the trace and the call id.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
#[error("start the load: {0}")]
pub struct EngineError(#[from] std::io::Error);

enum Command {
    /// One call, alone.
    Serial(u16, oneshot::Sender<()>),
    /// Calls at a constant rate from now on.
    Begin(f64),
    /// No more calls.
    Stop,
}

/// The load engine of one experiment. Dropping it ends it.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
    log: Arc<CallLog>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the sending side needs to know.
struct Sender {
    clock: Clock,
    shapes: Vec<Shape>,
    timeout: Duration,
    trace_base: u64,
    log: Arc<CallLog>,
    connections: Connections,
}

impl Engine {
    /// Starts the thread. `mix` says how often each of the shapes is sent.
    pub fn start(
        clock: Clock,
        shapes: Vec<Shape>,
        mix: Mix,
        timeout: Duration,
        trace_base: u64,
    ) -> Result<Self, EngineError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let log = Arc::new(CallLog::default());
        let (commands, inbox) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let (thread_log, ended) = (Arc::clone(&log), end.clone());
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, async move {
                    let connections = Connections::default();
                    let sender = Rc::new(Sender {
                        clock,
                        shapes,
                        timeout,
                        trace_base,
                        log: thread_log,
                        connections,
                    });
                    tokio::select! {
                        () = run(sender, &mix, inbox) => {}
                        () = ended.cancelled() => {}
                    }
                });
            })?;
        Ok(Self {
            commands,
            log,
            end,
            thread: Some(thread),
        })
    }

    /// Makes one call of a class and waits for its end.
    pub async fn serial(&self, class: u16) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Serial(class, done)).is_ok() {
            let _ = ended.await;
        }
    }

    /// Begins to send at a constant rate.
    pub fn begin(&self, per_second: f64) {
        let _ = self.commands.send(Command::Begin(per_second));
    }

    /// Sends no more calls; those under way go on.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    /// All calls so far, and how many were due and not sent.
    pub fn calls(&self) -> (Vec<Call>, u64) {
        self.log.snapshot()
    }

    /// Looks at the calls from this index on, without copying them.
    pub fn since<T>(&self, index: usize, look: impl FnOnce(&[Call]) -> T) -> T {
        self.log.since(index, look)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(sender: Rc<Sender>, mix: &Mix, mut inbox: mpsc::UnboundedReceiver<Command>) {
    /// A constant rate under way.
    struct Stream {
        first: Nanos,
        per_second: f64,
        index: u64,
    }
    let mut stream: Option<Stream> = None;
    let mut in_flight = tokio::task::JoinSet::new();
    loop {
        let next = stream
            .as_ref()
            .map(|s| sender.clock.at(s.first + due(s.index, s.per_second)));
        let wait = async {
            match next {
                Some(moment) => tokio::time::sleep_until(moment.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = inbox.recv() => match command {
                None => return,
                Some(Command::Stop) => stream = None,
                Some(Command::Begin(per_second)) => {
                    stream = Some(Stream { first: sender.clock.now(), per_second, index: 0 });
                }
                Some(Command::Serial(class, done)) => {
                    let now = sender.clock.now();
                    Rc::clone(&sender).call(class, true, now).await;
                    let _ = done.send(());
                }
            },
            () = wait => {}
        }
        while in_flight.try_join_next().is_some() {}
        let Some(stream) = &mut stream else { continue };
        let now = sender.clock.now();
        loop {
            let intended = stream.first + due(stream.index, stream.per_second);
            if intended > now {
                break;
            }
            let class = u16::try_from(mix.class(stream.index)).unwrap_or(u16::MAX);
            stream.index += 1;
            if in_flight.len() < IN_FLIGHT_MAX {
                in_flight.spawn_local(Rc::clone(&sender).call(class, false, intended));
            } else {
                sender.log.miss();
            }
        }
    }
}

impl Sender {
    async fn call(self: Rc<Self>, class: u16, serial: bool, intended: Nanos) {
        let Some(shape) = self.shapes.get(usize::from(class)) else {
            return;
        };
        let Some(index) = self.log.begin(class, serial, intended, self.clock.now()) else {
            return;
        };
        let exchange = self
            .connections
            .exchange(shape.to, self.request(shape, index));
        let (outcome, status) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(status)) => (Outcome::Answered, Some(status)),
            Ok(Err(outcome)) => (outcome, None),
            Err(_) => (Outcome::TimedOut, None),
        };
        self.log.end(index, self.clock.now(), outcome, status);
    }

    fn request(&self, shape: &Shape, index: usize) -> Request<Full<Bytes>> {
        let call = index as u64 + 1;
        let id = format!("{:016x}{call:016x}", self.trace_base);
        let mut request = Request::new(Full::new(shape.body.clone()));
        *request.method_mut() = shape.method.clone();
        *request.uri_mut() = shape.path.clone();
        let headers = request.headers_mut();
        headers.clone_from(&shape.headers);
        let mut set = |name: http::HeaderName, value: String| {
            if let Ok(value) = http::HeaderValue::from_str(&value) {
                headers.entry(name).or_insert(value);
            }
        };
        set(http::header::HOST, shape.to.to_string());
        set(
            http::HeaderName::from_static("traceparent"),
            format!("00-{id}-{call:016x}-01"),
        );
        set(http::HeaderName::from_static("x-request-id"), id);
        request
    }
}
