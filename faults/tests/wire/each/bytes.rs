//! `corrupt` and `packet_loss`: bytes that arrive wrong, or not at all.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot};
use crate::client::{ask, read, silent, within};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, HELLO_HEAD, POST, Stage, ms};

/// Of how many bytes exactly one bit is different; all others are the same.
fn flipped(sent: &[u8], arrived: &[u8]) -> usize {
    assert_eq!(sent.len(), arrived.len());
    let bits = sent.iter().zip(arrived).map(|(a, b)| (a ^ b).count_ones());
    let wrong: Vec<_> = bits.filter(|bits| *bits > 0).collect();
    assert!(wrong.iter().all(|bits| *bits == 1), "{wrong:?}");
    wrong.len()
}

#[tokio::test]
pub(super) async fn corrupt_flips_one_bit_of_each_byte_that_it_hits() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("corrupt", json!("100%")).await;
        let mut client = stage.connect().await;
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            HELLO_HEAD.len()
        };
        let got = ask(&mut client, GET, HELLO.len()).await;
        assert_eq!(&got[..head], &HELLO[..head]);
        assert_eq!(flipped(&HELLO[head..], &got[head..]), HELLO.len() - head);
        stage.lift(fault).await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn corrupt_up_spoils_what_the_callee_gets() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "bytes": "100%", "direction": "up" });
        stage.inject("corrupt", value).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            POST.len() - 4
        };
        let got = callee.all();
        assert_eq!(&got[..head], &POST[..head]);
        assert_eq!(flipped(&POST[head..], &got[head..]), POST.len() - head);
    }
}

#[tokio::test]
async fn corrupt_hits_about_its_share_and_the_same_bytes_each_time() {
    let sent: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let mut before = None;
    for run in 0..2 {
        let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
        stage.inject("corrupt", json!("5%")).await;
        let mut client = stage.connect().await;
        for piece in sent.chunks(if run == 0 { 20_000 } else { 777 }) {
            client.write_all(piece).await.unwrap();
        }
        let got = read(&mut client, sent.len()).await;
        let wrong = flipped(&sent, &got);
        assert!((850..1150).contains(&wrong), "{wrong}");
        if let Some(before) = before.replace(got.clone()) {
            assert!(before == got, "the same bytes, whatever the segments");
        }
    }
}

#[tokio::test]
async fn corrupt_leaves_the_framing_of_chunks_alone() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n0\r\nT: 1\r\n\r\n";
    let stage = Stage::new(CHUNKED, Protocol::Http).await;
    stage.inject("corrupt", json!("100%")).await;
    let mut client = stage.connect().await;
    let got = ask(&mut client, GET, CHUNKED.len()).await;
    assert_eq!(
        flipped(CHUNKED, &got),
        5,
        "{}",
        String::from_utf8_lossy(&got)
    );
    assert_eq!(
        ask(&mut client, GET, CHUNKED.len()).await.len(),
        CHUNKED.len()
    );
}

#[tokio::test]
pub(super) async fn packet_loss_loses_pieces_for_good() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(parrot(b"").await, protocol).await;
        let fault = stage.inject("packet_loss", json!("100%")).await;
        let mut client = stage.connect().await;
        client.write_all(b"lost").await.unwrap();
        silent(&mut client, ms(300)).await;
        stage.lift(fault).await;
        assert_eq!(
            ask(&mut client, b"found", 5).await,
            b"found",
            "the connection goes on without it"
        );
    }
}

#[tokio::test]
async fn packet_loss_up_keeps_pieces_from_the_callee() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "rate": "100%", "direction": "up" });
        let fault = stage.inject("packet_loss", value).await;
        let mut client = stage.connect().await;
        client.write_all(b"lost").await.unwrap();
        silent(&mut client, ms(300)).await;
        stage.lift(fault).await;
        client.write_all(b"found").await.unwrap();
        assert_eq!(callee.gets(5).await, b"found");
    }
}

#[tokio::test]
async fn what_is_for_bytes_leaves_http_alone_and_claims_nothing() {
    let faults = [
        ("packet_loss", json!("100%")),
        ("slow_close", json!("1h")),
        ("half_close", json!("down")),
        ("half_close", json!("up")),
    ];
    for (fault, value) in faults {
        for protocol in [Protocol::Auto, Protocol::Http] {
            let stage = Stage::new(HELLO, protocol).await;
            stage.inject(fault, value.clone()).await;
            let mut client = stage.connect().await;
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO, "{fault}");
            let seen = stage.ended(1).await;
            assert_eq!(seen.exchanges[0].fault, None, "{fault}");
        }
    }
}

#[tokio::test]
async fn packet_loss_takes_about_its_share_in_whole_pieces() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let value = json!({ "rate": "50%", "correlation": "50%" });
    let fault = stage.inject("packet_loss", value).await;
    let mut client = stage.connect().await;
    let mut got = Vec::new();
    for piece in 0..60_u8 {
        client.write_all(&[piece; 10]).await.unwrap();
        got.extend(within(&mut client, ms(5)).await);
    }
    stage.lift(fault).await;
    client.write_all(b"!").await.unwrap();
    while got.last() != Some(&b'!') {
        got.extend(read(&mut client, 1).await);
    }
    got.pop();
    assert!(got.is_sorted(), "in order: {got:?}");
    let arrived = got.len() / 10;
    assert_eq!(got.len() % 10, 0, "whole pieces");
    assert!((5..55).contains(&arrived), "{arrived} of 60");
}
