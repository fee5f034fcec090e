//! `refuse`, `backlog_full`, `slow_accept` and `max_connections`: how connections come about.

use std::io::ErrorKind;
use std::time::Instant;

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::callee::{Listener, nobody};
use crate::client::{End, ask, read, silent, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, PATIENCE, Stage, ms};

#[tokio::test]
pub(super) async fn refuse_means_that_nothing_listens_and_lifting_it_listens_again() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut established = stage.connect().await;
    assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
    let fault = stage.inject("refuse", json!(true)).await;
    let refused = TcpStream::connect(stage.proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(until_end(&mut established).await, (Vec::new(), End::Rst));
    let seen = stage.seen(|seen| seen.connections[0].close.is_some()).await;
    assert_eq!(seen.connections[0].ended, Ended::Fault);
    stage.lift(fault).await;
    for _ in 0..3 {
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn refuse_cuts_what_is_under_way() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::silent().await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        callee.gets(GET.len()).await;
        stage.inject("refuse", json!(true)).await;
        assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
        let seen = stage.ended(1).await;
        assert_eq!(seen.exchanges[0].ended, Ended::Fault, "{protocol:?}");
        callee.hears(|heard| heard[0].end.is_some()).await;
    }
}

#[tokio::test]
async fn refuse_can_leave_established_connections_alone() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut established = stage.connect().await;
        assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
        stage
            .inject("refuse", json!({ "established": "keep" }))
            .await;
        let refused = TcpStream::connect(stage.proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn refuse_twice_needs_to_be_lifted_twice() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let one = stage.inject("refuse", json!(true)).await;
    let other = stage
        .inject("refuse", json!({ "established": "keep" }))
        .await;
    stage.lift(one).await;
    assert!(TcpStream::connect(stage.proxy.address()).await.is_err());
    stage.lift(other).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn nobody_can_take_the_port_while_it_refuses() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("refuse", json!(true)).await;
    let taken = std::net::TcpListener::bind(stage.proxy.address()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
pub(super) async fn backlog_full_leaves_the_handshake_without_an_answer() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut established = stage.connect().await;
    assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
    let fault = stage.inject("backlog_full", json!(true)).await;
    let address = stage.proxy.address();
    for _ in 0..3 {
        let connecting = tokio::time::timeout(ms(200), TcpStream::connect(address)).await;
        assert!(connecting.is_err(), "{connecting:?}");
    }
    assert_eq!(
        ask(&mut established, GET, HELLO.len()).await,
        HELLO,
        "established ones go on"
    );
    let waiting = tokio::spawn(TcpStream::connect(address));
    tokio::time::sleep(ms(50)).await;
    stage.lift(fault).await;
    // Its kernel asks again after a second.
    let waited = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    let mut waited = waited.unwrap().unwrap();
    assert_eq!(ask(&mut waited, GET, HELLO.len()).await, HELLO);
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
}

#[tokio::test]
pub(super) async fn slow_accept_takes_a_new_connection_up_late() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        stage.inject("slow_accept", json!("600ms")).await;
        let began = Instant::now();
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(150)).await;
        assert!(callee.heard().is_empty(), "the callee knows nothing of it");
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
        assert!(began.elapsed() >= ms(600), "{:?}", began.elapsed());
        let again = Instant::now();
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        assert!(
            again.elapsed() < ms(550),
            "once taken up, it is served at once"
        );
    }
}

#[tokio::test]
async fn slow_accept_leaves_alone_what_was_taken_up_before() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut young = stage.connect().await;
        assert_eq!(ask(&mut young, GET, HELLO.len()).await, HELLO);
        stage.inject("slow_accept", json!("1h")).await;
        assert_eq!(
            ask(&mut young, GET, HELLO.len()).await,
            HELLO,
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn slow_accept_that_is_lifted_takes_up_those_who_wait() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let fault = stage.inject("slow_accept", json!("1h")).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        silent(&mut client, ms(100)).await;
        stage.lift(fault).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
pub(super) async fn max_connections_lets_the_others_wait() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let mut first = stage.connect().await;
        assert_eq!(ask(&mut first, GET, HELLO.len()).await, HELLO);
        stage.inject("max_connections", json!(2)).await;
        let mut second = stage.connect().await;
        assert_eq!(ask(&mut second, GET, HELLO.len()).await, HELLO);
        let mut third = stage.connect().await;
        third.write_all(GET).await.unwrap();
        silent(&mut third, ms(150)).await;
        assert_eq!(ask(&mut first, GET, HELLO.len()).await, HELLO);
        drop(first);
        assert_eq!(read(&mut third, HELLO.len()).await, HELLO, "{protocol:?}");
    }
}

#[tokio::test]
async fn max_connections_can_turn_the_others_away() {
    for (beyond, end) in [("reset", End::Rst), ("close", End::Fin)] {
        for protocol in EVERY_PROTOCOL {
            let stage = Stage::new(HELLO, protocol).await;
            let value = json!({ "most": 1, "beyond": beyond });
            stage.inject("max_connections", value).await;
            let mut first = stage.connect().await;
            assert_eq!(ask(&mut first, GET, HELLO.len()).await, HELLO);
            assert_eq!(stage.connect_and_ask(b"").await, (Vec::new(), end));
            drop(first);
            stage.seen(|seen| seen.connections[0].close.is_some()).await;
            let mut third = stage.connect().await;
            assert_eq!(
                ask(&mut third, GET, HELLO.len()).await,
                HELLO,
                "{protocol:?}"
            );
        }
    }
}

#[tokio::test]
async fn max_connections_that_is_lifted_serves_those_who_wait() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let fault = stage.inject("max_connections", json!(0)).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        clients.push(client);
    }
    silent(&mut clients[0], ms(100)).await;
    stage.lift(fault).await;
    for client in &mut clients {
        assert_eq!(read(client, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn those_who_left_while_they_waited_take_nobodys_place() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    stage.inject("max_connections", json!(1)).await;
    let mut first = stage.connect().await;
    assert_eq!(ask(&mut first, GET, HELLO.len()).await, HELLO);
    for _ in 0..5 {
        let mut impatient = stage.connect().await;
        impatient.write_all(GET).await.unwrap();
        drop(impatient);
    }
    let mut patient = stage.connect().await;
    patient.write_all(GET).await.unwrap();
    drop(first);
    assert_eq!(read(&mut patient, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_callee_that_refuses_is_no_accepted_connection_that_just_closes() {
    for protocol in EVERY_PROTOCOL {
        let (address, _keeper) = nobody();
        let stage = Stage::before(address, protocol).await;
        assert_eq!(stage.connect_and_ask(GET).await, (Vec::new(), End::Rst));
        let seen = stage.ended(1).await;
        let exchange = &seen.exchanges[0];
        assert_eq!((exchange.ended, exchange.executed), (Ended::Callee, false));
    }
}
