//! Which exchanges and connections are hit depends on the seed and on what they are, and on nothing
//! else.

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;

use super::load::Busy;
use crate::client::answer;
use crate::stage::{GET, HELLO, Stage};

const REQUESTS: usize = 60;

/// How the same requests are sent.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// How many callers send them at the same time.
    callers: usize,
    /// Whether other threads keep the processors busy meanwhile.
    busy: bool,
    /// Whether faults for something else come and go meanwhile.
    others: bool,
}

/// How to choose what is hit.
fn selections() -> Vec<(Value, Value, f64)> {
    vec![
        (json!({}), json!({}), 0.3),
        (json!({ "path": "/r/*" }), json!({}), 0.3),
        (json!({ "headers": { "x-number": "*1*" } }), json!({}), 0.6),
        (json!({ "body": { "/odd": true } }), json!({}), 0.5),
        (json!({}), json!({ "first": 1, "of": "each_request" }), 0.4),
        (json!({}), json!({ "skip": 1, "of": "each_request" }), 1.0),
        (json!({}), json!({ "every": 2, "of": "each_request" }), 0.7),
    ]
}

/// Each of the requests, sent twice by the same caller; gives for each whether it was hit.
async fn hits(stage: &Stage, manner: Manner) -> Vec<[bool; 2]> {
    let callers = manner.callers.max(1);
    let asking = (0..callers).map(|caller| {
        let proxy = stage.proxy.address();
        tokio::spawn(async move {
            let mut hits = Vec::new();
            let mut client = tokio::net::TcpStream::connect(proxy).await.unwrap();
            for number in (caller..REQUESTS).step_by(callers) {
                let body = format!("{{\"odd\":{}}}", number % 2 == 1);
                let request = format!(
                    "POST /r/{number} HTTP/1.1\r\nX-Number: {number}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut twice = [false; 2];
                for hit in &mut twice {
                    client.write_all(request.as_bytes()).await.unwrap();
                    let (head, _) = answer(&mut client).await;
                    *hit = head.starts_with("HTTP/1.1 503 ");
                }
                hits.push((number, twice));
            }
            hits
        })
    });
    let mut all = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        if manner.others {
            let other = stage.rule("latency", json!({ "delay": "1ms", "jitter": "1ms" }));
            let other = other.which(json!({ "path": "/r/7*" })).probability(0.5);
            let other = other.inject().await;
            let another = stage.rule("content_type", json!("text/html"));
            let another = another.probability(0.5).inject().await;
            stage.lift(other).await;
            stage
                .change(another, "content_type", json!("text/plain"))
                .await;
        }
        all.extend(asked.await.unwrap());
    }
    all.sort_unstable();
    all.into_iter().map(|(_, twice)| twice).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_exchanges_are_hit_whatever_else_goes_on() {
    for (which, times, probability) in selections() {
        let mut first: Option<Vec<[bool; 2]>> = None;
        for manner in [
            Manner::default(),
            Manner {
                callers: 7,
                busy: true,
                others: false,
            },
            Manner {
                callers: 3,
                busy: false,
                others: true,
            },
        ] {
            let stage = Stage::new(HELLO, Protocol::Auto).await;
            if manner.others {
                // One that was there before, and hits what the other hits.
                let rule = stage.rule("latency", json!("1ms"));
                rule.probability(0.5).inject().await;
            }
            let rule = stage.rule("status", json!(503));
            let rule = rule.which(which.clone()).times(times.clone());
            rule.probability(probability).inject().await;
            let _busy = manner.busy.then(Busy::new);
            let hits = hits(&stage, manner).await;
            let count = hits.iter().flatten().filter(|hit| **hit).count();
            assert!((8..112).contains(&count), "{which} {times}: {count}");
            if let Some(first) = &first {
                assert_eq!(*first, hits, "{which} {times} {manner:?}");
            } else {
                first = Some(hits);
            }
        }
    }
}

#[tokio::test]
async fn two_occurrences_of_the_same_request_have_lots_of_their_own() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage
        .rule("status", json!(503))
        .probability(0.5)
        .inject()
        .await;
    let hits = hits(&stage, Manner::default()).await;
    let differ = hits.iter().filter(|[one, other]| one != other).count();
    assert!((15..45).contains(&differ), "{differ} of {REQUESTS}");
}

/// Which of 40 connections are reset, after so many before the fault was injected.
async fn reset_connections(before: usize, beside: bool) -> Vec<bool> {
    let stage = Stage::new(HELLO, Protocol::Tcp).await;
    for _ in 0..before {
        stage.connect_and_close(GET).await;
    }
    stage
        .rule("reset", json!(true))
        .probability(0.4)
        .inject()
        .await;
    let mut hits = Vec::new();
    for connection in 0..40 {
        if beside && connection % 10 == 0 {
            let rule = stage.rule("latency", json!("1ms"));
            rule.probability(0.5).inject().await;
        }
        let (got, _) = stage.connect_and_close(GET).await;
        hits.push(got.is_empty());
    }
    hits
}

#[tokio::test]
async fn the_same_connections_are_hit_however_many_there_were_before() {
    let first = reset_connections(0, false).await;
    let count = first.iter().filter(|hit| **hit).count();
    assert!((6..30).contains(&count), "{count} of 40");
    assert_eq!(reset_connections(5, false).await, first);
    let _busy = Busy::new();
    assert_eq!(reset_connections(1, true).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_at_the_same_time_are_hit_by_their_numbers() {
    let mut first: Option<Vec<u32>> = None;
    for busy in [false, true, true] {
        let stage = Stage::new(HELLO, Protocol::Tcp).await;
        let rule = stage.rule("reset", json!({ "after": "3B" }));
        let fault = rule.probability(0.4).inject().await;
        let _busy = busy.then(Busy::new);
        let asking = (0..40).map(|_| {
            let address = stage.proxy.address();
            tokio::spawn(async move {
                let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
                let _ = client.write_all(GET).await;
                let _ = client.shutdown().await;
                crate::client::until_end(&mut client).await
            })
        });
        for asked in asking.collect::<Vec<_>>() {
            asked.await.unwrap();
        }
        let seen = stage.ended(40).await;
        let hit = seen.exchanges.iter().filter(|e| e.fault == Some(fault));
        let mut numbers: Vec<_> = hit.map(|e| e.connection).collect();
        numbers.sort_unstable();
        assert!((6..30).contains(&numbers.len()), "{numbers:?}");
        if let Some(first) = &first {
            assert_eq!(*first, numbers);
        }
        first = Some(numbers);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let mut answers = Vec::new();
    for beside in [false, true] {
        let stage = Stage::new(HELLO, Protocol::Http).await;
        if beside {
            // It hits the same exchange, before and behind the one that corrupts.
            stage
                .inject("latency", json!({ "delay": "2ms", "jitter": "1ms" }))
                .await;
        }
        stage.inject("corrupt", json!("50%")).await;
        if beside {
            stage
                .inject("slicer", json!({ "size": "3B", "variation": "2B" }))
                .await;
        }
        let mut client = stage.connect().await;
        let mut got = Vec::new();
        for _ in 0..8 {
            client.write_all(GET).await.unwrap();
            got.push(answer(&mut client).await.1);
        }
        answers.push(got);
    }
    assert_eq!(answers[0], answers[1], "the same bits are wrong");
    assert!(
        answers[0].iter().any(|body| *body != answers[0][0]),
        "each time others"
    );
}
