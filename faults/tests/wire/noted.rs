//! Headers that a proxy was told to note, and that change nothing of what passes.

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Exchange;
use tokio::io::AsyncWriteExt;

use crate::callee::Listener;
use crate::client::ask;
use crate::stage::{HELLO, Stage};

const ASKS: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nX-Deadline-MS:  250\r\n\r\n";
const SAYS_NOTHING: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

fn deadline(exchange: &Exchange) -> Option<&str> {
    exchange.noted.as_ref()?.value(1)
}

fn note(stage: &Stage) {
    let names = ["idempotency-key", "x-deadline-ms"];
    stage.proxy.note(names.map(str::to_owned).to_vec());
}

#[tokio::test]
async fn each_exchange_has_what_its_own_request_said() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let stage = Stage::new(HELLO, protocol).await;
        note(&stage);
        let mut client = stage.connect().await;
        for request in [ASKS, SAYS_NOTHING] {
            ask(&mut client, request, HELLO.len()).await;
        }
        let seen = stage.ended(2).await;
        let noted: Vec<Option<&str>> = seen.exchanges.iter().map(deadline).collect();
        assert_eq!(noted, [Some("250"), None]);
        assert!(seen.exchanges[1].noted.is_none());
    }
}

#[tokio::test]
async fn a_request_that_a_fault_keeps_from_the_callee_is_noted_too() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    note(&stage);
    for (number, (kind, value)) in [("status", json!(503)), ("hang", json!(true))]
        .into_iter()
        .enumerate()
    {
        let fault = stage.inject(kind, value).await;
        let mut client = stage.connect().await;
        client.write_all(ASKS).await.unwrap();
        let noted =
            |exchanges: &[Exchange]| exchanges.get(number).and_then(deadline) == Some("250");
        stage.seen(|seen| noted(&seen.exchanges)).await;
        stage.lift(fault).await;
    }
}

#[tokio::test]
async fn what_is_noted_passes_as_it_came() {
    let callee = Listener::answering(ASKS.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    note(&stage);
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, ASKS, HELLO.len()).await, HELLO);
    assert_eq!(callee.gets(ASKS.len()).await, ASKS);
}

#[tokio::test]
async fn without_being_told_nothing_is_noted() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    ask(&mut client, ASKS, HELLO.len()).await;
    assert_eq!(stage.ended(1).await.exchanges[0].noted, None);
}
