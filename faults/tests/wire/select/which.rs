//! `where`: conditions on requests and on connections.

use std::net::SocketAddr;

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::callee::parrot;
use crate::client::{answer, ask, read, silent};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, Stage, ms};

/// Whether a request on this connection is hit by a `status`.
async fn is_hit(client: &mut TcpStream, request: &[u8]) -> bool {
    client.write_all(request).await.unwrap();
    let (head, _) = answer(client).await;
    head.starts_with("HTTP/1.1 503 ")
}

const ORDER: &[u8] = b"POST /orders/17?fresh=1&page=2 HTTP/1.1\r\nHost: x\r\nX-Tenant: acme\r\nX-Tenant: other\r\nContent-Length: 33\r\n\r\n{\"customer\":{\"id\":7},\"lines\":[1]}";
const ORDER_IN_CHUNKS: &[u8] = b"POST /orders/17?fresh=1&page=2 HTTP/1.1\r\nHost: x\r\nX-Tenant: acme\r\nX-Tenant: other\r\nTransfer-Encoding: chunked\r\n\r\n10;e=1\r\n{\"customer\":{\"id\r\n11\r\n\":7},\"lines\":[1]}\r\n0\r\nT: 1\r\n\r\n";

#[tokio::test]
async fn every_condition_on_a_request_is_looked_at() {
    let conditions = [
        (json!({}), true),
        (json!({ "method": "POST" }), true),
        (json!({ "method": "GET" }), false),
        (json!({ "path": "/orders/*" }), true),
        (json!({ "path": "/orders/17" }), true),
        (json!({ "path": "/orders" }), false),
        (json!({ "path": "/orders/17?fresh=1&page=2" }), false),
        (json!({ "path": "/**" }), true),
        (json!({ "headers": { "x-tenant": "acme" } }), true),
        (json!({ "headers": { "X-TENANT": "oth*" } }), true),
        (json!({ "headers": { "x-tenant": "nobody" } }), false),
        (json!({ "headers": { "x-absent": "*" } }), false),
        (json!({ "query": { "page": "2" } }), true),
        (json!({ "query": { "page": "3" } }), false),
        (json!({ "query": { "pages": "*" } }), false),
        (json!({ "body": { "/customer/id": 7 } }), true),
        (
            json!({ "body": { "/lines/0": 1, "/customer": { "id": 7 } } }),
            true,
        ),
        (json!({ "body": { "/customer/id": "7" } }), false),
        (json!({ "body": { "/customer/name": null } }), false),
        (json!({ "peer": "127.0.0.1" }), true),
        (json!({ "peer": "127.0.0.2" }), false),
        (json!({ "sent": "POST" }), false),
        (
            json!({ "method": "POST", "path": "/orders/*", "query": { "page": "2" }, "body": { "/customer/id": 7 } }),
            true,
        ),
        (
            json!({ "method": "POST", "body": { "/customer/id": 8 } }),
            false,
        ),
    ];
    for protocol in EVERY_PROTOCOL {
        for request in [ORDER, ORDER_IN_CHUNKS] {
            let stage = Stage::new(HELLO, protocol).await;
            for (condition, hit) in &conditions {
                let rule = stage.rule("status", json!(503));
                let fault = rule.which(condition.clone()).inject().await;
                let mut client = stage.connect().await;
                assert_eq!(
                    is_hit(&mut client, request).await,
                    *hit,
                    "{condition} on {protocol:?}"
                );
                stage.lift(fault).await;
            }
        }
    }
}

#[tokio::test]
async fn a_body_in_any_pieces_meets_its_condition() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    rule.which(json!({ "body": { "/customer/id": 7 } }))
        .inject()
        .await;
    for request in [ORDER, ORDER_IN_CHUNKS] {
        let mut client = stage.connect().await;
        for piece in request.chunks(7) {
            client.write_all(piece).await.unwrap();
            tokio::time::sleep(ms(1)).await;
        }
        let (head, _) = answer(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    }
}

#[tokio::test]
async fn a_body_that_is_waited_for_is_passed_on_whole_when_spared() {
    let mut request = b"POST /big HTTP/1.1\r\nContent-Length: 200000\r\n\r\n".to_vec();
    request.resize(request.len() + 200_000, b' ');
    let callee = crate::callee::Listener::answering(request.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    rule.which(json!({ "body": { "/a": 1 } })).inject().await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, &request, HELLO.len()).await, HELLO);
    assert!(callee.all() == request);
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_meets_no_condition() {
    let stage = Stage::new(b"HTTP/1.1 100 Continue\r\n\r\n", Protocol::Http).await;
    let rule = stage.rule("status", json!(503));
    rule.which(json!({ "body": { "/a": 1 } })).inject().await;
    let mut client = stage.connect().await;
    let head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n";
    assert_eq!(ask(&mut client, head, 12).await, b"HTTP/1.1 100");
}

#[tokio::test]
async fn requests_on_new_and_on_reused_connections() {
    for (age, hits) in [
        ("new", [true, false, false]),
        ("reused", [false, true, true]),
    ] {
        let stage = Stage::new(HELLO, Protocol::Http).await;
        let rule = stage.rule("status", json!(503));
        rule.which(json!({ "connection": age })).inject().await;
        for _ in 0..2 {
            let mut client = stage.connect().await;
            for hit in hits {
                assert_eq!(is_hit(&mut client, GET).await, hit, "{age}");
            }
        }
    }
}

/// Whether a connection of bytes is held back by a `latency` of an hour.
async fn is_held(client: &mut TcpStream) -> bool {
    client.write_all(b"x").await.unwrap();
    let mut byte = [0];
    let came = tokio::io::AsyncReadExt::read_exact(client, &mut byte);
    tokio::time::timeout(ms(250), came).await.is_err()
}

async fn held_back(condition: Value) -> [bool; 2] {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut older = stage.connect().await;
    assert_eq!(ask(&mut older, b"y", 1).await, b"y");
    let rule = stage.rule("latency", json!("1h"));
    rule.which(condition).inject().await;
    let mut newer = stage.connect().await;
    [is_held(&mut older).await, is_held(&mut newer).await]
}

#[tokio::test]
async fn connections_that_were_there_and_those_made_later() {
    assert_eq!(held_back(json!({})).await, [true, true]);
    assert_eq!(
        held_back(json!({ "connection": "reused" })).await,
        [true, false]
    );
    assert_eq!(
        held_back(json!({ "connection": "new" })).await,
        [false, true]
    );
    assert_eq!(
        held_back(json!({ "peer": "127.0.0.0/8" })).await,
        [true, true]
    );
    assert_eq!(
        held_back(json!({ "peer": "127.0.0.9" })).await,
        [false, false]
    );
}

#[tokio::test]
async fn callers_are_told_apart_by_their_address() {
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let rule = stage.rule("latency", json!("1h"));
        rule.which(json!({ "peer": "127.0.0.2" })).inject().await;
        let mut one = stage.connect().await;
        assert_eq!(ask(&mut one, GET, HELLO.len()).await, HELLO);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        let mut other = socket.connect(stage.proxy.address()).await.unwrap();
        other.write_all(GET).await.unwrap();
        silent(&mut other, ms(100)).await;
    }
}

#[tokio::test]
async fn conditions_on_requests_make_a_tcp_edge_read_http() {
    let stage = Stage::new(HELLO, Protocol::Tcp).await;
    let rule = stage.rule("latency", json!("1h"));
    let fault = rule.which(json!({ "path": "/slow" })).inject().await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    client
        .write_all(b"GET /slow HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    silent(&mut client, ms(100)).await;
    stage.lift(fault).await;
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn two_faults_of_different_conditions_do_not_disturb_each_other() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let one = stage.rule("status", json!(503));
    one.which(json!({ "path": "/one" })).inject().await;
    let two = stage.rule("hang", json!(true));
    let two = two.which(json!({ "path": "/two" })).inject().await;
    let mut client = stage.connect().await;
    assert!(is_hit(&mut client, b"GET /one HTTP/1.1\r\n\r\n").await);
    assert!(!is_hit(&mut client, b"GET /three HTTP/1.1\r\n\r\n").await);
    client
        .write_all(b"GET /two HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let seen = stage.seen(|seen| seen.exchanges.len() == 3).await;
    let hit: Vec<_> = seen.exchanges.iter().map(|e| e.fault).collect();
    assert_eq!(hit, [Some(0), None, Some(two)]);
    assert_eq!(seen.operations, ["GET /one", "GET /three", "GET /two"]);
}
