//! `latency`: every distribution, every direction, on every kind of edge.

use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot};
use crate::client::{End, ask, read, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, Stage, ms};

#[tokio::test]
pub(super) async fn latency_holds_the_answer_back_and_the_callee_works_at_once() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("latency", json!("300ms")).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    client.write_all(GET).await.unwrap();
    let answered = |seen: &shaketable_faults::observe::Seen| {
        seen.exchanges
            .first()
            .is_some_and(|e| e.first_byte.is_some())
    };
    stage.seen(answered).await;
    assert_eq!(stage.served(), 1, "long before the delay is over");
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
    let seen = stage.ended(1).await;
    let exchange = &seen.exchanges[0];
    assert_eq!(
        (exchange.ended, exchange.status, exchange.fault),
        (Ended::Answered, Some(200), Some(0))
    );
    let late = exchange.end.unwrap() - exchange.first_byte.unwrap();
    assert!(u128::from(late) >= ms(300).as_nanos(), "{late}");
}

#[tokio::test]
async fn latency_holds_on_every_kind_of_edge_and_each_way() {
    for protocol in EVERY_PROTOCOL {
        for (direction, least) in [("up", 100), ("down", 100), ("both", 200)] {
            let stage = Stage::new(HELLO, protocol).await;
            let value = json!({ "delay": "100ms", "direction": direction });
            stage.inject("latency", value).await;
            let mut client = stage.connect().await;
            for _ in 0..2 {
                let began = Instant::now();
                assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
                let took = began.elapsed();
                assert!(
                    took >= ms(least),
                    "{protocol:?} {direction}: it took {took:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn latency_up_keeps_the_request_from_the_callee() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let fault = json!({ "delay": "1h", "direction": "up" });
        let fault = stage.inject("latency", fault).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(400)).await;
        assert_eq!(callee.all(), b"", "{protocol:?}");
        stage.lift(fault).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
        assert_eq!(callee.all(), GET);
    }
}

#[tokio::test]
async fn latency_of_every_distribution_varies_and_is_never_shorter_than_it_says() {
    for (distribution, least) in [("uniform", 10), ("normal", 0), ("pareto", 20)] {
        for protocol in [Protocol::Http, Protocol::Tcp] {
            let stage = Stage::new(HELLO, protocol).await;
            let value = json!({ "delay": "20ms", "jitter": "10ms", "distribution": distribution });
            stage.inject("latency", value).await;
            let mut client = stage.connect().await;
            let mut total = ms(0);
            for _ in 0..10 {
                let began = Instant::now();
                assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
                assert!(began.elapsed() >= ms(least), "{distribution}");
                total += began.elapsed();
            }
            // The mean of ten lies 3 standard errors around 20 ms; noise only adds.
            assert!(total >= ms(100), "{distribution}: {total:?}");
        }
    }
}

#[tokio::test]
async fn latency_with_jitter_never_changes_the_order_of_bytes() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let value = json!({ "delay": "10ms", "jitter": "10ms", "direction": "both" });
    stage.inject("latency", value).await;
    let mut client = stage.connect().await;
    let sent: Vec<u8> = (0..=255).cycle().take(4000).collect();
    for piece in sent.chunks(100) {
        client.write_all(piece).await.unwrap();
        tokio::time::sleep(ms(1)).await;
    }
    assert_eq!(read(&mut client, sent.len()).await, sent);
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
    assert!(took >= ms(100), "{took:?}");
    assert!(
        took < ms(2000),
        "50 messages one after the other would take 5 s: {took:?}"
    );
}

#[tokio::test]
async fn latency_that_is_lifted_releases_what_it_held() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("latency", json!("1h")).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(100)).await;
        stage.lift(fault).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
        assert_eq!(
            ask(&mut client, GET, HELLO.len()).await,
            HELLO,
            "the same connection goes on untouched"
        );
    }
}

#[tokio::test]
async fn latency_that_drops_when_lifted_resets_what_it_held_and_nothing_else() {
    for protocol in EVERY_PROTOCOL {
        for direction in ["up", "down"] {
            let stage = Stage::new(HELLO, protocol).await;
            let value = json!({ "delay": "1h", "direction": direction, "when_lifted": "drop" });
            let mut idle = stage.connect().await;
            assert_eq!(ask(&mut idle, GET, HELLO.len()).await, HELLO);
            let fault = stage.inject("latency", value).await;
            let mut client = stage.connect().await;
            client.write_all(GET).await.unwrap();
            silent(&mut client, ms(350)).await;
            stage.lift(fault).await;
            assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
            let seen = stage
                .seen(|seen| seen.exchanges.last().unwrap().end.is_some())
                .await;
            assert_eq!(seen.exchanges.last().unwrap().ended, Ended::Fault);
            assert_eq!(
                ask(&mut idle, GET, HELLO.len()).await,
                HELLO,
                "{protocol:?}"
            );
        }
    }
}

#[tokio::test]
async fn latency_that_is_changed_counts_from_when_the_bytes_came() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("latency", json!("1h")).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(250)).await;
        stage.change(fault, "latency", json!("400ms")).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO, "{protocol:?}");
        assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn two_latencies_add_up_and_lifting_one_leaves_the_other() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        stage.inject("latency", json!("400ms")).await;
        let long = stage.inject("latency", json!("1h")).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(250)).await;
        stage.lift(long).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
        assert!(
            began.elapsed() >= ms(400),
            "{protocol:?}: the other latency still holds: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_late_answer_is_seen_to_at_once() {
    for protocol in [Protocol::Auto, Protocol::Http] {
        let stage = Stage::new(HELLO, protocol).await;
        stage.inject("latency", json!("1h")).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(100)).await;
        drop(client);
        let seen = stage.ended(1).await;
        assert_eq!(seen.exchanges[0].ended, Ended::Caller);
    }
}
