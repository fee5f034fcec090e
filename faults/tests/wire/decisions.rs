//! Which exchanges are hit depends on the seed and the exchanges, and on nothing else.

use serde_json::json;
use shaketable_faults::Protocol;

use crate::client::ask;
use crate::stage::{HELLO, Stage};

const REQUESTS: usize = 60;

/// Sends the requests over so many connections and gives, for each in order of its number, whether
/// it was hit.
async fn hits(connections: usize, with_another_fault: bool) -> Vec<bool> {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    if with_another_fault {
        let elsewhere = stage.rule("latency", json!("1ms"));
        let elsewhere = elsewhere.which(json!({ "path": "/r/7*" }));
        elsewhere.probability(0.5).inject().await;
    }
    let rule = stage.rule("status", json!(503)).probability(0.3);
    rule.inject().await;
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(stage.connect().await);
    }
    let mut hits = Vec::new();
    for number in 0..REQUESTS {
        let client = &mut clients[number % connections];
        let request = format!("GET /r/{number} HTTP/1.1\r\n\r\n");
        let head = ask(client, request.as_bytes(), 12).await;
        hits.push(head == b"HTTP/1.1 503");
        // The rest of the answer is not needed: a fresh connection for the next one.
        *client = stage.connect().await;
    }
    hits
}

#[tokio::test]
async fn the_same_exchanges_are_hit_whatever_else_goes_on() {
    let first = hits(1, false).await;
    let count = first.iter().filter(|hit| **hit).count();
    assert!((8..30).contains(&count), "about 30% of {REQUESTS}: {count}");
    assert_eq!(hits(1, false).await, first);
    assert_eq!(hits(7, false).await, first, "over several connections");
    assert_eq!(
        hits(3, true).await,
        first,
        "with an unrelated fault beside it"
    );
}
