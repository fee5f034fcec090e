//! Requests by whole addresses: which edge each goes to, and what its callee gets.

use std::net::SocketAddr;

use proptest::prelude::*;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stage::{Stage, echoed, goes, read, read_to_end, seen, text};

const TO_STOCK: &str = "GET http://inventory.prod.internal/stock/A1?fresh=1 HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
const AT_STOCK: &str = "GET /stock/A1?fresh=1 HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
const TO_PAY: &str = "POST http://pay.prod:8080/charges HTTP/1.1\r\nHost: pay.prod:8080\r\nContent-Length: 4\r\n\r\nbody";
const AT_PAY: &str =
    "POST /charges HTTP/1.1\r\nHost: pay.prod:8080\r\nContent-Length: 4\r\n\r\nbody";

#[tokio::test]
async fn the_host_tells_which_edge_and_the_callee_is_asked_for_a_path() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        goes(&mut client, TO_STOCK, "stock", AT_STOCK).await;
        goes(&mut client, TO_PAY, "pay", AT_PAY).await;
        goes(&mut client, TO_PAY, "pay", AT_PAY).await;
    }
    let stock = seen(&stage.stock, |seen| seen.connections.len() == 2).await;
    assert_eq!(stock.operations, ["GET /stock/A1"]);
    assert_eq!(stock.exchanges.len(), 2);
    let pay = seen(&stage.pay, |seen| seen.exchanges.len() == 4).await;
    assert_eq!(pay.operations, ["POST /charges"]);
    assert_eq!(pay.connections.len(), 2, "each visit is a connection");
}

#[tokio::test]
async fn pipelined_requests_for_several_edges_are_answered_in_order() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let all = [TO_STOCK, TO_PAY, TO_PAY, TO_STOCK].concat();
    client.write_all(all.as_bytes()).await.unwrap();
    let (stock, pay) = (
        echoed("stock", AT_STOCK.as_bytes()),
        echoed("pay", AT_PAY.as_bytes()),
    );
    let wanted = [&stock[..], &pay, &pay, &stock].concat();
    assert_eq!(text(&read(&mut client, wanted.len()).await), text(&wanted));
}

#[tokio::test]
async fn a_port_tells_more_than_a_host() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    for (to, callee) in [
        ("inventory.prod.internal", "stock"),
        ("INVENTORY.prod.internal.", "stock"),
        ("inventory.prod.internal:80", "stock"),
        ("inventory.prod.internal:9000", "pay"),
        ("pay.prod:8080", "pay"),
    ] {
        let asked = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
        let got = format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n");
        goes(&mut client, &asked, callee, &got).await;
    }
    client
        .write_all(b"GET http://pay.prod/ HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let answer = text(&read_to_end(&mut client).await.unwrap());
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn an_edge_of_bytes_takes_requests_too() {
    let stage = Stage::with(Protocol::Tcp, |_| ()).await;
    let mut client = stage.connect().await;
    goes(&mut client, TO_STOCK, "stock", AT_STOCK).await;
    goes(&mut client, TO_PAY, "pay", AT_PAY).await;
}

#[tokio::test]
async fn the_end_of_the_connection_is_the_callers_or_the_callees() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let asked = TO_STOCK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let got = AT_STOCK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    goes(&mut client, &asked, "stock", &got).await;
    assert_eq!(read_to_end(&mut client).await.unwrap(), b"");
}

#[tokio::test]
async fn an_edge_stays_reachable_at_its_own_port() {
    let stage = Stage::new().await;
    let mut client = TcpStream::connect(stage.stock.address()).await.unwrap();
    goes(&mut client, AT_STOCK, "stock", AT_STOCK).await;
    // There it is no forward proxy: what comes passes as it is.
    goes(&mut client, TO_STOCK, "stock", TO_STOCK).await;
}

#[tokio::test]
async fn dropping_the_plane_closes_everything() {
    let mut stage = Stage::new().await;
    let (mut used, mut fresh) = (stage.connect().await, stage.connect().await);
    goes(&mut used, TO_STOCK, "stock", AT_STOCK).await;
    fresh.write_all(b"GET http://inv").await.unwrap();
    let address: SocketAddr = stage.forward.address();
    drop(stage.plane.take());
    for client in [&mut used, &mut fresh] {
        let rest = read_to_end(client).await;
        assert!(rest.is_err() || rest.unwrap().is_empty());
    }
    drop(stage);
    assert!(TcpStream::connect(address).await.is_err());
}

/// Odd but legal, with what is the proxy's in between.
const ODD: &str = "\r\nPOST http://u:p@Pay.prod:8080/a%20b?x=http://y HTTP/1.1\r\nhOsT:Pay.prod:8080\r\nX-A: 1\r\nProxy-Connection: x\r\nx-a:2  \r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n";
const ODD_AT_PAY: &str = "\r\nPOST /a%20b?x=http://y HTTP/1.1\r\nhOsT:Pay.prod:8080\r\nX-A: 1\r\nx-a:2  \r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n";

/// Sends requests through a forward proxy in these pieces, and gives what the callee of `pay` got.
async fn through(pieces: Vec<usize>) -> Vec<u8> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(super::stage::ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::new().await;
    stage.pay.lead_to(listener.local_addr().unwrap());
    let mut client = stage.connect().await;
    let _ = client.set_nodelay(true);
    // The visit to the other edge comes first.
    let all = [TO_STOCK, ODD].concat();
    let callee = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let got = read(&mut stream, ODD_AT_PAY.len()).await;
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        got
    });
    let (mut at, mut pieces) = (0, pieces.into_iter().cycle());
    while at < all.len() {
        let end = (at + pieces.next().unwrap()).min(all.len());
        client.write_all(&all.as_bytes()[at..end]).await.unwrap();
        tokio::task::yield_now().await;
        at = end;
    }
    let first = echoed("stock", AT_STOCK.as_bytes());
    assert_eq!(text(&read(&mut client, first.len()).await), text(&first));
    callee.await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn nothing_but_the_target_changes_in_any_segmentation(pieces in prop::collection::vec(1_usize..60, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let got = runtime.block_on(through(pieces));
        prop_assert_eq!(text(&got), ODD_AT_PAY);
    }
}
