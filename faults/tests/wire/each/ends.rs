//! `half_close`, `slow_close`, `cut_idle`, `limit_data` and `truncate`: connections that end early,
//! late or in halves.

use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot, speaker};
use crate::client::{End, answer, ask, ask_to_end, read, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, HELLO_HEAD, POST, Stage, ms};

#[tokio::test]
pub(super) async fn half_close_ends_one_direction_and_leaves_the_other() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let callee = Listener::answering(4, b"answer").await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "direction": "down", "after": "3B" });
        stage.inject("half_close", value).await;
        let mut client = stage.connect().await;
        let ended = ask_to_end(&mut client, b"word").await;
        assert_eq!(ended, (b"ans".to_vec(), End::Fin), "{protocol:?}");
        client.write_all(b" more").await.unwrap();
        assert_eq!(callee.gets(9).await, b"word more", "the other way goes on");
    }
}

#[tokio::test]
async fn half_close_up_lets_the_callee_think_that_the_caller_is_done() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        stage
            .inject("half_close", json!({ "direction": "up", "after": "4B" }))
            .await;
        let mut client = stage.connect().await;
        client.write_all(b"word and more").await.unwrap();
        let heard = callee
            .hears(|h| h.first().is_some_and(|h| h.end.is_some()))
            .await;
        assert_eq!(heard[0].bytes, b"word");
        assert_eq!(heard[0].end, Some(End::Fin));
    }
    // And its answer still comes.
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    stage
        .inject("half_close", json!({ "direction": "up", "after": "4B" }))
        .await;
    let mut client = stage.connect().await;
    let ended = ask_to_end(&mut client, b"word and more").await;
    assert_eq!(ended, (b"word".to_vec(), End::Fin));
}

#[tokio::test]
async fn half_close_of_an_established_connection_at_once() {
    let callee = Listener::answering(4, b"answer").await;
    let stage = Stage::before(callee.address, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"word", 6).await, b"answer");
    stage.inject("half_close", json!("down")).await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Fin));
    client.write_all(b"more").await.unwrap();
    assert_eq!(callee.gets(8).await, b"wordmore");
}

#[tokio::test]
pub(super) async fn slow_close_tells_the_end_late() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(speaker(b"bye").await, protocol).await;
        stage.inject("slow_close", json!("300ms")).await;
        let mut client = stage.connect().await;
        assert_eq!(read(&mut client, 3).await, b"bye");
        let began = Instant::now();
        silent(&mut client, ms(100)).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Fin));
        // The word may have come a little later than the end.
        assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn slow_close_tells_the_callee_late_too_and_at_once_when_lifted() {
    let callee = Listener::silent().await;
    let stage = Stage::before(callee.address, Protocol::Tcp).await;
    let fault = stage.inject("slow_close", json!("1h")).await;
    let mut client = stage.connect().await;
    client.write_all(b"word").await.unwrap();
    drop(client);
    callee.gets(4).await;
    tokio::time::sleep(ms(150)).await;
    assert_eq!(callee.heard()[0].end, None);
    stage.lift(fault).await;
    let heard = callee.hears(|heard| heard[0].end.is_some()).await;
    assert_eq!(heard[0].end, Some(End::Fin));
}

#[tokio::test]
pub(super) async fn cut_idle_ends_what_is_idle_and_nothing_else() {
    for protocol in EVERY_PROTOCOL {
        for (value, end) in [
            (json!(true), End::Fin),
            (json!({ "by": "reset" }), End::Rst),
        ] {
            let stage = Stage::new(HELLO, protocol).await;
            let mut idle = stage.connect().await;
            assert_eq!(ask(&mut idle, GET, HELLO.len()).await, HELLO);
            // On bytes what has just moved is not idle yet.
            silent(&mut idle, ms(100)).await;
            stage.inject("cut_idle", value).await;
            assert_eq!(
                until_end(&mut idle).await,
                (Vec::new(), end),
                "{protocol:?}"
            );
            let mut fresh = stage.connect().await;
            for _ in 0..2 {
                assert_eq!(
                    ask(&mut fresh, GET, HELLO.len()).await,
                    HELLO,
                    "what comes later"
                );
                silent(&mut fresh, ms(100)).await;
            }
        }
    }
}

#[tokio::test]
async fn cut_idle_spares_an_exchange_that_waits_for_its_answer() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let callee = Listener::answering(GET.len() + 1, HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut busy = stage.connect().await;
        busy.write_all(GET).await.unwrap();
        silent(&mut busy, ms(100)).await;
        stage.inject("cut_idle", json!(true)).await;
        silent(&mut busy, ms(100)).await;
        // The byte that the callee waits for belongs to a second request.
        busy.write_all(GET).await.unwrap();
        silent(&mut busy, ms(50)).await;
        assert_eq!(callee.all(), GET);
    }
}

#[tokio::test]
async fn cut_idle_spares_bytes_that_move() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut busy = stage.connect().await;
    let mut injected = None;
    for round in 0..100_u8 {
        assert_eq!(ask(&mut busy, &[round], 1).await, [round]);
        if round == 50 {
            injected = Some(stage.inject("cut_idle", json!(true)).await);
        }
    }
    assert!(injected.is_some());
}

#[tokio::test]
async fn cut_idle_comes_again_with_each_wave() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let shape = json!({ "wave": { "on": "50ms", "off": "400ms" } });
    stage
        .rule("cut_idle", json!(true))
        .shape(shape)
        .inject()
        .await;
    for _ in 0..2 {
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Fin));
    }
}

#[tokio::test]
pub(super) async fn limit_data_closes_after_so_many_bytes() {
    for protocol in EVERY_PROTOCOL {
        for (by, end) in [("close", End::Fin), ("reset", End::Rst)] {
            let stage = Stage::new(HELLO, protocol).await;
            stage
                .inject("limit_data", json!({ "after": "3B", "by": by }))
                .await;
            let mut client = stage.connect().await;
            let head = if protocol == Protocol::Tcp {
                0
            } else {
                HELLO_HEAD.len()
            };
            let (got, ended) = ask_to_end(&mut client, GET).await;
            assert_eq!(got, &HELLO[..head + 3], "{protocol:?} {by}");
            assert_eq!(ended, end);
            let seen = stage.ended(1).await;
            assert_eq!(seen.exchanges[0].ended, Ended::Fault);
        }
    }
}

#[tokio::test]
async fn limit_data_up_gives_the_callee_so_many_bytes() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "after": "2B", "direction": "up" });
        stage.inject("limit_data", value).await;
        let mut client = stage.connect().await;
        assert_eq!(ask_to_end(&mut client, POST).await, (Vec::new(), End::Fin));
        let head = if protocol == Protocol::Tcp {
            0
        } else {
            POST.len() - 4
        };
        let heard = callee
            .hears(|h| h.first().is_some_and(|h| h.end.is_some()))
            .await;
        assert_eq!(heard[0].bytes, &POST[..head + 2], "{protocol:?}");
    }
}

#[tokio::test]
async fn limit_data_counts_anew_each_time_it_is_injected() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    for _ in 0..3 {
        let fault = stage.inject("limit_data", json!("10B")).await;
        assert_eq!(ask(&mut client, b"123456", 6).await, b"123456");
        stage.lift(fault).await;
        assert_eq!(ask(&mut client, b"between", 7).await, b"between");
    }
}

#[tokio::test]
pub(super) async fn truncate_cuts_the_body_under_its_length() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let stage = Stage::new(HELLO, protocol).await;
        stage.inject("truncate", json!("2B")).await;
        let mut client = stage.connect().await;
        let whole = HELLO.len() - 3;
        let ended = ask_to_end(&mut client, GET).await;
        assert_eq!(ended, (HELLO[..whole].to_vec(), End::Rst));
        let seen = stage.ended(1).await;
        assert_eq!(
            (seen.exchanges[0].ended, seen.exchanges[0].executed),
            (Ended::Fault, true)
        );
    }
}

#[tokio::test]
async fn truncate_on_bytes_and_by_close() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    stage
        .inject("truncate", json!({ "after": "3B", "by": "close" }))
        .await;
    let mut client = stage.connect().await;
    assert_eq!(
        ask_to_end(&mut client, b"abcdef").await,
        (b"abc".to_vec(), End::Fin)
    );
}

#[tokio::test]
async fn truncate_counts_the_data_of_chunks_and_not_their_sizes() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let stage = Stage::new(CHUNKED, Protocol::Http).await;
    stage
        .inject("truncate", json!({ "after": "7B", "by": "close" }))
        .await;
    let mut client = stage.connect().await;
    let (got, end) = ask_to_end(&mut client, GET).await;
    let text = String::from_utf8(got).unwrap();
    assert!(text.ends_with("\r\n\r\n5\r\nhello\r\n6\r\n w"), "{text:?}");
    assert_eq!(end, End::Fin);
}

#[tokio::test]
async fn truncate_that_fits_is_complete_http_with_half_a_body() {
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for whole in [HELLO, CHUNKED] {
        // `fit` makes a `tcp` edge read HTTP.
        for protocol in EVERY_PROTOCOL {
            let stage = Stage::new(whole, protocol).await;
            stage
                .inject("truncate", json!({ "after": "2B", "fit": true }))
                .await;
            let mut client = stage.connect().await;
            for _ in 0..2 {
                client.write_all(GET).await.unwrap();
                let (head, body) = answer(&mut client).await;
                assert_eq!(body, b"he", "{protocol:?} {head}");
                assert!(!head.to_lowercase().contains("chunked"), "{head}");
            }
            let seen = stage.ended(2).await;
            assert_eq!(seen.exchanges[1].ended, Ended::Answered);
        }
    }
}

#[tokio::test]
async fn truncate_that_fits_leaves_a_shorter_body_alone() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage
        .inject("truncate", json!({ "after": "5B", "fit": true }))
        .await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    let seen = stage.ended(1).await;
    assert_eq!(seen.exchanges[0].fault, None, "nothing was done to it");
}
