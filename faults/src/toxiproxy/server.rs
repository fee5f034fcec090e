//! The server: its socket, its limits, its beginning and its end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::collection::Collection;
use super::config;
use super::errors::ApiError;
use super::log::{Level, Log};
use super::reply::Reply;
use super::routes;
use crate::dice;
use crate::observe::Clock;
use crate::plane::{Plane, PlaneError, Settings};

/// How a server is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// What all decisions depend on.
    pub seed: u64,
    /// What every request has to show: `Authorization: Bearer TOKEN`.
    pub token: Option<String>,
    /// Lets everybody in, also where the API can be reached from elsewhere.
    pub no_token: bool,
    /// Whether `/metrics` has the bytes of the proxies.
    pub proxy_metrics: bool,
    /// Whether `/metrics` has what is known of this process.
    pub runtime_metrics: bool,
    /// Who is told what happens.
    pub log: Log,
}

impl Options {
    /// No token, no metrics, no word.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            token: None,
            no_token: false,
            proxy_metrics: false,
            runtime_metrics: false,
            log: Log::silent(),
        }
    }
}

/// Why a server could not do as told.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Anybody could use it.
    #[error(
        "listen on {0}: it can be reached from other machines, and whoever reaches it controls \
         all proxies; give a token, or say that none is wanted"
    )]
    Open(SocketAddr),
    /// The API's port could not be taken.
    #[error("listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The threads for the traffic could not be started.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// A proxy is not described as it must be.
    #[error("make a proxy: {0}")]
    Proxy(String),
    /// A proxy could not have what it wants.
    #[error("make a proxy: {0}")]
    Unavailable(String),
}

impl From<ApiError> for ServerError {
    fn from(error: ApiError) -> Self {
        if error.status < 500 {
            Self::Proxy(error.message)
        } else {
            Self::Unavailable(error.message)
        }
    }
}

/// What the API's connections share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) proxies: Mutex<Collection>,
    /// Told when leases may have changed.
    pub(super) leases: Notify,
    pub(super) proxy_metrics: bool,
    pub(super) runtime_metrics: bool,
    pub(super) log: Log,
    token: Option<String>,
    seed: u64,
    requests: AtomicU64,
}

impl State {
    pub(super) fn has_metrics(&self) -> bool {
        self.proxy_metrics || self.runtime_metrics
    }

    /// Whether a request may be answered at all.
    pub(super) fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let shown = headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let shown = shown.and_then(|shown| {
            let (scheme, rest) = shown.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
        });
        shown.is_some_and(|shown| same(shown, token.as_bytes()))
    }

    /// A name for a request: 20 characters, as Toxiproxy's.
    pub(super) fn request_id(&self) -> String {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let mixed = dice::join(self.seed, count);
        format!("{mixed:016x}{:04x}", count & 0xffff)
    }
}

/// Compares in a time that says nothing of where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

/// Connections to the API that are served at once.
const CONNECTIONS_MAX: usize = 1024;
/// How long a request's head may take to come, behind the one before, too (Toxiproxy's).
const HEAD_TIME_MAX: Duration = Duration::from_mins(1);
/// How long a request may take to be carried out (Toxiproxy's).
const REQUEST_TIME_MAX: Duration = Duration::from_secs(25);
/// How long requests that are under way may take to end when the server does.
const END_TIME_MAX: Duration = Duration::from_secs(1);
/// Connections that each proxy remembers.
const RECORDS: usize = 10_000;

/// A server that has its port. Dropping it ends all proxies.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// Takes the API's port, and starts the threads for the traffic. Beyond loopback it wants a
    /// token.
    pub async fn bind(address: SocketAddr, options: Options) -> Result<Self, ServerError> {
        let open = options.token.is_none() && !options.no_token;
        if open && !address.ip().is_loopback() {
            return Err(ServerError::Open(address));
        }
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let settings = Settings {
            records: RECORDS,
            ..Settings::new(options.seed)
        };
        let plane = Plane::start(settings, Clock::start())?;
        let hostless = if address.ip().is_loopback() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            address.ip()
        };
        let state = State {
            proxies: Mutex::new(Collection::new(plane, hostless, options.log.clone())),
            leases: Notify::new(),
            proxy_metrics: options.proxy_metrics,
            runtime_metrics: options.runtime_metrics,
            log: options.log,
            token: options.token,
            seed: options.seed,
            requests: AtomicU64::new(0),
        };
        Ok(Self {
            listener,
            address,
            state: Arc::new(state),
        })
    }

    /// Where the API is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates the proxies of a config file, of which this is the text; gives their number.
    pub async fn populate(&self, text: &str) -> Result<usize, ServerError> {
        let mut proxies = self.state.proxies.lock().await;
        Ok(config::populate(&mut proxies, text).await?)
    }

    /// Creates a proxy, as `POST /proxies` does; gives it as the API shows it.
    pub async fn create(&self, proxy: &Value) -> Result<Value, ServerError> {
        let mut proxies = self.state.proxies.lock().await;
        Ok(proxies.create(proxy).await?)
    }

    /// Serves until it is stopped; then all proxies end.
    pub async fn serve(self, stop: CancellationToken) {
        let (tasks, places) = (
            TaskTracker::new(),
            Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        );
        let leases = tokio::spawn(end_leases(Arc::clone(&self.state)));
        loop {
            let place = Arc::clone(&places);
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                // It fails only where somebody closes it, and nobody does.
                Ok(place) = place.acquire_owned() => tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = self.listener.accept() => accepted.map(|(stream, _)| (stream, place)),
                },
            };
            match accepted {
                Ok((stream, place)) => {
                    let (state, stop) = (Arc::clone(&self.state), stop.clone());
                    tasks.spawn(async move {
                        connection(state, stream, stop).await;
                        drop(place);
                    });
                }
                // Out of descriptors, most likely.
                Err(error) => {
                    let line = || format!("failed to accept a request: {error}");
                    self.state.log.tell(Level::Error, line);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        drop(self.listener);
        tasks.close();
        let _ = tokio::time::timeout(END_TIME_MAX, tasks.wait()).await;
        leases.abort();
        let _ = leases.await;
    }
}

/// Serves one connection to the API.
async fn connection(state: Arc<State>, stream: TcpStream, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        // A change is carried out whole, also where nobody waits for the answer any more.
        let answered = tokio::spawn(async move { routes::answer(&state, request).await });
        async move {
            let in_time = tokio::time::timeout(REQUEST_TIME_MAX, answered).await;
            let response = match in_time {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => Reply::empty(500).into_response(),
                Err(_) => Reply::empty(503).into_response(),
            };
            Ok::<_, Infallible>(response)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // What goes wrong on a connection is its client's affair.
        _ = serving.as_mut() => return,
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Takes toxics away as their leases run out.
async fn end_leases(state: Arc<State>) {
    loop {
        let next = state.proxies.lock().await.expire().await;
        let run_out = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = run_out => {}
            () = state.leases.notified() => {}
        }
    }
}
