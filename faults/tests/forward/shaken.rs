//! Faults on edges that are reached by a forward proxy.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use shaketable_faults::observe::Ended;
use shaketable_faults::which::Which;
use tokio::io::AsyncWriteExt;

use super::stage::{Stage, answer, goes, inject, inject_for, read, read_to_end, seen, text};

const TO_STOCK: &str =
    "GET http://inventory.prod.internal/stock/A1 HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
const AT_STOCK: &str = "GET /stock/A1 HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
const TO_PAY: &str = "GET http://pay.prod:8080/ HTTP/1.1\r\nHost: pay.prod:8080\r\n\r\n";
const AT_PAY: &str = "GET / HTTP/1.1\r\nHost: pay.prod:8080\r\n\r\n";
const CONNECT: &str = "CONNECT inventory.prod.internal:443 HTTP/1.1\r\n\r\n";

#[tokio::test]
async fn a_fault_hits_its_edge_alone_on_a_shared_connection() {
    let stage = Stage::new().await;
    let which = Which {
        path: Some("/stock/*".to_owned()),
        ..Which::default()
    };
    let fault = inject_for(&stage.stock, "status", json!(418), which).await;
    let mut client = stage.connect().await;
    for _ in 0..2 {
        goes(&mut client, TO_PAY, "pay", AT_PAY).await;
        client.write_all(TO_STOCK.as_bytes()).await.unwrap();
        let came = answer(&mut client).await;
        assert!(came.starts_with("HTTP/1.1 418 "), "{came}");
    }
    let stock = seen(&stage.stock, |seen| seen.exchanges.len() == 2).await;
    assert!(stock.exchanges.iter().all(|e| e.fault == Some(fault)));
    let pay = seen(&stage.pay, |seen| seen.exchanges.len() == 2).await;
    assert!(pay.exchanges.iter().all(|e| e.fault.is_none()));
}

#[tokio::test]
async fn latency_and_reset_are_the_callers_to_feel() {
    let stage = Stage::new().await;
    let fault = inject(&stage.stock, "latency", json!("150ms")).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    goes(&mut client, TO_STOCK, "stock", AT_STOCK).await;
    assert!(began.elapsed() >= Duration::from_millis(150));
    stage.stock.lift(fault).await.unwrap();
    inject(&stage.stock, "reset", json!(true)).await;
    client.write_all(TO_STOCK.as_bytes()).await.unwrap();
    let error = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refused_edge_is_a_502_and_the_others_stay_reachable() {
    let stage = Stage::new().await;
    let fault = inject(&stage.stock, "refuse", json!(true)).await;
    for asked in [TO_STOCK, CONNECT] {
        let mut client = stage.connect().await;
        goes(&mut client, TO_PAY, "pay", AT_PAY).await;
        client.write_all(asked.as_bytes()).await.unwrap();
        let answer = text(&read_to_end(&mut client).await.unwrap());
        assert!(
            answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\nstock cannot be reached: connection refused\n"));
    }
    let seen = seen(&stage.stock, |seen| {
        seen.exchanges.iter().filter(|e| e.end.is_some()).count() == 2
    })
    .await;
    assert_eq!(seen.operations, ["GET /stock/A1", "CONNECT"]);
    for exchange in &seen.exchanges {
        assert_eq!(
            (
                exchange.status,
                exchange.fault,
                exchange.executed,
                exchange.ended
            ),
            (Some(502), Some(fault), false, Ended::Fault)
        );
    }
    stage.stock.lift(fault).await.unwrap();
    let mut client = stage.connect().await;
    goes(&mut client, TO_STOCK, "stock", AT_STOCK).await;
}

#[tokio::test]
async fn who_visits_a_refused_edge_is_cut_or_kept_as_the_fault_says() {
    for (value, cut) in [
        (json!(true), true),
        (json!({ "established": "keep" }), false),
    ] {
        let stage = Stage::new().await;
        let (mut visitor, mut tunnel) = (
            stage.connect().await,
            stage.tunnel("inventory.prod.internal:80").await,
        );
        goes(&mut visitor, TO_STOCK, "stock", AT_STOCK).await;
        goes(&mut tunnel, AT_STOCK, "stock", AT_STOCK).await;
        inject(&stage.stock, "refuse", value).await;
        if cut {
            for client in [&mut visitor, &mut tunnel] {
                let error = read_to_end(client).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        } else {
            goes(&mut visitor, TO_STOCK, "stock", AT_STOCK).await;
            goes(&mut tunnel, AT_STOCK, "stock", AT_STOCK).await;
        }
    }
}

#[tokio::test]
async fn a_full_backlog_is_silence_until_it_is_lifted() {
    let stage = Stage::new().await;
    let fault = inject(&stage.stock, "backlog_full", json!(true)).await;
    let (mut plain, mut tunnel) = (stage.connect().await, stage.connect().await);
    plain.write_all(TO_STOCK.as_bytes()).await.unwrap();
    tunnel.write_all(CONNECT.as_bytes()).await.unwrap();
    seen(&stage.stock, |seen| seen.connections.len() == 2).await;
    for client in [&mut plain, &mut tunnel] {
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(100), client.peek(&mut byte));
        assert!(early.await.is_err(), "it was answered");
    }
    // The other edge is not behind it.
    let mut other = stage.connect().await;
    goes(&mut other, TO_PAY, "pay", AT_PAY).await;
    // Who gives up is noticed.
    let mut gone = stage.connect().await;
    gone.write_all(TO_STOCK.as_bytes()).await.unwrap();
    seen(&stage.stock, |seen| seen.connections.len() == 3).await;
    drop(gone);
    let noticed = seen(&stage.stock, |seen| seen.connections[2].close.is_some()).await;
    assert_eq!(noticed.connections[2].ended, Ended::Caller);
    stage.stock.lift(fault).await.unwrap();
    goes(&mut plain, "", "stock", AT_STOCK).await;
    let established = "HTTP/1.1 200 Connection established\r\n\r\n";
    assert_eq!(
        text(&read(&mut tunnel, established.len()).await),
        established
    );
    goes(&mut tunnel, AT_STOCK, "stock", AT_STOCK).await;
}

#[tokio::test]
async fn connections_beyond_a_limit_wait_or_break() {
    let stage = Stage::new().await;
    inject(
        &stage.stock,
        "max_connections",
        json!({ "most": 1, "beyond": "reset" }),
    )
    .await;
    let (mut first, mut second) = (stage.connect().await, stage.connect().await);
    goes(&mut first, TO_STOCK, "stock", AT_STOCK).await;
    second.write_all(TO_STOCK.as_bytes()).await.unwrap();
    let error = read_to_end(&mut second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // The first goes elsewhere, and its place is free.
    goes(&mut first, TO_PAY, "pay", AT_PAY).await;
    let mut third = stage.connect().await;
    goes(&mut third, TO_STOCK, "stock", AT_STOCK).await;
}
