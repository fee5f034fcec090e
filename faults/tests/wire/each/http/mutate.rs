//! `mutate`: each change, in bodies of every framing, and what it leaves alone.

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;

use crate::callee::speaker;
use crate::client::{End, answer, ask, ask_to_end};
use crate::stage::{EVERY_PROTOCOL, GET, Stage};

const BODY: &str =
    r#"{"id":7,"tags":["a","b"],"name":"bolt","price":{"amount":3,"currency":"EUR"}}"#;

fn leak(text: String) -> &'static [u8] {
    text.leak().as_bytes()
}

/// The answer with this body and a length.
fn with_length(headers: &str, body: &str) -> &'static [u8] {
    leak(format!(
        "HTTP/1.1 200 OK\r\nX-First: 1\r\n{headers}Content-Length: {}\r\nX-Last: 2\r\n\r\n{body}",
        body.len()
    ))
}

/// The body after a change, from an answer as it is.
async fn mutated(stage: &Stage) -> (String, Value) {
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    let (head, body) = answer(&mut client).await;
    (head, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
pub(in crate::each) async fn mutate_changes_one_field() {
    let changes = [
        (
            json!({ "add_field": "/price" }),
            "/price",
            json!({ "amount": 3, "currency": "EUR", "unexpected_field": "unexpected" }),
        ),
        (
            json!({ "drop": "/price/currency" }),
            "/price",
            json!({ "amount": 3 }),
        ),
        (json!({ "drop": "/tags/0" }), "/tags", json!(["b"])),
        (json!({ "null": "/price" }), "/price", json!(null)),
        (json!({ "retype": "/id" }), "/id", json!("7")),
        (json!({ "retype": "/name" }), "/name", json!(42)),
        (
            json!({ "retype": "/price" }),
            "/price",
            json!([{ "amount": 3, "currency": "EUR" }]),
        ),
        (
            json!({ "retype": "/tags" }),
            "/tags",
            json!({ "items": ["a", "b"] }),
        ),
        (
            json!({ "set": { "at": "/price/currency", "value": "XXX" } }),
            "/price/currency",
            json!("XXX"),
        ),
        (json!({ "empty": "/tags" }), "/tags", json!([])),
        (json!({ "empty": "/name" }), "/name", json!("")),
        (json!({ "empty": "/price" }), "/price", json!({})),
    ];
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(with_length("", BODY), protocol).await;
        for (change, at, becomes) in &changes {
            let fault = stage.inject("mutate", change.clone()).await;
            let (head, got) = mutated(&stage).await;
            let mut wanted: Value = serde_json::from_str(BODY).unwrap();
            *wanted.pointer_mut(at).unwrap() = becomes.clone();
            assert_eq!(got, wanted, "{change}");
            assert!(
                head.starts_with("HTTP/1.1 200 OK\r\nX-First: 1\r\ncontent-length: "),
                "the other headers stay where they are: {head}"
            );
            assert!(head.ends_with("\r\nX-Last: 2\r\n\r\n"), "{head}");
            stage.lift(fault).await;
        }
    }
}

#[tokio::test]
async fn mutate_takes_chunks_apart() {
    let (one, two) = BODY.split_at(20);
    let chunked = leak(format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n{:x};e=1\r\n{one}\r\n{:X}\r\n{two}\r\n0\r\nX-Sum: 1\r\n\r\n",
        one.len(),
        two.len()
    ));
    let stage = Stage::new(chunked, Protocol::Http).await;
    stage.inject("mutate", json!({ "drop": "/id" })).await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        let (head, body) = answer(&mut client).await;
        assert!(!head.to_lowercase().contains("chunked"), "{head}");
        assert!(!head.to_lowercase().contains("trailer"), "{head}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("id"), None);
        assert_eq!(body["name"], "bolt");
    }
}

#[tokio::test]
async fn mutate_changes_a_body_that_lasts_until_the_close() {
    let whole = leak(format!("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n{BODY}"));
    let stage = Stage::before(speaker(whole).await, Protocol::Http).await;
    stage.inject("mutate", json!({ "null": "/id" })).await;
    let mut client = stage.connect().await;
    let (got, end) = ask_to_end(&mut client, GET).await;
    let text = String::from_utf8(got).unwrap();
    assert!(text.contains("\r\n\r\n{\"id\":null,\"tags\""), "{text}");
    assert_eq!(end, End::Fin, "the connection ends as the callee's did");
}

#[tokio::test]
async fn mutate_keeps_one_length_where_there_were_two() {
    let whole = leak(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {0}\r\nContent-Length: {0}\r\n\r\n{BODY}",
        BODY.len()
    ));
    let stage = Stage::new(whole, Protocol::Http).await;
    stage.inject("mutate", json!({ "drop": "/id" })).await;
    let (head, _) = mutated(&stage).await;
    assert_eq!(
        head.to_lowercase().matches("content-length").count(),
        1,
        "{head}"
    );
}

#[tokio::test]
async fn mutate_passes_what_it_cannot_change_as_it_came() {
    let large = format!("{{\"id\":7,\"pad\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let untouched = [
        ("no such field", with_length("", r#"{ "other":  1.10 }"#)),
        ("no JSON", with_length("", "<id>7</id>")),
        ("an empty body", with_length("", "")),
        (
            "gzip",
            with_length("Content-Encoding: gzip\r\n", "\u{1f}\u{8b}\u{8}id"),
        ),
        ("a larger body than is held", with_length("", &large)),
        (
            "a body that is broken off by its chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        ),
        ("no body", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ];
    for (what, whole) in untouched {
        let stage = Stage::new(whole, Protocol::Http).await;
        stage.inject("mutate", json!({ "drop": "/id" })).await;
        let mut client = stage.connect().await;
        for exchange in 1..=2 {
            let got = ask(&mut client, GET, whole.len()).await;
            assert!(got == whole, "{what}");
            let seen = stage.ended(exchange).await;
            assert_eq!(
                seen.exchanges[exchange - 1].fault,
                None,
                "{what}: nothing was done, so nothing is claimed"
            );
        }
    }
}

#[tokio::test]
async fn mutate_leaves_the_answer_to_head_alone() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n";
    let stage = Stage::new(head, Protocol::Http).await;
    stage.inject("mutate", json!({ "drop": "/id" })).await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        let asked = b"HEAD / HTTP/1.1\r\n\r\n";
        assert_eq!(ask(&mut client, asked, head.len()).await, head);
    }
}

#[tokio::test]
async fn mutate_twice_changes_two_fields() {
    let stage = Stage::new(with_length("", BODY), Protocol::Http).await;
    stage.inject("mutate", json!({ "drop": "/id" })).await;
    stage.inject("mutate", json!({ "empty": "/tags" })).await;
    let (_, got) = mutated(&stage).await;
    assert_eq!((got.get("id"), &got["tags"]), (None, &json!([])));
}
