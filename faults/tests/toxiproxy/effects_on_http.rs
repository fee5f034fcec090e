//! Toxiproxy's toxics on a proxy that reads its connections as HTTP: they act on its answers.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stage::{Api, HELLO, connect, http, is_silent, read, read_to_end};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn stage(kind: &str, stream: &str, attributes: &Value) -> (Api, SocketAddr) {
    let api = Api::start().await;
    let listen = api
        .create(json!({
            "name": "p", "upstream": http().await, "protocol": "http",
            "toxics": [{ "name": "t", "type": kind, "stream": stream, "attributes": attributes }],
        }))
        .await;
    (api, listen)
}

async fn asked(listen: SocketAddr) -> TcpStream {
    let mut client = connect(listen).await;
    client.write_all(GET).await.unwrap();
    client
}

#[tokio::test]
async fn latency_holds_answers_back() {
    let (_api, listen) = stage("latency", "downstream", &json!({ "latency": 200 })).await;
    let began = Instant::now();
    let mut client = asked(listen).await;
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn timeout_gives_no_answer_and_closes() {
    for stream in ["upstream", "downstream"] {
        let (_api, listen) = stage("timeout", stream, &json!({ "timeout": 300 })).await;
        let began = Instant::now();
        let mut client = asked(listen).await;
        assert!(
            read_to_end(&mut client).await.unwrap().is_empty(),
            "{stream}"
        );
        assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_timeout_of_0_closes_when_it_is_removed() {
    let (api, listen) = stage("timeout", "downstream", &json!({})).await;
    let mut client = asked(listen).await;
    assert!(is_silent(&mut client).await);
    api.delete("/proxies/p/toxics/t").await;
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
    let mut client = asked(listen).await;
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn reset_peer_resets_instead_of_an_answer() {
    for stream in ["upstream", "downstream"] {
        let (_api, listen) = stage("reset_peer", stream, &json!({ "timeout": 200 })).await;
        let began = Instant::now();
        let mut client = asked(listen).await;
        let end = read_to_end(&mut client).await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::ConnectionReset, "{stream}");
        assert!(began.elapsed() >= ms(200), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn limit_data_counts_the_body() {
    let (_api, listen) = stage("limit_data", "downstream", &json!({ "bytes": 2 })).await;
    let mut client = asked(listen).await;
    let whole = HELLO.len() - 3;
    assert_eq!(read_to_end(&mut client).await.unwrap(), &HELLO[..whole]);
}

#[tokio::test]
async fn bandwidth_of_nothing_holds_the_body_back() {
    let (api, listen) = stage("bandwidth", "downstream", &json!({ "rate": 0 })).await;
    let mut client = asked(listen).await;
    read(&mut client, HELLO.len() - 5).await;
    assert!(is_silent(&mut client).await);
    api.delete("/proxies/p/toxics/t").await;
    assert_eq!(read(&mut client, 5).await, b"hello");
}

#[tokio::test]
async fn toxics_that_are_spared_by_their_toxicity_change_nothing() {
    for kind in ["reset_peer", "timeout", "limit_data", "bandwidth"] {
        let (api, listen) = stage(kind, "downstream", &json!({})).await;
        api.patch("/proxies/p/toxics/t", &json!({ "toxicity": 0 }))
            .await;
        let mut client = asked(listen).await;
        assert_eq!(read(&mut client, HELLO.len()).await, HELLO, "{kind}");
    }
}
