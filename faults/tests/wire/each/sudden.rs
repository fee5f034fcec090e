//! `reset`, `abort` and `close_connection`: connections that break under an exchange, or between
//! two.

use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot};
use crate::client::{End, ask, ask_to_end, read, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, HELLO_HEAD, POST, Stage, ms};

#[tokio::test]
pub(super) async fn reset_is_a_real_rst_and_the_callee_sees_nothing() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        stage.inject("reset", json!(true)).await;
        let mut client = stage.connect().await;
        assert_eq!(ask_to_end(&mut client, POST).await, (Vec::new(), End::Rst));
        let seen = stage.ended(1).await;
        assert_eq!(
            (seen.exchanges[0].ended, seen.exchanges[0].executed),
            (Ended::Fault, false),
            "{protocol:?}"
        );
        assert_eq!(callee.all(), b"");
    }
}

#[tokio::test]
async fn reset_hits_the_next_request_of_an_established_connection() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        stage.inject("reset", json!(true)).await;
        silent(&mut client, ms(50)).await;
        assert_eq!(ask_to_end(&mut client, GET).await, (Vec::new(), End::Rst));
        assert_eq!(callee.all(), GET, "{protocol:?}");
    }
}

#[tokio::test]
async fn reset_does_not_wait_for_a_body_that_waits_to_be_asked_for() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage.inject("reset", json!(true)).await;
    let mut client = stage.connect().await;
    let head = b"POST /r HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(ask_to_end(&mut client, head).await, (Vec::new(), End::Rst));
}

#[tokio::test]
async fn reset_at_connect_hits_new_connections_before_they_say_a_word() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut established = stage.connect().await;
        assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("reset", json!({ "at_connect": true })).await;
        assert_eq!(stage.connect_and_ask(b"").await, (Vec::new(), End::Rst));
        assert_eq!(
            ask(&mut established, GET, HELLO.len()).await,
            HELLO,
            "{protocol:?}: it was accepted long ago"
        );
        stage.lift(fault).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn reset_before_a_word_was_said_is_an_attempt_that_the_fault_ended() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("reset", json!({ "at_connect": true })).await;
        stage.connect_and_ask(b"").await;
        let seen = stage.ended(1).await;
        let exchange = &seen.exchanges[0];
        assert_eq!(
            (exchange.ended, exchange.fault, exchange.executed),
            (Ended::Fault, Some(fault), false)
        );
        assert_eq!(seen.connections[0].ended, Ended::Fault);
    }
}

#[tokio::test]
async fn reset_after_some_bytes_of_the_callee() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        stage.inject("reset", json!({ "after": "3B" })).await;
        let mut client = stage.connect().await;
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            HELLO_HEAD.len()
        };
        assert_eq!(
            ask_to_end(&mut client, GET).await,
            (HELLO[..head + 3].to_vec(), End::Rst),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn reset_after_some_bytes_of_the_caller() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        stage.inject("reset", json!({ "after_sent": "2B" })).await;
        let mut client = stage.connect().await;
        assert_eq!(ask_to_end(&mut client, POST).await, (Vec::new(), End::Rst));
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            POST.len() - 4
        };
        let heard = callee
            .hears(|h| h.first().is_some_and(|h| h.end.is_some()))
            .await;
        assert_eq!(heard[0].bytes, &POST[..head + 2], "{protocol:?}");
        assert_eq!(heard[0].end, Some(End::Rst));
    }
}

#[tokio::test]
async fn reset_in_a_while_counts_from_the_connection_or_from_the_fault() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(parrot(b"").await, protocol).await;
        let mut older = stage.connect().await;
        assert_eq!(ask(&mut older, b"x", 1).await, b"x");
        silent(&mut older, ms(250)).await;
        let injected = Instant::now();
        stage.inject("reset", json!({ "in": "200ms" })).await;
        assert_eq!(ask(&mut older, b"y", 1).await, b"y", "it still goes on");
        assert_eq!(until_end(&mut older).await, (Vec::new(), End::Rst));
        assert!(injected.elapsed() >= ms(200), "{:?}", injected.elapsed());

        let connected = Instant::now();
        let mut newer = stage.connect().await;
        assert_eq!(ask(&mut newer, b"x", 1).await, b"x");
        assert_eq!(until_end(&mut newer).await, (Vec::new(), End::Rst));
        assert!(connected.elapsed() >= ms(200), "{:?}", connected.elapsed());
    }
}

#[tokio::test]
async fn reset_in_a_while_is_forgotten_when_it_is_lifted_before() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    let fault = stage.inject("reset", json!({ "in": "150ms" })).await;
    assert_eq!(ask(&mut client, b"x", 1).await, b"x");
    stage.lift(fault).await;
    silent(&mut client, ms(300)).await;
    assert_eq!(ask(&mut client, b"y", 1).await, b"y");
}

#[tokio::test]
async fn the_earlier_of_two_ends_counts_beside_other_faults() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"x", 1).await, b"x");
    // Old enough for its age to matter, were it counted more than once.
    silent(&mut client, ms(700)).await;
    let injected = Instant::now();
    stage.inject("reset", json!({ "in": "1h" })).await;
    stage.inject("reset", json!({ "in": "300ms" })).await;
    stage.inject("reset", json!({ "in": "1h" })).await;
    stage.inject("slow_accept", json!("1ms")).await;
    stage.inject("max_connections", json!(100)).await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
    let took = injected.elapsed();
    assert!(took >= ms(300) && took < ms(900), "{took:?}");
}

#[tokio::test]
pub(super) async fn abort_ends_the_exchange_at_each_point() {
    let head = HELLO_HEAD.len();
    let points = [
        (json!("request"), 0, 0),
        (json!("headers"), 0, head),
        (json!("body"), 2, head + 2),
    ];
    for (at, bytes, arrives) in points {
        for (by, end) in [("reset", End::Rst), ("close", End::Fin)] {
            for protocol in EVERY_PROTOCOL {
                let callee = Listener::answering(POST.len(), HELLO).await;
                let stage = Stage::before(callee.address, protocol).await;
                let value = json!({ "at": at, "by": by, "bytes": format!("{bytes}B") });
                stage.inject("abort", value).await;
                let mut client = stage.connect().await;
                assert_eq!(
                    ask_to_end(&mut client, POST).await,
                    (HELLO[..arrives].to_vec(), end),
                    "{at} by {by} on {protocol:?}"
                );
                let reached = if arrives == 0 { &b""[..] } else { POST };
                assert_eq!(callee.all(), reached);
                let seen = stage.ended(1).await;
                assert_eq!(seen.exchanges[0].ended, Ended::Fault);
            }
        }
    }
}

#[tokio::test]
async fn abort_after_the_effect_comes_when_the_callee_has_answered() {
    for (by, end) in [("reset", End::Rst), ("close", End::Fin)] {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, Protocol::Http).await;
        let value = json!({ "at": "request", "by": by, "after_effect": true });
        stage.inject("abort", value).await;
        let mut client = stage.connect().await;
        assert_eq!(ask_to_end(&mut client, POST).await, (Vec::new(), end));
        assert_eq!(callee.all(), POST);
        let seen = stage.ended(1).await;
        let exchange = &seen.exchanges[0];
        assert_eq!(
            (exchange.executed, exchange.status, exchange.ended),
            (true, None, Ended::Fault)
        );
    }
}

#[tokio::test]
async fn abort_at_the_headers_of_an_answer_without_a_body() {
    const NOTHING: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
    let stage = Stage::new(NOTHING, Protocol::Http).await;
    stage.inject("abort", json!({ "at": "headers" })).await;
    let mut client = stage.connect().await;
    assert_eq!(
        ask_to_end(&mut client, GET).await,
        (NOTHING.to_vec(), End::Rst)
    );
}

#[tokio::test]
pub(super) async fn close_connection_ends_it_behind_the_answer() {
    for (value, end) in [
        (json!(true), End::Fin),
        (json!({ "by": "reset" }), End::Rst),
    ] {
        for protocol in EVERY_PROTOCOL {
            let stage = Stage::new(HELLO, protocol).await;
            stage.inject("close_connection", value.clone()).await;
            let mut client = stage.connect().await;
            assert_eq!(
                ask_to_end(&mut client, GET).await,
                (HELLO.to_vec(), end),
                "{protocol:?}"
            );
            let seen = stage.ended(1).await;
            assert_eq!(seen.exchanges[0].ended, Ended::Answered);
        }
    }
}

#[tokio::test]
async fn close_connection_when_asked_hits_only_the_reuse_of_a_connection() {
    for (by, end) in [("close", End::Fin), ("reset", End::Rst)] {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, Protocol::Http).await;
        let value = json!({ "when": "asked", "by": by });
        stage.inject("close_connection", value).await;
        for exchanges in 1..=2 {
            let mut client = stage.connect().await;
            assert_eq!(
                ask(&mut client, GET, HELLO.len()).await,
                HELLO,
                "a fresh connection, as a caller that retries would take, is served"
            );
            assert_eq!(ask_to_end(&mut client, GET).await, (Vec::new(), end));
            assert_eq!(callee.all(), GET.repeat(exchanges));
        }
    }
}

#[tokio::test]
async fn close_connection_leaves_the_answer_whole() {
    let mut long = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n".to_vec();
    long.resize(long.len() + 300_000, b'x');
    let long: &'static [u8] = long.leak();
    let stage = Stage::new(long, Protocol::Http).await;
    stage.inject("close_connection", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    // A caller that is slow to read.
    tokio::time::sleep(ms(50)).await;
    assert_eq!(read(&mut client, long.len()).await, long);
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Fin));
}
