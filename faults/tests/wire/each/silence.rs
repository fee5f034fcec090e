//! `hang`, `mute`, `half_open`, `freeze` and `tls_stall`: the caller waits, and nothing tells it why.

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot, speaker};
use crate::client::{End, ask, read, reset, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, POST, Stage, ms};

/// The beginning of a TLS `ClientHello`, and of a TLS record with application data.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
const APPLICATION_DATA: &[u8] = b"\x17\x03\x03\x00\x05hello";

#[tokio::test]
pub(super) async fn hang_takes_the_request_and_says_nothing_until_it_is_lifted() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let fault = stage.inject("hang", json!(true)).await;
        let mut client = stage.connect().await;
        client.write_all(POST).await.unwrap();
        silent(&mut client, ms(300)).await;
        assert_eq!(callee.all(), b"", "the callee is not contacted");
        stage.lift(fault).await;
        assert_eq!(
            until_end(&mut client).await,
            (Vec::new(), End::Rst),
            "{protocol:?}"
        );
        let seen = stage.ended(1).await;
        let exchange = &seen.exchanges[0];
        assert_eq!(
            (exchange.ended, exchange.fault, exchange.executed),
            (Ended::Fault, Some(0), false),
            "{protocol:?}"
        );
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn hang_on_an_established_connection_takes_what_comes() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("hang", json!(true)).await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(150)).await;
        assert_eq!(stage.served(), 1);
        stage.lift(fault).await;
        assert_eq!(
            until_end(&mut client).await,
            (Vec::new(), End::Rst),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn hang_that_is_lifted_leaves_connections_alone_that_sent_nothing() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let stage = Stage::new(HELLO, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("hang", json!(true)).await;
        silent(&mut client, ms(50)).await;
        stage.lift(fault).await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_is_seen_to_while_nothing_comes() {
    let faults = [
        ("hang", json!(true)),
        ("half_open", json!(true)),
        ("mute", json!("up")),
        ("mute", json!("down")),
        ("mute", json!("both")),
        ("stall", json!("0B")),
    ];
    for (fault, value) in faults {
        for protocol in EVERY_PROTOCOL {
            for by_reset in [false, true] {
                let stage = Stage::new(HELLO, protocol).await;
                stage.inject(fault, value.clone()).await;
                let mut client = stage.connect().await;
                client.write_all(GET).await.unwrap();
                stage.seen(|seen| seen.exchanges.len() == 1).await;
                // What comes until then: nothing, or the headers.
                let _ = crate::client::within(&mut client, ms(100)).await;
                if by_reset {
                    reset(client);
                } else {
                    drop(client);
                }
                let seen = stage.ended(1).await;
                assert_eq!(
                    seen.exchanges[0].ended,
                    Ended::Caller,
                    "{fault} {value} on {protocol:?}, by reset: {by_reset}"
                );
            }
        }
    }
}

#[tokio::test]
pub(super) async fn mute_down_lets_the_callee_act_and_loses_its_answer() {
    for protocol in EVERY_PROTOCOL {
        for (when_lifted, end) in [("reset", End::Rst), ("close", End::Fin)] {
            let callee = Listener::answering(POST.len(), HELLO).await;
            let stage = Stage::before(callee.address, protocol).await;
            let value = json!({ "direction": "down", "when_lifted": when_lifted });
            let fault = stage.inject("mute", value).await;
            let mut client = stage.connect().await;
            client.write_all(POST).await.unwrap();
            assert_eq!(callee.gets(POST.len()).await, POST);
            silent(&mut client, ms(150)).await;
            stage.lift(fault).await;
            assert_eq!(
                until_end(&mut client).await,
                (Vec::new(), end),
                "{protocol:?} {when_lifted}"
            );
            let seen = stage.ended(1).await;
            assert!(seen.exchanges[0].executed);
        }
    }
}

#[tokio::test]
async fn mute_up_keeps_the_callee_from_acting() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let value = json!({ "direction": "up", "when_lifted": "close" });
        let fault = stage.inject("mute", value).await;
        let mut client = stage.connect().await;
        client.write_all(POST).await.unwrap();
        silent(&mut client, ms(300)).await;
        assert_eq!(callee.all(), b"", "{protocol:?}");
        stage.lift(fault).await;
        assert_eq!(
            until_end(&mut client).await,
            (Vec::new(), End::Fin),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn mute_that_lost_nothing_leaves_the_connection_alone_when_lifted() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("mute", json!("both")).await;
        silent(&mut client, ms(50)).await;
        stage.lift(fault).await;
        assert_eq!(
            ask(&mut client, GET, HELLO.len()).await,
            HELLO,
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn mute_in_the_middle_of_a_stream_loses_what_comes_then() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"before", 6).await, b"before");
    let fault = stage.inject("mute", json!("down")).await;
    client.write_all(b"lost").await.unwrap();
    silent(&mut client, ms(150)).await;
    stage.lift(fault).await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
}

#[tokio::test]
pub(super) async fn half_open_lets_nothing_through_and_tells_no_end() {
    // A callee that speaks and goes away at once.
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(speaker(b"220 ready\r\n").await, protocol).await;
        let fault = stage.inject("half_open", json!(true)).await;
        let mut client = stage.connect().await;
        silent(&mut client, ms(400)).await;
        client.write_all(b"EHLO x\r\n").await.unwrap();
        silent(&mut client, ms(100)).await;
        stage.lift(fault).await;
        assert_eq!(
            until_end(&mut client).await,
            (Vec::new(), End::Rst),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn half_open_on_http_takes_requests_and_the_callee_sees_none() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("half_open", json!(true)).await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(150)).await;
        assert_eq!(callee.all(), GET, "{protocol:?}");
        stage.lift(fault).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
    }
}

#[tokio::test]
async fn half_open_keeps_the_callees_end_from_an_established_caller() {
    for protocol in EVERY_PROTOCOL {
        // A callee that closes when it is told to.
        let (close, closes) = tokio::sync::watch::channel(false);
        let address = crate::callee::serving(move |mut stream| {
            let mut closes = closes.clone();
            async move {
                read(&mut stream, GET.len()).await;
                stream.write_all(HELLO).await.unwrap();
                closes.wait_for(|close| *close).await.unwrap();
            }
        })
        .await;
        let stage = Stage::before(address, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        stage.inject("half_open", json!(true)).await;
        close.send_replace(true);
        silent(&mut client, ms(150)).await;
    }
}

#[tokio::test]
async fn half_open_in_the_middle_of_an_exchange_keeps_its_answer_back() {
    for protocol in EVERY_PROTOCOL {
        let (answer, answers) = tokio::sync::watch::channel(false);
        let address = crate::callee::serving(move |mut stream| {
            let mut answers = answers.clone();
            async move {
                read(&mut stream, GET.len()).await;
                answers.wait_for(|answer| *answer).await.unwrap();
                let _ = stream.write_all(HELLO).await;
                let _ = until_end(&mut stream).await;
            }
        })
        .await;
        let stage = Stage::before(address, protocol).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        stage
            .seen(|seen| seen.exchanges.first().is_some_and(|e| e.executed))
            .await;
        let fault = stage.inject("half_open", json!(true)).await;
        answer.send_replace(true);
        silent(&mut client, ms(150)).await;
        stage.lift(fault).await;
        assert_eq!(
            until_end(&mut client).await,
            (Vec::new(), End::Rst),
            "{protocol:?}"
        );
        let seen = stage.ended(1).await;
        let exchange = &seen.exchanges[0];
        assert_eq!(
            (exchange.ended, exchange.fault),
            (Ended::Fault, Some(fault))
        );
    }
}

#[tokio::test]
pub(super) async fn freeze_keeps_everything_and_loses_nothing() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut established = stage.connect().await;
        assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject("freeze", json!(true)).await;
        let mut fresh = stage.connect().await;
        established.write_all(GET).await.unwrap();
        fresh.write_all(GET).await.unwrap();
        silent(&mut established, ms(150)).await;
        silent(&mut fresh, ms(150)).await;
        assert_eq!(callee.all(), GET, "{protocol:?}");
        stage.lift(fault).await;
        assert_eq!(read(&mut established, HELLO.len()).await, HELLO);
        assert_eq!(read(&mut fresh, HELLO.len()).await, HELLO);
        assert_eq!(ask(&mut fresh, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn freeze_can_be_for_the_connections_that_were_there() {
    for (age, frozen) in [("reused", 0), ("new", 1)] {
        for protocol in EVERY_PROTOCOL {
            let stage = Stage::new(HELLO, protocol).await;
            let mut older = stage.connect().await;
            assert_eq!(ask(&mut older, GET, HELLO.len()).await, HELLO);
            let rule = stage.rule("freeze", json!(true));
            let fault = rule.which(json!({ "connection": age })).inject().await;
            let mut clients = [older, stage.connect().await];
            for (at, client) in clients.iter_mut().enumerate() {
                client.write_all(GET).await.unwrap();
                if at == frozen {
                    silent(client, ms(150)).await;
                } else {
                    assert_eq!(read(client, HELLO.len()).await, HELLO);
                }
            }
            stage.lift(fault).await;
            assert_eq!(read(&mut clients[frozen], HELLO.len()).await, HELLO);
        }
    }
}

#[tokio::test]
async fn freeze_in_the_middle_of_a_request_and_of_an_answer() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(POST.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut client = stage.connect().await;
        client.write_all(&POST[..20]).await.unwrap();
        stage.accepted(1).await;
        let fault = stage.inject("freeze", json!(true)).await;
        client.write_all(&POST[20..]).await.unwrap();
        silent(&mut client, ms(100)).await;
        stage.lift(fault).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
        assert_eq!(callee.all(), POST);
    }
}

#[tokio::test]
async fn freeze_keeps_the_callers_end_back_too() {
    let callee = Listener::silent().await;
    let stage = Stage::before(callee.address, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    client.write_all(b"word").await.unwrap();
    callee.gets(4).await;
    let fault = stage.inject("freeze", json!(true)).await;
    client.write_all(b" and end").await.unwrap();
    drop(client);
    tokio::time::sleep(ms(100)).await;
    assert_eq!(callee.heard()[0].end, None);
    stage.lift(fault).await;
    let heard = callee.hears(|heard| heard[0].end.is_some()).await;
    assert_eq!(heard[0].bytes, b"word and end");
    assert_eq!(heard[0].end, Some(End::Fin));
}

#[tokio::test]
pub(super) async fn tls_stall_leaves_a_client_hello_without_an_answer() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let callee = Listener::answering(1, b"\x16\x03\x03").await;
        let stage = Stage::before(callee.address, protocol).await;
        let fault = stage.inject("tls_stall", json!(true)).await;
        let mut client = stage.connect().await;
        client.write_all(CLIENT_HELLO).await.unwrap();
        silent(&mut client, ms(300)).await;
        assert_eq!(callee.all(), b"", "{protocol:?}");
        let mut plain = stage.connect().await;
        assert_eq!(
            ask(&mut plain, b"x", 3).await,
            b"\x16\x03\x03",
            "others pass"
        );
        stage.lift(fault).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
    }
}

#[tokio::test]
async fn tls_stall_leaves_alone_what_was_shaken_hands_on_before() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    let hello = CLIENT_HELLO.len();
    assert_eq!(ask(&mut client, CLIENT_HELLO, hello).await, CLIENT_HELLO);
    // Something that is not TLS, and sends a byte that looks like it later.
    let mut other = stage.connect().await;
    assert_eq!(ask(&mut other, b"x", 1).await, b"x");
    stage.inject("tls_stall", json!(true)).await;
    assert_eq!(
        ask(&mut client, APPLICATION_DATA, 10).await,
        APPLICATION_DATA
    );
    assert_eq!(ask(&mut other, CLIENT_HELLO, hello).await, CLIENT_HELLO);
}
