//! `duplicate` and `reorder`: requests that come more than once, or in another order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, nobody};
use crate::client::{ask, read, silent};
use crate::stage::{EVERY_PROTOCOL, HELLO, POST, Stage, ms};

#[tokio::test]
pub(in crate::each) async fn duplicate_gives_the_callee_the_request_again() {
    for (value, times) in [(json!(true), 2), (json!({ "times": 4 }), 4)] {
        for protocol in EVERY_PROTOCOL {
            let callee = Listener::answering(POST.len(), HELLO).await;
            let stage = Stage::before(callee.address, protocol).await;
            let fault = stage.inject("duplicate", value.clone()).await;
            let mut client = stage.connect().await;
            assert_eq!(
                ask(&mut client, POST, HELLO.len()).await,
                HELLO,
                "one answer"
            );
            assert_eq!(callee.all(), POST.repeat(times));
            silent(&mut client, ms(50)).await;
            stage.lift(fault).await;
            assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
            assert_eq!(callee.all(), POST.repeat(times + 1), "{protocol:?}");
        }
    }
}

#[tokio::test]
async fn duplicate_sends_a_long_body_whole_each_time() {
    let mut request = b"POST /r HTTP/1.1\r\nContent-Length: 300000\r\n\r\n".to_vec();
    request.resize(request.len() + 300_000, b'x');
    let callee = Listener::answering(request.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, &request, HELLO.len()).await, HELLO);
    assert!(callee.all() == request.repeat(2));
}

#[tokio::test]
async fn duplicate_sends_chunks_as_they_came() {
    let request =
        b"POST /r HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;e\r\nbody\r\n0\r\nT: 1\r\n\r\n";
    let callee = Listener::answering(request.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, request, HELLO.len()).await, HELLO);
    assert_eq!(callee.all(), request.repeat(2));
}

#[tokio::test]
async fn duplicate_leaves_alone_what_is_too_long_to_be_sent_again() {
    let mut request = b"POST /r HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n".to_vec();
    request.resize(request.len() + 2_000_000, b'x');
    let callee = Listener::answering(request.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, &request, HELLO.len()).await, HELLO);
    assert!(callee.all() == request);
    let seen = stage.ended(1).await;
    assert_eq!(seen.exchanges[0].fault, None, "nothing is claimed");
}

#[tokio::test]
async fn duplicate_leaves_alone_what_waits_to_be_asked_for_its_body() {
    let head = b"POST /r HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let callee =
        Listener::answering(head.len(), b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n").await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, head, 12).await, b"HTTP/1.1 417");
    assert_eq!(callee.all(), head);
}

#[tokio::test]
async fn duplicate_of_a_callee_that_is_gone_is_a_reset_as_without() {
    let (address, _keeper) = nobody();
    let stage = Stage::before(address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(POST).await.unwrap();
    let (got, end) = crate::client::until_end(&mut client).await;
    assert_eq!((got, end), (Vec::new(), crate::client::End::Rst));
}

#[tokio::test]
async fn duplicate_of_what_the_callee_is_not_to_get_is_not_sent_either() {
    for (fault, value) in [
        ("status", json!(503)),
        ("reset", json!(true)),
        ("mute", json!("up")),
    ] {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, Protocol::Http).await;
        stage.inject("duplicate", json!(true)).await;
        stage.inject(fault, value).await;
        let mut client = stage.connect().await;
        client.write_all(POST).await.unwrap();
        let _ = crate::client::within_or_end(&mut client).await;
        assert_eq!(callee.all(), b"", "{fault}");
    }
}

/// A request that can be told from the others.
fn numbered(number: usize) -> Vec<u8> {
    format!("GET /r/{number} HTTP/1.1\r\n\r\n").into_bytes()
}

#[tokio::test]
pub(in crate::each) async fn reorder_lets_a_later_request_overtake() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(numbered(1).len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "behind": 2, "at_most": "1h" });
        let rule = stage
            .rule("reorder", value)
            .which(json!({ "path": "/r/1" }));
        rule.inject().await;
        let mut first = stage.connect().await;
        first.write_all(&numbered(1)).await.unwrap();
        stage.seen(|seen| seen.exchanges.len() == 1).await;
        let mut other = stage.connect().await;
        assert_eq!(ask(&mut other, &numbered(2), HELLO.len()).await, HELLO);
        silent(&mut first, ms(50)).await;
        assert_eq!(ask(&mut other, &numbered(3), HELLO.len()).await, HELLO);
        assert_eq!(read(&mut first, HELLO.len()).await, HELLO);
        let heard = callee.heard();
        let (others, mine) = (&heard[0].bytes, &heard[1].bytes);
        assert_eq!(others, &[numbered(2), numbered(3)].concat(), "{protocol:?}");
        assert_eq!(mine, &numbered(1));
    }
}

#[tokio::test]
async fn reorder_of_everything_swaps_neighbours() {
    let callee = Listener::answering(numbered(1).len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage
        .inject("reorder", json!({ "behind": 1, "at_most": "1h" }))
        .await;
    let mut first = stage.connect().await;
    first.write_all(&numbered(1)).await.unwrap();
    stage.seen(|seen| seen.exchanges.len() == 1).await;
    silent(&mut first, ms(50)).await;
    let mut second = stage.connect().await;
    assert_eq!(ask(&mut second, &numbered(2), HELLO.len()).await, HELLO);
    assert_eq!(read(&mut first, HELLO.len()).await, HELLO);
    assert_eq!(callee.heard()[0].bytes, numbered(2));
}

#[tokio::test]
async fn reorder_goes_on_when_nobody_overtakes() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage.inject("reorder", json!({ "at_most": "200ms" })).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    assert_eq!(ask(&mut client, &numbered(1), HELLO.len()).await, HELLO);
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn reorder_that_is_lifted_lets_go() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let fault = stage.inject("reorder", json!({ "at_most": "1h" })).await;
    let mut client = stage.connect().await;
    client.write_all(&numbered(1)).await.unwrap();
    silent(&mut client, ms(50)).await;
    stage.lift(fault).await;
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn reorder_under_load_answers_every_request_once() {
    let stage = Arc::new(Stage::new(HELLO, Protocol::Http).await);
    let rule = stage.rule("reorder", json!({ "behind": 2, "at_most": "100ms" }));
    rule.probability(0.3).inject().await;
    let mut callers = Vec::new();
    for caller in 0..8 {
        let stage = Arc::clone(&stage);
        callers.push(tokio::spawn(async move {
            let mut client = stage.connect().await;
            for number in 0..10 {
                let request = numbered(100 + caller * 10 + number);
                assert_eq!(ask(&mut client, &request, HELLO.len()).await, HELLO);
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(stage.served.load(Ordering::SeqCst), 80);
    let seen = stage.ended(80).await;
    assert!(seen.exchanges.iter().all(|e| e.ended == Ended::Answered));
}
