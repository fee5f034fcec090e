//! `times`: hits by their count.

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{End, answer, ask};
use crate::stage::{GET, HELLO, Stage};

/// Which of 12 requests are hit, counted from 1.
async fn hits(times: Value, protocol: Protocol) -> Vec<usize> {
    let stage = Stage::new(HELLO, protocol).await;
    let fault = if protocol == Protocol::Tcp {
        ("reset", json!(true))
    } else {
        ("status", json!(503))
    };
    stage.rule(fault.0, fault.1).times(times).inject().await;
    let mut hits = Vec::new();
    for request in 1..=12 {
        // A connection each: on bytes that is what is counted.
        let (got, _) = stage.connect_and_close(GET).await;
        if !got.starts_with(b"HTTP/1.1 200 ") {
            hits.push(request);
        }
    }
    hits
}

#[tokio::test]
async fn counts_pick_requests_and_connections() {
    let picks: [(Value, &[usize]); 7] = [
        (json!({ "first": 2 }), &[1, 2]),
        (json!({ "skip": 10 }), &[11, 12]),
        (json!({ "every": 5 }), &[5, 10]),
        (json!({ "nth": 3 }), &[3]),
        (json!({ "skip": 3, "first": 2 }), &[4, 5]),
        (json!({ "skip": 1, "every": 3, "first": 2 }), &[4, 7]),
        (json!({ "skip": 1, "every": 3, "nth": 3 }), &[10]),
    ];
    for (times, wanted) in picks {
        for protocol in [Protocol::Http, Protocol::Auto, Protocol::Tcp] {
            assert_eq!(hits(times.clone(), protocol).await, wanted, "{times}");
        }
    }
}

#[tokio::test]
async fn only_what_meets_the_conditions_is_counted() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    let rule = rule.which(json!({ "method": "POST" }));
    rule.times(json!({ "every": 2 })).inject().await;
    let mut client = stage.connect().await;
    let mut hits = Vec::new();
    for method in ["POST", "GET", "GET", "POST", "GET", "POST", "POST"] {
        hits.push(is_hit(&mut client, method, "/r", "").await);
    }
    assert_eq!(hits, [false, false, false, true, false, false, true]);
}

async fn is_hit(client: &mut TcpStream, method: &str, path: &str, headers: &str) -> bool {
    let request = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    answer(client).await.0.starts_with("HTTP/1.1 503 ")
}

#[tokio::test]
async fn each_request_fails_twice_and_its_third_try_succeeds() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    let times = json!({ "first": 2, "of": "each_request" });
    rule.times(times).inject().await;
    let mut client = stage.connect().await;
    // The tries of three requests, mixed.
    let mut tries = [0; 3];
    for request in [0, 1, 0, 2, 0, 1, 2, 1, 2, 0] {
        tries[request] += 1;
        let hit = is_hit(&mut client, "GET", &format!("/r/{request}"), "").await;
        assert_eq!(hit, tries[request] <= 2, "{request}: {tries:?}");
    }
}

#[tokio::test]
async fn requests_are_the_same_by_their_method_path_and_body() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    let times = json!({ "first": 1, "of": "each_request" });
    rule.times(times).inject().await;
    let mut client = stage.connect().await;
    let mut hit = async |request: &str| {
        client.write_all(request.as_bytes()).await.unwrap();
        answer(&mut client).await.0.starts_with("HTTP/1.1 503 ")
    };
    let post = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\none";
    assert!(hit(post).await);
    assert!(!hit(post).await);
    assert!(hit(&post.replace("one", "two")).await, "another body");
    assert!(hit(&post.replace("/a", "/b")).await, "another path");
    assert!(hit(&post.replace("POST", "PUT")).await, "another method");
    assert!(!hit(&post.replace("Content", "X-Try: 2\r\nContent")).await);
    let chunks =
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n2\r\nne\r\n0\r\n\r\n";
    assert!(!hit(chunks).await, "the same body in chunks");
}

#[tokio::test]
async fn a_trace_tells_calls_apart_and_requests_of_a_call_by_what_they_ask_for() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    let times = json!({ "first": 1, "of": "each_request" });
    rule.times(times).inject().await;
    let mut client = stage.connect().await;
    let trace = |n: u32| format!("traceparent: 00-{n:032x}-00000000000000aa-01\r\n");
    for call in 1..=3 {
        assert!(is_hit(&mut client, "GET", "/r", &trace(call)).await);
        assert!(
            !is_hit(&mut client, "GET", "/r", &trace(call)).await,
            "its retry"
        );
        assert!(
            is_hit(&mut client, "GET", "/s", &trace(call)).await,
            "another request"
        );
    }
}

#[tokio::test]
async fn a_changed_fault_goes_on_counting() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    let fault = rule.times(json!({ "nth": 3 })).inject().await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
    stage.change(fault, "status", json!(500)).await;
    client.write_all(GET).await.unwrap();
    assert!(answer(&mut client).await.0.starts_with("HTTP/1.1 500 "));
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn half_of_the_connections_are_reset_at_connect_and_the_first_only_once() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let rule = stage.rule("reset", json!({ "at_connect": true }));
    rule.times(json!({ "every": 2 })).inject().await;
    for connection in 1..=6 {
        let (got, end) = stage.connect_and_close(GET).await;
        if connection % 2 == 0 {
            assert_eq!((got, end), (Vec::new(), End::Rst));
        } else {
            assert_eq!(got, HELLO);
        }
    }
}
