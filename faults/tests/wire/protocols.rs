//! How an edge finds out what is spoken on it.

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot, serving, speaker};
use crate::client::{End, ask, read, until_end};
use crate::stage::{GET, HELLO, Stage, ms};

#[tokio::test]
async fn a_callee_that_speaks_first_is_heard_on_an_auto_edge() {
    let stage = Stage::before(parrot(b"220 ready\r\n").await, Protocol::Auto).await;
    let mut client = stage.connect().await;
    assert_eq!(read(&mut client, 11).await, b"220 ready\r\n");
    assert_eq!(ask(&mut client, b"EHLO", 4).await, b"EHLO");
}

#[tokio::test]
async fn http_after_a_silence_is_still_http() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("status", json!(503)).await;
    let mut client = stage.connect().await;
    // The edge connects to the callee after a while without a word; that must not settle it.
    stage.accepted(1).await;
    tokio::time::sleep(ms(300)).await;
    assert_eq!(ask(&mut client, GET, 12).await, b"HTTP/1.1 503");
}

#[tokio::test]
async fn an_answer_before_its_request_was_through_does_not_end_the_reading() {
    let address = serving(|mut stream| async move {
        let head = b"POST /big HTTP/1.1\r\nContent-Length: 300000\r\n\r\n";
        read(&mut stream, head.len() + 10).await;
        stream.write_all(HELLO).await.unwrap();
        read(&mut stream, 300_000 - 10).await;
        read(&mut stream, GET.len()).await;
        stream.write_all(HELLO).await.unwrap();
        let _ = until_end(&mut stream).await;
    })
    .await;
    let stage = Stage::before(address, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    rule.which(json!({ "path": "/hit" })).inject().await;
    let mut client = stage.connect().await;
    client
        .write_all(b"POST /big HTTP/1.1\r\nContent-Length: 300000\r\n\r\n")
        .await
        .unwrap();
    client.write_all(&[b'x'; 10]).await.unwrap();
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    client.write_all(&vec![b'x'; 300_000 - 10]).await.unwrap();
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    let hit = b"GET /hit HTTP/1.1\r\n\r\n";
    assert_eq!(ask(&mut client, hit, 12).await, b"HTTP/1.1 503");
    let seen = stage.ended(3).await;
    assert_eq!(seen.operations, ["POST /big", "GET /stock/A1", "GET /hit"]);
    assert!(seen.exchanges.iter().all(|e| e.ended == Ended::Answered));
}

#[tokio::test]
async fn a_caller_that_closes_its_direction_without_a_word_still_hears_the_callee() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(speaker(b"12:00\r\n").await, protocol).await;
        let mut client = stage.connect().await;
        client.shutdown().await.unwrap();
        let heard = until_end(&mut client).await;
        assert_eq!(heard, (b"12:00\r\n".to_vec(), End::Fin), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_word_that_could_have_become_http_reaches_the_callee() {
    for word in [&b"G"[..], b"GE", b"DELETE", b"GET / HTTP/1.1\r\nHos"] {
        for protocol in [Protocol::Auto, Protocol::Http, Protocol::Tcp] {
            let callee = Listener::silent().await;
            let stage = Stage::before(callee.address, protocol).await;
            let mut client = stage.connect().await;
            client.write_all(word).await.unwrap();
            client.shutdown().await.unwrap();
            let heard = callee
                .hears(|h| h.first().is_some_and(|h| h.end.is_some()))
                .await;
            assert_eq!(heard[0].bytes, word, "{protocol:?}");
        }
    }
}
