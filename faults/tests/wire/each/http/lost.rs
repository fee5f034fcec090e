//! `response_lost`: the effect without its answer.

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, speaker};
use crate::client::{End, answer, ask, ask_to_end, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, HELLO, POST, Stage, ms};

#[tokio::test]
pub(in crate::each) async fn response_lost_has_its_effect_and_no_answer() {
    for (instead, end) in [("reset", End::Rst), ("close", End::Fin)] {
        for protocol in EVERY_PROTOCOL {
            let callee = Listener::answering(POST.len(), HELLO).await;
            let stage = Stage::before(callee.address, protocol).await;
            let fault = stage.inject("response_lost", json!(instead)).await;
            let mut client = stage.connect().await;
            assert_eq!(ask_to_end(&mut client, POST).await, (Vec::new(), end));
            assert_eq!(callee.all(), POST, "{protocol:?}");
            let seen = stage.ended(1).await;
            let exchange = &seen.exchanges[0];
            assert_eq!(
                (exchange.executed, exchange.status, exchange.ended),
                (true, None, Ended::Fault)
            );
            stage.lift(fault).await;
            let mut client = stage.connect().await;
            assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
        }
    }
}

#[tokio::test]
async fn response_lost_to_silence_is_reset_when_lifted() {
    let callee = Listener::answering(POST.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Auto).await;
    let fault = stage.inject("response_lost", json!("silence")).await;
    let mut client = stage.connect().await;
    client.write_all(POST).await.unwrap();
    assert_eq!(callee.gets(POST.len()).await, POST);
    silent(&mut client, ms(150)).await;
    stage.lift(fault).await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
}

#[tokio::test]
async fn response_lost_to_silence_and_the_caller_gives_up() {
    let callee = Listener::answering(POST.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Auto).await;
    stage.inject("response_lost", json!("silence")).await;
    let mut client = stage.connect().await;
    client.write_all(POST).await.unwrap();
    callee.gets(POST.len()).await;
    silent(&mut client, ms(50)).await;
    drop(client);
    let seen = stage.ended(1).await;
    let exchange = &seen.exchanges[0];
    assert_eq!((exchange.ended, exchange.executed), (Ended::Caller, true));
}

#[tokio::test]
async fn response_lost_as_a_gateway_tells_it_keeps_the_connection() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let fault = stage
            .inject("response_lost", json!("gateway_timeout"))
            .await;
        let mut client = stage.connect().await;
        for exchanges in 1..=2 {
            client.write_all(POST).await.unwrap();
            let (head, body) = answer(&mut client).await;
            assert!(
                head.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
                "{head}"
            );
            assert_eq!(body, b"{\"error\":\"Gateway Timeout\"}");
            assert_eq!(callee.all(), POST.repeat(exchanges));
        }
        stage.lift(fault).await;
        assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn response_lost_hides_answers_of_any_shape() {
    let shapes: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the close",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes",
        b"this is no HTTP at all\r\n\r\n",
    ];
    for shape in shapes {
        for (instead, end) in [("reset", End::Rst), ("close", End::Fin)] {
            let stage = Stage::before(speaker(shape).await, Protocol::Http).await;
            stage.inject("response_lost", json!(instead)).await;
            let mut client = stage.connect().await;
            let request =
                b"POST /r HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\nbody";
            assert_eq!(
                ask_to_end(&mut client, request).await,
                (Vec::new(), end),
                "{}",
                String::from_utf8_lossy(shape)
            );
        }
    }
}

#[tokio::test]
async fn a_muted_answer_of_any_shape_is_not_heard() {
    let shapes: [&[u8]; 2] = [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes",
        b"this is no HTTP at all\r\n\r\n",
    ];
    for shape in shapes {
        let stage = Stage::before(speaker(shape).await, Protocol::Http).await;
        stage.inject("mute", json!("down")).await;
        let mut client = stage.connect().await;
        client
            .write_all(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            .await
            .unwrap();
        silent(&mut client, ms(150)).await;
    }
}
