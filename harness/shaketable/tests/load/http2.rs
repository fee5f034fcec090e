//! Targets that speak HTTP/2: many calls at once over few connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use shaketable::load::Arrival;
use shaketable::load::client::{Target, Version};
use shaketable::record::Outcome;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::stage::{Ask, Asking, OK, PATIENCE, at, load, run, saying};

/// What a target saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) requests: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

/// Answers what comes over one connection after so long, with what was sent; so many at once.
pub(crate) async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin + 'static,
    seen: Arc<Seen>,
    streams: u32,
    work: Duration,
) {
    seen.connections.fetch_add(1, Ordering::Relaxed);
    let answer = |request: hyper::Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            seen.requests.fetch_add(1, Ordering::Relaxed);
            let now = seen.under_way.fetch_add(1, Ordering::Relaxed) + 1;
            seen.most.fetch_max(now, Ordering::Relaxed);
            let id = request.headers()["x-request-id"].to_str().unwrap().len();
            assert_eq!(id, 32);
            let body = request.into_body().collect().await;
            tokio::time::sleep(work).await;
            seen.under_way.fetch_sub(1, Ordering::Relaxed);
            let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
            Ok::<_, Infallible>(hyper::Response::new(Full::new(body)))
        }
    };
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(streams)
        .serve_connection(TokioIo::new(socket), service_fn(answer))
        .await;
}

fn target(streams: u32, work: Duration) -> (Target, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let noted = Arc::clone(&seen);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, Arc::clone(&noted), streams, work));
            }
        });
    });
    let mut target = at(address);
    target.version = Version::Http2;
    (target, seen)
}

#[test]
fn many_calls_share_a_connection() {
    let (to, seen) = target(100, Duration::from_millis(20));
    let ask = Ask {
        method: http::Method::POST,
        body: "a body".into(),
        ..Ask::default()
    };
    for (came, queued) in Asking::of(to).many(50, &ask) {
        let answer = came.unwrap();
        assert_eq!(
            (answer.status, &*answer.body, queued),
            (200, &b"a body"[..], 0)
        );
    }
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn a_connection_carries_no_more_calls_than_the_target_lets_it() {
    let (to, seen) = target(5, Duration::from_millis(20));
    let ended = Asking::of(to.clone()).many(20, &Ask::default());
    assert!(
        ended
            .iter()
            .all(|(came, queued)| came.is_ok() && *queued == 0),
        "{ended:?}"
    );
    // Who is slow in asking finds room that others have left.
    assert!((2..=4).contains(&seen.connections.load(Ordering::Relaxed)));
    assert!(seen.most.load(Ordering::Relaxed) > 5);

    let (mut to, seen) = target(5, Duration::from_millis(20));
    to.connections = Some(1);
    let ended = Asking::of(to).many(20, &Ask::default());
    assert!(ended.iter().all(|(came, _)| came.is_ok()), "{ended:?}");
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
    assert!(seen.most.load(Ordering::Relaxed) <= 5);
    let waited = ended.iter().filter(|(_, queued)| *queued > 10_000_000);
    assert_eq!(waited.count(), 15, "{ended:?}");
    assert!(ended[19].1 >= 45_000_000, "{ended:?}");
}

#[test]
fn a_call_that_is_given_up_leaves_the_connection_to_the_others() {
    let (to, seen) = target(100, Duration::from_millis(300));
    let asking = Asking::of(to);
    let impatient = Ask {
        patience: Duration::from_millis(100),
        ..Ask::default()
    };
    let failure = asking.ask(&impatient).unwrap_err();
    assert_eq!(failure.outcome, Outcome::TimedOut);
    assert_eq!(asking.get().unwrap().status, 200);
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn a_target_without_http2_is_malformed() {
    let mut to = at(saying(OK));
    to.version = Version::Http2;
    let failure = Asking::of(to).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Malformed, "{}", failure.why);
}

#[test]
fn a_target_that_closes_at_once_breaks_the_call() {
    let mut to = at(crate::stage::target(|stream, _| drop(stream)));
    to.version = Version::Http2;
    let failure = Asking::of(to).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Broken, "{}", failure.why);
}

#[test]
fn a_load_goes_over_http2() {
    let (to, seen) = target(100, Duration::from_millis(1));
    let users = Arrival::Users {
        users: 8,
        think: Duration::ZERO,
    };
    let loaded = run(load(to, users, Duration::from_millis(300), PATIENCE));
    assert_eq!(loaded.count(Outcome::Answered), loaded.calls.len());
    assert_eq!(seen.requests.load(Ordering::Relaxed), loaded.calls.len());
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
    assert!(loaded.calls.len() >= 8);
}
