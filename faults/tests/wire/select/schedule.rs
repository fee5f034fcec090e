//! `schedule`: faults that come late, go early, come and go.

use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::callee::parrot;
use crate::client::{End, answer, ask, read, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, PATIENCE, Stage, ms};

/// Whether a request is hit by a `status`.
async fn is_hit(client: &mut TcpStream) -> bool {
    client.write_all(GET).await.unwrap();
    let (head, _) = answer(client).await;
    head.starts_with("HTTP/1.1 503 ")
}

/// Asks until a request is hit, or is not.
async fn until_hit(client: &mut TcpStream, hit: bool) {
    let deadline = Instant::now() + PATIENCE;
    while is_hit(client).await != hit {
        assert!(Instant::now() < deadline, "never hit: {hit}");
        tokio::time::sleep(ms(5)).await;
    }
}

#[tokio::test]
async fn a_fault_begins_late_and_ends_early() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    let rule = stage.rule("status", json!(503));
    rule.after(ms(200)).lasts(ms(200)).inject().await;
    assert!(!is_hit(&mut client).await || began.elapsed() >= ms(200));
    until_hit(&mut client, true).await;
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
    until_hit(&mut client, false).await;
    assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
    tokio::time::sleep(ms(50)).await;
    assert!(!is_hit(&mut client).await, "it does not come again");
}

#[tokio::test]
async fn what_a_fault_held_goes_on_when_its_time_is_over() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut client = stage.connect().await;
        let began = Instant::now();
        let rule = stage.rule("latency", json!("1h"));
        rule.lasts(ms(300)).inject().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        assert!(began.elapsed() >= ms(300), "{protocol:?}");
    }
}

#[tokio::test]
async fn what_a_fault_lost_is_cut_off_when_its_time_is_over() {
    for protocol in EVERY_PROTOCOL {
        for (fault, value) in [
            ("hang", json!(true)),
            ("mute", json!("down")),
            ("half_open", json!(true)),
            ("stall", json!("0B")),
        ] {
            let stage = Stage::new(HELLO, protocol).await;
            let began = Instant::now();
            let rule = stage.rule(fault, value);
            rule.lasts(ms(400)).inject().await;
            let mut client = stage.connect().await;
            client.write_all(GET).await.unwrap();
            let (_, end) = until_end(&mut client).await;
            assert_eq!(end, End::Rst, "{fault} on {protocol:?}");
            assert!(began.elapsed() >= ms(400), "{fault} on {protocol:?}");
            let mut client = stage.connect().await;
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        }
    }
}

#[tokio::test]
async fn a_ramp_hits_more_and_more_and_then_all() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    let rule = stage.rule("status", json!(503));
    let shape = json!({ "ramp": { "over": "1s" } });
    rule.shape(shape).inject().await;
    let (mut hits, mut all) = (0, 0);
    while began.elapsed() < ms(1000) {
        // Each a request of its own, so that its lot is its own.
        let request = format!("GET /r/{all} HTTP/1.1\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let (head, _) = answer(&mut client).await;
        hits += usize::from(head.starts_with("HTTP/1.1 503 "));
        all += 1;
        tokio::time::sleep(ms(5)).await;
    }
    assert!(hits > 0 && hits < all, "{hits} of {all}");
    tokio::time::sleep(ms(20)).await;
    for _ in 0..20 {
        assert!(is_hit(&mut client).await);
    }
}

#[tokio::test]
async fn a_wave_comes_and_goes() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    let rule = stage.rule("status", json!(503));
    let shape = json!({ "wave": { "on": "60ms", "off": "60ms" } });
    let fault = rule.shape(shape).inject().await;
    for _ in 0..3 {
        until_hit(&mut client, true).await;
        until_hit(&mut client, false).await;
    }
    stage.lift(fault).await;
    for _ in 0..20 {
        assert!(!is_hit(&mut client).await);
        tokio::time::sleep(ms(5)).await;
    }
}

#[tokio::test]
async fn a_wave_of_latency_on_bytes_holds_and_releases() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let rule = stage.rule("latency", json!("1h"));
    let shape = json!({ "wave": { "on": "100ms", "off": "50ms" } });
    rule.shape(shape).inject().await;
    let mut client = stage.connect().await;
    let mut slowest = ms(0);
    for round in 0..100_u8 {
        let asked = Instant::now();
        assert_eq!(ask(&mut client, &[round], 1).await, [round]);
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(ms(3)).await;
    }
    assert!(slowest >= ms(20), "{slowest:?}");
}

#[tokio::test]
async fn random_outages_refuse_and_let_in_again() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let rule = stage.rule("refuse", json!(true));
    let shape = json!({ "outages": { "up": "50ms", "down": "50ms" } });
    let fault = rule.shape(shape).inject().await;
    let address = stage.proxy.address();
    let (mut turns, mut before) = (0, true);
    let deadline = Instant::now() + PATIENCE;
    while turns < 6 {
        let up = TcpStream::connect(address).await.is_ok();
        turns += usize::from(up != before);
        before = up;
        assert!(Instant::now() < deadline, "{turns} turns");
        tokio::time::sleep(ms(2)).await;
    }
    stage.lift(fault).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_sequence_freezes_resets_and_thaws() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        // It is old by now, which must not matter.
        silent(&mut client, ms(250)).await;
        let began = Instant::now();
        let freeze = stage.rule("freeze", json!(true));
        freeze.lasts(ms(600)).inject().await;
        let reset = stage.rule("reset", json!({ "in": "0s" }));
        let reset = reset.after(ms(300)).lasts(ms(100));
        reset.inject().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(150)).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
        assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
        // After the reset and before the thaw, a new connection waits, and then goes on.
        tokio::time::sleep_until((began + ms(450)).into()).await;
        let mut fresh = stage.connect().await;
        assert_eq!(ask(&mut fresh, GET, HELLO.len()).await, HELLO);
        assert!(
            began.elapsed() >= ms(600),
            "{protocol:?}: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_reset_in_a_while_counts_from_when_its_schedule_has_it_on() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"x", 1).await, b"x");
    let began = Instant::now();
    let rule = stage.rule("reset", json!({ "in": "200ms" }));
    rule.after(ms(200)).inject().await;
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
    assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_change_leaves_the_schedule_as_it_is() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    let rule = stage.rule("status", json!(503));
    let fault = rule.after(ms(200)).lasts(ms(300)).inject().await;
    let began = Instant::now();
    stage.change(fault, "status", json!(503)).await;
    until_hit(&mut client, true).await;
    stage.change(fault, "status", json!(503)).await;
    until_hit(&mut client, false).await;
    assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_fault_that_is_lifted_before_its_time_never_comes() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let mut client = stage.connect().await;
    let rule = stage.rule("status", json!(503));
    let fault = rule.after(ms(100)).inject().await;
    stage.lift(fault).await;
    tokio::time::sleep(ms(200)).await;
    assert!(!is_hit(&mut client).await);
}

#[tokio::test]
async fn a_scheduled_bandwidth_slows_a_stream_and_lets_it_go() {
    for protocol in EVERY_PROTOCOL {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 100_000, b'x');
        let answer: &'static [u8] = answer.leak();
        let stage = Stage::new(answer, protocol).await;
        let rule = stage.rule("bandwidth", json!("1KB"));
        let began = Instant::now();
        rule.lasts(ms(300)).inject().await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        assert_eq!(read(&mut client, answer.len()).await, answer);
        assert!(began.elapsed() >= ms(300), "{protocol:?}");
    }
}
