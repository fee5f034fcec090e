//! Faults where TLS is spoken: on what is inside it, and on the TCP beneath.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::{Ended, Exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{
    BOTH, Callee, FROM_CALLER, GET, HELLO, HOST, Sides, Stage, TO_CALLEE, ask, read, read_to_end,
};

const EVERYWHERE: [Sides; 3] = [FROM_CALLER, TO_CALLEE, BOTH];

async fn stage(protocol: Protocol, sides: Sides) -> Stage {
    let callee = Callee::new(sides.to_callee).await;
    let stage = Stage::new(callee.address, protocol, sides).await;
    callee.answers(HELLO);
    stage
}

#[tokio::test]
async fn a_status_is_put_in_the_place_of_the_answer() {
    for sides in EVERYWHERE {
        let stage = stage(Protocol::Auto, sides).await;
        let fault = stage.inject("status", json!(418)).await;
        let mut client = stage.connect(sides).await;
        let start = b"HTTP/1.1 418 ";
        assert_eq!(ask(&mut client, GET, start.len()).await, start, "{sides:?}");
        let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
        let exchange = &seen.exchanges[0];
        assert_eq!(
            (exchange.status, exchange.executed, exchange.fault),
            (Some(418), false, Some(fault))
        );
    }
}

#[tokio::test]
async fn latency_holds_the_answer_back() {
    const LATE: Duration = Duration::from_millis(150);
    for sides in EVERYWHERE {
        for protocol in [Protocol::Http, Protocol::Tcp] {
            let stage = stage(protocol, sides).await;
            let mut client = stage.connect(sides).await;
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
            stage.inject("latency", json!("150ms")).await;
            let began = Instant::now();
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
            assert!(began.elapsed() >= LATE, "{sides:?} {protocol:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_is_one_of_the_tcp_beneath() {
    for sides in EVERYWHERE {
        for protocol in [Protocol::Http, Protocol::Tcp] {
            let stage = stage(protocol, sides).await;
            let mut client = stage.connect(sides).await;
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
            stage.inject("reset", json!(true)).await;
            client.write_all(GET).await.unwrap();
            client.flush().await.unwrap();
            let error = read_to_end(&mut client).await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectionReset,
                "{sides:?} {protocol:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_reset_reaches_the_callee_too() {
    for sides in EVERYWHERE {
        let callee = Callee::new(sides.to_callee).await;
        let stage = Stage::new(callee.address, Protocol::Tcp, sides).await;
        let (mut client, mut server) = tokio::join!(stage.connect(sides), callee.accept());
        client.write_all(b"begun").await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(read(&mut server, 5).await, b"begun");
        stage.inject("reset", json!({ "after_sent": "3B" })).await;
        let _ = client.write_all(b"more bytes").await;
        let _ = client.flush().await;
        let error = read_to_end(&mut server).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{sides:?}");
    }
}

#[tokio::test]
async fn a_callee_that_resets_is_a_reset_for_the_caller() {
    for sides in EVERYWHERE {
        let callee = Callee::new(sides.to_callee).await;
        let stage = Stage::new(callee.address, Protocol::Tcp, sides).await;
        let reset = |tcp: &TcpStream| {
            let socket = socket2::SockRef::from(tcp);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        };
        let (mut client, ()) = tokio::join!(stage.connect(sides), async {
            if sides.to_callee {
                reset(callee.secure().await.unwrap().get_ref().0);
            } else {
                reset(&callee.tcp().await);
            }
        });
        let error = read_to_end(&mut client).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn connections_can_be_cut_within_their_handshake() {
    let stage = stage(Protocol::Auto, FROM_CALLER).await;
    let mut tcp = stage.tcp().await;
    stage.seen(|seen| seen.connections.len() == 1).await;
    stage.proxy.cut();
    let error = tcp.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let seen = stage.seen(|seen| seen.connections[0].close.is_some()).await;
    assert_eq!(seen.connections[0].ended, Ended::Fault);
}

#[tokio::test]
async fn a_frozen_connection_gets_no_handshake_until_it_thaws() {
    let stage = stage(Protocol::Auto, FROM_CALLER).await;
    let fault = stage.inject("freeze", json!(true)).await;
    let shaking = stage.secure(HOST, &[]);
    tokio::pin!(shaking);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut shaking).await;
    assert!(early.is_err(), "it answered");
    stage.proxy.lift(fault).await.unwrap();
    assert!(shaking.await.is_ok());
}

#[tokio::test]
async fn bytes_inside_can_be_cut_off() {
    for sides in EVERYWHERE {
        let stage = stage(Protocol::Tcp, sides).await;
        stage
            .inject("limit_data", json!({ "after": "10B", "by": "close" }))
            .await;
        let mut client = stage.connect(sides).await;
        client.write_all(GET).await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(read_to_end(&mut client).await.unwrap(), &HELLO[..10]);
    }
}

#[tokio::test]
async fn dropping_the_plane_closes_everything() {
    for sides in EVERYWHERE {
        let mut stage = stage(Protocol::Auto, sides).await;
        let mut client = stage.connect(sides).await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        drop(stage.plane.take());
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(super::stage::PATIENCE, client.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "it is still open");
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn handshakes_can_go_unanswered() {
    for kind in ["tls_stall", "half_open"] {
        let stage = stage(Protocol::Auto, FROM_CALLER).await;
        let mut before = stage.connect(FROM_CALLER).await;
        // In TLS 1.3 a client has its connection before the server has the end of the handshake.
        assert_eq!(ask(&mut before, GET, HELLO.len()).await, HELLO);
        let fault = stage.inject(kind, json!(true)).await;
        let shaking = stage.secure(HOST, &[]);
        tokio::pin!(shaking);
        let early = tokio::time::timeout(Duration::from_millis(100), &mut shaking).await;
        assert!(early.is_err(), "{kind}: it was answered");
        if kind == "tls_stall" {
            // Whoever has a connection keeps it.
            assert_eq!(ask(&mut before, GET, HELLO.len()).await, HELLO);
        }
        let seen = stage
            .seen(|seen| seen.operations.iter().any(|name| name == "TLS handshake"))
            .await;
        let shakes = |e: &&Exchange| seen.operations[e.operation as usize] == "TLS handshake";
        let handshake = seen.exchanges.iter().find(shakes).unwrap();
        assert_eq!(handshake.fault, Some(fault));
        stage.proxy.lift(fault).await.unwrap();
        let error = shaking.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        stage.connect(FROM_CALLER).await;
    }
}
