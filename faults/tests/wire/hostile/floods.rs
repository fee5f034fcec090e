//! Connections in great numbers: idle, half closed, reset, refused by the callee.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::child::ByItself;
use crate::callee::{Listener, callee, nobody, speaker};
use crate::client::{End, ask, connect_and_ask, reset, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO};

/// Lets this process have as many descriptors as it may, and gives how many that are.
fn raise_the_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    hard
}

#[tokio::test]
async fn ten_thousand_idle_connections_cost_little_and_hinder_nobody() {
    let many = (raise_the_limit() / 2).saturating_sub(300).min(10_000);
    let (address, _) = callee(HELLO).await;
    let proxy = ByItself::start(Protocol::Http, address, json!({}), None);
    let (before, memory) = (proxy.descriptors(), proxy.peak_mib());
    let mut idle = Vec::new();
    for number in 0..many {
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        if number % 1000 == 0 {
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        }
        idle.push(client);
    }
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
    let more = proxy.peak_mib() - memory;
    assert!(
        more * 1024 < many * 10 + 10_000,
        "{more} MiB for {many} connections"
    );
    // They can all be used.
    for client in idle.iter_mut().rev().step_by(997) {
        assert_eq!(ask(client, GET, HELLO.len()).await, HELLO);
    }
    drop((idle, client));
    proxy.lets_go_of_all_but(before).await;
    proxy.ends_well().await;
}

#[tokio::test]
async fn a_flood_of_half_closed_connections_drains() {
    for protocol in EVERY_PROTOCOL {
        let proxy = ByItself::start(protocol, speaker(b"bye").await, json!({}), None);
        let before = proxy.descriptors();
        for words in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHos", GET, b"\0bytes"] {
            let mut clients = Vec::new();
            for _ in 0..150 {
                let mut client = TcpStream::connect(proxy.address).await.unwrap();
                client.write_all(words).await.unwrap();
                client.shutdown().await.unwrap();
                clients.push(client);
            }
            for client in &mut clients {
                assert_eq!(
                    until_end(client).await.1,
                    End::Fin,
                    "{protocol:?} {words:?}"
                );
            }
        }
        proxy.lets_go_of_all_but(before).await;
        proxy.ends_well().await;
    }
}

#[tokio::test]
async fn a_flood_of_resets_drains() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::silent().await;
        let proxy = ByItself::start(protocol, callee.address, json!({}), None);
        let before = proxy.descriptors();
        for round in 0..300 {
            let mut client = TcpStream::connect(proxy.address).await.unwrap();
            match round % 3 {
                0 => {}
                1 => client.write_all(&GET[..7]).await.unwrap(),
                _ => client.write_all(GET).await.unwrap(),
            }
            reset(client);
        }
        proxy.lets_go_of_all_but(before).await;
        proxy.ends_well().await;
    }
}

#[tokio::test]
async fn a_callee_that_refuses_is_a_clear_end_each_time() {
    let (address, _keeper) = nobody();
    for protocol in EVERY_PROTOCOL {
        let proxy = ByItself::start(protocol, address, json!({}), None);
        let before = proxy.descriptors();
        for _ in 0..500 {
            let ended = connect_and_ask(proxy.address, GET).await;
            assert_eq!(ended, (Vec::new(), End::Rst));
        }
        proxy.lets_go_of_all_but(before).await;
        assert!(proxy.peak_mib() < 60, "{} MiB", proxy.peak_mib());
        proxy.ends_well().await;
    }
}

#[tokio::test]
async fn callers_that_give_up_leave_nothing_behind_under_any_fault() {
    let faults = [
        json!({ "hang": true }),
        json!({ "latency": "300ms" }),
        json!({ "latency": { "delay": "300ms", "direction": "up" } }),
        json!({ "stall": "0B" }),
        json!({ "drip": "100ms" }),
        json!({ "stall": { "after": "2B", "lasts": "100ms" } }),
        json!({ "truncate": "2B" }),
        json!({ "mute": "both" }),
        json!({ "mute": "down" }),
        json!({ "half_open": true }),
        json!({ "slow_accept": "100ms" }),
        json!({ "max_connections": 3 }),
        json!({ "response_lost": "silence" }),
        json!({ "status": { "code": 503, "after_effect": true } }),
        json!({ "reorder": { "at_most": "200ms" } }),
        json!({ "duplicate": true }),
        json!({ "mutate": { "drop": "/a" } }),
    ];
    let (address, _) = callee(HELLO).await;
    for faults in faults {
        let proxy = ByItself::start(Protocol::Auto, address, faults.clone(), None);
        let before = proxy.descriptors();
        for round in 0..60 {
            let mut client = TcpStream::connect(proxy.address).await.unwrap();
            client.write_all(GET).await.unwrap();
            if round % 3 == 0 {
                let _ = crate::client::within_or_end(&mut client).await;
            }
            if round % 2 == 0 {
                reset(client);
            }
        }
        proxy.lets_go_of_all_but(before).await;
        proxy.ends_well().await;
    }
}
