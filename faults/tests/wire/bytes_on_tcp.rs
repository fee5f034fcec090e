//! Faults on an edge that does not speak HTTP.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stage::{ANYWHERE, Stage, ask, read, read_to_end};

/// A callee that says back what it hears, after a greeting.
async fn parrot(greeting: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(greeting).await;
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_callee_that_speaks_first_is_heard_on_an_auto_edge() {
    let stage = Stage::before(parrot(b"220 ready\r\n").await, Protocol::Auto).await;
    let mut client = stage.connect().await;
    assert_eq!(read(&mut client, 11).await, b"220 ready\r\n");
    assert_eq!(ask(&mut client, b"EHLO", 4).await, b"EHLO");
}

#[tokio::test]
async fn http_after_a_silence_is_still_http() {
    let stage = Stage::new(super::stage::HELLO, Protocol::Auto).await;
    stage.inject("status", json!(503)).await;
    let mut client = stage.connect().await;
    // The edge connects to the callee after a while without a word; that must not settle it.
    stage.seen(|seen| seen.connections.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        ask(&mut client, super::stage::GET, 12).await,
        b"HTTP/1.1 503"
    );
}

#[tokio::test]
async fn latency_is_a_delay_line_and_not_a_throttle() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    stage.inject("latency", json!("100ms")).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    for _ in 0..50 {
        client.write_all(b"ping").await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&mut client, 200).await, b"ping".repeat(50));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(100), "{took:?}");
    assert!(
        took < Duration::from_secs(2),
        "50 messages one after the other would take 5 s: {took:?}"
    );
}

#[tokio::test]
async fn hang_reset_and_truncate_work_on_bytes() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let reset = stage.inject("reset", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(
        read_to_end(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    stage.proxy.lift(reset).await.unwrap();

    let cut = stage.inject("truncate", json!("3B")).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"abcdef", 3).await, b"abc");
    assert!(read_to_end(&mut client).await.is_err());
    stage.proxy.lift(cut).await.unwrap();

    stage.inject("hang", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(b"x").await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(150), client.read_u8()).await;
    assert!(silent.is_err());
    drop(client);
    let seen = stage
        .seen(|seen| {
            seen.exchanges
                .last()
                .is_some_and(|e| e.ended == Ended::Caller)
        })
        .await;
    assert_eq!(seen.exchanges.len(), 3, "a connection is an exchange");
}
