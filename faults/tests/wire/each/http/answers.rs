//! `status`, `content_type`, `large_headers` and `malformed`: answers that are not what they were.

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::Listener;
use crate::client::{End, answer, ask, ask_to_end, read, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, POST, Stage, ms};

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[tokio::test]
pub(in crate::each) async fn status_answers_in_the_callees_place_and_keeps_the_connection() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let value = json!({ "code": 429, "body": "slow down", "headers": { "Retry-After": "2" } });
        let fault = stage.inject("status", value).await;
        let mut client = stage.connect().await;
        let wanted = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nRetry-After: 2\r\ncontent-length: 9\r\n\r\nslow down";
        for _ in 0..2 {
            let answer = ask(&mut client, POST, wanted.len()).await;
            assert_eq!(String::from_utf8_lossy(&answer), wanted);
        }
        assert_eq!(stage.served(), 0);
        let seen = stage.ended(2).await;
        let exchange = &seen.exchanges[1];
        assert_eq!(
            (exchange.status, exchange.executed, exchange.ended),
            (Some(429), false, Ended::Answered)
        );
        stage.lift(fault).await;
        assert_eq!(
            ask(&mut client, GET, HELLO.len()).await,
            HELLO,
            "the same connection reaches the callee again"
        );
    }
}

#[tokio::test]
async fn status_of_a_code_without_a_body_and_for_head() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let fault = stage.inject("status", json!(204)).await;
    let mut client = stage.connect().await;
    let wanted = b"HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(ask(&mut client, GET, wanted.len()).await, wanted);
    stage.lift(fault).await;
    stage.inject("status", json!(503)).await;
    let head = b"HEAD / HTTP/1.1\r\n\r\n";
    client.write_all(&head.repeat(2)).await.unwrap();
    let wanted = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n";
    assert_eq!(read(&mut client, wanted.len() * 2).await, wanted.repeat(2));
}

#[tokio::test]
async fn status_after_the_effect_lets_the_callee_act_first() {
    let callee = Listener::answering(POST.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage
        .inject("status", json!({ "code": 500, "after_effect": true }))
        .await;
    let mut client = stage.connect().await;
    for exchanges in 1..=2 {
        client.write_all(POST).await.unwrap();
        let (head, _) = answer(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert_eq!(callee.all(), POST.repeat(exchanges));
    }
    let seen = stage.ended(2).await;
    assert!(
        seen.exchanges
            .iter()
            .all(|e| e.executed && e.status == Some(500))
    );
}

#[tokio::test]
async fn status_after_the_effect_of_a_callee_that_closes_behind_its_answer() {
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
    let stage = Stage::before(crate::callee::speaker(LAST).await, Protocol::Http).await;
    stage
        .inject("status", json!({ "code": 500, "after_effect": true }))
        .await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        client.write_all(POST).await.unwrap();
        let (head, _) = answer(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        tokio::time::sleep(ms(20)).await;
    }
}

#[tokio::test]
async fn status_answers_a_caller_that_has_closed_its_direction() {
    for _ in 0..10 {
        let stage = Stage::new(HELLO, Protocol::Http).await;
        stage.inject("status", json!(503)).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        client.shutdown().await.unwrap();
        let (got, end) = until_end(&mut client).await;
        assert!(got.starts_with(b"HTTP/1.1 503 "), "{got:?}");
        assert_eq!(end, End::Fin);
    }
}

#[tokio::test]
async fn status_answers_a_caller_that_waits_to_be_asked_for_its_body() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage.inject("status", json!(503)).await;
    let mut client = stage.connect().await;
    let head = b"POST /r HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let (got, end) = ask_to_end(&mut client, head).await;
    assert!(got.starts_with(b"HTTP/1.1 503 "), "{got:?}");
    assert_eq!(end, End::Fin, "the body that may come is none of a request");
}

#[tokio::test]
async fn status_and_latency_together_come_late() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage.inject("status", json!(503)).await;
    stage.inject("latency", json!("200ms")).await;
    let mut client = stage.connect().await;
    let began = std::time::Instant::now();
    client.write_all(GET).await.unwrap();
    let (head, _) = answer(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(began.elapsed() >= ms(200));
}

#[tokio::test]
pub(in crate::each) async fn content_type_changes_one_header_and_nothing_else() {
    for (whole, wanted) in [
        (
            &b"HTTP/1.1 200 OK\r\nX-A:  1\r\ncontent-TYPE: application/json\r\nContent-Length: 5\r\n\r\nhello"[..],
            "HTTP/1.1 200 OK\r\nX-A:  1\r\ncontent-type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            CHUNKED,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-type: text/html\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    ] {
        let stage = Stage::new(whole, Protocol::Auto).await;
        let fault = stage.inject("content_type", json!("text/html")).await;
        let mut client = stage.connect().await;
        for _ in 0..2 {
            let got = ask(&mut client, GET, wanted.len()).await;
            assert_eq!(String::from_utf8_lossy(&got), wanted);
        }
        stage.lift(fault).await;
        assert_eq!(ask(&mut client, GET, whole.len()).await, whole);
    }
}

#[tokio::test]
async fn a_header_that_is_changed_is_there_once() {
    const TWICE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n";
    let stage = Stage::new(TWICE, Protocol::Http).await;
    stage.inject("content_type", json!("text/html")).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    let (head, _) = answer(&mut client).await;
    assert_eq!(
        head.to_lowercase().matches("content-type").count(),
        1,
        "{head}"
    );
}

#[tokio::test]
pub(in crate::each) async fn large_headers_adds_so_many_bytes_of_headers() {
    for (size, bytes) in [
        ("1B", 16),
        ("100B", 100),
        ("64KiB", 65_536),
        ("1MiB", 1 << 20),
    ] {
        let stage = Stage::new(HELLO, Protocol::Auto).await;
        stage.inject("large_headers", json!(size)).await;
        let mut client = stage.connect().await;
        for _ in 0..2 {
            client.write_all(GET).await.unwrap();
            let (head, body) = answer(&mut client).await;
            let added = head.len() + body.len() - HELLO.len();
            // The last header is at least as long as its name.
            assert!(added >= bytes && added < bytes + 18, "{size}: {added}");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-padding-0: x"));
            assert!(head.ends_with("x\r\n\r\n"), "{size}");
        }
    }
}

#[tokio::test]
pub(in crate::each) async fn malformed_breaks_what_it_says_and_closes() {
    let whats = [
        (
            "status_line",
            "HTPP/1.1 2OO OK\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            "header",
            "HTTP/1.1 200 OK\r\nthis is no header\r\nContent-Length: 5\r\n\r\nhello",
        ),
        (
            "content_length",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nhello",
        ),
        (
            "chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        ),
    ];
    for (what, wanted) in whats {
        for protocol in EVERY_PROTOCOL {
            let stage = Stage::new(HELLO, protocol).await;
            stage.inject("malformed", json!(what)).await;
            let mut client = stage.connect().await;
            let (got, end) = ask_to_end(&mut client, GET).await;
            assert_eq!(String::from_utf8_lossy(&got), wanted);
            assert_eq!(end, End::Fin);
            assert_eq!(stage.served(), 1, "the callee has acted");
        }
    }
}

#[tokio::test]
async fn malformed_chunks_of_an_answer_that_has_chunks_or_lasts_until_the_close() {
    const CLOSES: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello";
    let wanted = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n";
    let chunked = Listener::answering(GET.len(), CHUNKED).await.address;
    let closes = crate::callee::speaker(CLOSES).await;
    for callee in [chunked, closes] {
        let stage = Stage::before(callee, Protocol::Http).await;
        stage.inject("malformed", json!("chunk")).await;
        let mut client = stage.connect().await;
        let (got, end) = ask_to_end(&mut client, GET).await;
        assert_eq!(String::from_utf8_lossy(&got), wanted);
        assert_eq!(end, End::Fin);
    }
}

#[tokio::test]
async fn malformed_chunks_are_not_put_where_there_is_no_body() {
    let stage = Stage::new(b"HTTP/1.1 204 No Content\r\n\r\n", Protocol::Http).await;
    stage.inject("malformed", json!("chunk")).await;
    let mut client = stage.connect().await;
    let (got, _) = ask_to_end(&mut client, GET).await;
    assert!(!String::from_utf8_lossy(&got).contains("xyz"), "{got:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_while_it_is_to_be_changed_breaks_off_for_the_caller_too() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"half\":";
    let stage = Stage::before(crate::callee::speaker(HALF).await, Protocol::Http).await;
    stage.inject("mutate", json!({ "drop": "/half" })).await;
    let mut client = stage.connect().await;
    assert_eq!(
        ask_to_end(&mut client, GET).await,
        (HALF.to_vec(), End::Fin)
    );
    let seen = stage.ended(1).await;
    assert_eq!(seen.exchanges[0].ended, Ended::Callee);
}
