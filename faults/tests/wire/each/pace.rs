//! `bandwidth`, `slicer`, `drip` and `stall`: bytes that come slowly, or stop for a while.

use std::time::{Duration, Instant};

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot};
use crate::client::{End, ask, read, silent, until_end, within};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, HELLO_HEAD, Stage, ms};

/// The callee's answer to every request: a body of 20 KB.
fn long_answer() -> &'static [u8] {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 20_000, b'x');
    answer.leak()
}

/// How long it takes so many connections to ask at the same time.
async fn all_at_once(stage: &Stage, connections: usize, answer: &'static [u8]) -> Duration {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(stage.connect().await);
    }
    let began = Instant::now();
    let asking = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            assert_eq!(ask(&mut client, GET, answer.len()).await, answer);
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    began.elapsed()
}

#[tokio::test]
pub(super) async fn bandwidth_is_what_each_connection_has_for_itself() {
    for protocol in EVERY_PROTOCOL {
        let answer = long_answer();
        let stage = Stage::new(answer, protocol).await;
        stage.inject("bandwidth", json!("50KB")).await;
        let took = all_at_once(&stage, 10, answer).await;
        // The first bytes go at once: the last 50th of a second is not waited for.
        assert!(took >= ms(380), "{protocol:?}: {took:?}");
        assert!(
            took < ms(3500),
            "ten that share it would take 4 s: {took:?}"
        );
    }
}

#[tokio::test]
async fn bandwidth_can_be_shared_by_all_connections() {
    for protocol in EVERY_PROTOCOL {
        let answer = long_answer();
        let stage = Stage::new(answer, protocol).await;
        let value = json!({ "per_second": "100KB", "shared": true });
        stage.inject("bandwidth", value).await;
        let took = all_at_once(&stage, 4, answer).await;
        assert!(took >= ms(760), "{protocol:?}: {took:?}");
    }
}

#[tokio::test]
async fn bandwidth_up_slows_what_the_caller_sends() {
    for protocol in EVERY_PROTOCOL {
        let mut request = b"POST /r HTTP/1.1\r\nContent-Length: 20000\r\n\r\n".to_vec();
        request.resize(request.len() + 20_000, b'x');
        let callee = Listener::answering(request.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "per_second": "50KB", "direction": "up" });
        stage.inject("bandwidth", value).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        assert_eq!(ask(&mut client, &request, HELLO.len()).await, HELLO);
        let took = began.elapsed();
        assert!(took >= ms(380), "{protocol:?}: {took:?}");
        assert_eq!(callee.all(), request);
    }
}

#[tokio::test]
async fn bandwidth_that_is_lifted_lets_the_rest_go_at_once() {
    for protocol in EVERY_PROTOCOL {
        let answer = long_answer();
        let stage = Stage::new(answer, protocol).await;
        let fault = stage.inject("bandwidth", json!("100B")).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        let mut got = within(&mut client, ms(200)).await;
        assert!(got.len() < 1000, "{protocol:?}: {}", got.len());
        stage.lift(fault).await;
        got.extend(read(&mut client, answer.len() - got.len()).await);
        assert_eq!(got, answer);
    }
}

#[tokio::test]
async fn the_tighter_of_two_bandwidths_counts() {
    for protocol in [Protocol::Http, Protocol::Tcp] {
        let answer = long_answer();
        let stage = Stage::new(answer, protocol).await;
        let tight = stage.inject("bandwidth", json!("25KB")).await;
        stage.inject("bandwidth", json!("10MB")).await;
        assert!(all_at_once(&stage, 1, answer).await >= ms(770));
        stage.lift(tight).await;
        assert!(
            all_at_once(&stage, 1, answer).await < ms(770),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
pub(super) async fn slicer_cuts_into_small_pieces_with_gaps() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let value = json!({ "size": "2B", "gap": "100ms" });
        stage.inject("slicer", value).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        client.write_all(GET).await.unwrap();
        // HTTP: the head is not cut; bytes: all of it is.
        let whole = if protocol == Protocol::Tcp {
            2
        } else {
            HELLO_HEAD.len() + 2
        };
        assert_eq!(read(&mut client, whole).await, &HELLO[..whole]);
        if protocol == Protocol::Tcp {
            assert_eq!(read(&mut client, 4).await, &HELLO[2..6]);
            assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
        } else {
            assert_eq!(read(&mut client, 3).await, b"llo");
            assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        }
    }
}

#[tokio::test]
async fn slicer_pieces_vary_in_size_and_lose_nothing() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let value = json!({ "size": "64B", "variation": "63B", "direction": "both" });
    stage.inject("slicer", value).await;
    let mut client = stage.connect().await;
    let sent: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    assert_eq!(ask(&mut client, &sent, sent.len()).await, sent);
}

#[tokio::test]
async fn slicer_cuts_requests_up() {
    let request = b"POST /r HTTP/1.1\r\nContent-Length: 6\r\n\r\nabcdef";
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(request.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "size": "15B", "gap": "100ms", "direction": "up" });
        let http = json!({ "size": "2B", "gap": "100ms", "direction": "up" });
        let value = if protocol == Protocol::Tcp {
            value
        } else {
            http
        };
        stage.inject("slicer", value).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        assert_eq!(ask(&mut client, request, HELLO.len()).await, HELLO);
        assert!(began.elapsed() >= ms(200), "{protocol:?}");
        assert_eq!(callee.all(), request);
    }
}

#[tokio::test]
pub(super) async fn drip_lets_a_drop_through_now_and_then() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("drip", json!("100ms")).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        client.write_all(GET).await.unwrap();
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            HELLO_HEAD.len()
        };
        assert_eq!(read(&mut client, head + 3).await, &HELLO[..head + 3]);
        assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
        stage
            .change(fault, "drip", json!({ "size": "1B", "every": "1h" }))
            .await;
        let mut got = within(&mut client, ms(100)).await;
        assert!(got.len() <= 1, "{protocol:?}: {got:?}");
        stage.lift(fault).await;
        let rest = HELLO.len() - head - 3 - got.len();
        got.extend(read(&mut client, rest).await);
        assert_eq!(got, &HELLO[head + 3..], "all that was held comes");
    }
}

#[tokio::test]
pub(super) async fn stall_gives_the_headers_and_then_nothing() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("stall", json!("2B")).await;
        let mut client = stage.connect().await;
        let head = HELLO_HEAD.len() + 2;
        assert_eq!(ask(&mut client, GET, head).await, &HELLO[..head]);
        silent(&mut client, ms(150)).await;
        stage.lift(fault).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
        let seen = stage.ended(1).await;
        assert_eq!(seen.exchanges[0].ended, Ended::Fault);
    }
}

#[tokio::test]
async fn stall_on_bytes_counts_all_of_them() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"before", 6).await, b"before");
    let fault = stage.inject("stall", json!("3B")).await;
    client.write_all(b"abcdef").await.unwrap();
    assert_eq!(read(&mut client, 3).await, b"abc");
    silent(&mut client, ms(150)).await;
    stage.lift(fault).await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
}

#[tokio::test]
async fn stall_for_a_time_gives_the_rest_then() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        stage
            .inject("stall", json!({ "after": "2B", "lasts": "200ms" }))
            .await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        assert!(began.elapsed() >= ms(200), "{protocol:?}");
    }
}

#[tokio::test]
async fn stall_has_nothing_to_hold_back_in_an_answer_without_a_body() {
    const NOTHING: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
    let stage = Stage::new(NOTHING, Protocol::Http).await;
    stage.inject("stall", json!("0B")).await;
    let mut client = stage.connect().await;
    for exchange in 1..=2 {
        assert_eq!(ask(&mut client, GET, NOTHING.len()).await, NOTHING);
        let seen = stage.ended(exchange).await;
        assert_eq!(seen.exchanges[exchange - 1].ended, Ended::Answered);
    }
}
