//! "Toxics": what each of Toxiproxy's does to the traffic.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::stage::{
    Api, PATIENCE, callee, connect, echo, is_silent, ping, read, read_to_end, says,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

async fn before(upstream: SocketAddr) -> (Api, SocketAddr) {
    let api = Api::start().await;
    let listen = api.proxy(upstream).await;
    (api, listen)
}

fn toxic(kind: &str, stream: &str, attributes: &Value) -> Value {
    json!({ "name": "t", "type": kind, "stream": stream, "attributes": attributes })
}

#[tokio::test]
async fn latency_is_milliseconds_from_when_a_piece_was_received() {
    let (api, listen) = before(echo().await).await;
    api.toxic(toxic("latency", "downstream", &json!({ "latency": 150 })))
        .await;
    let mut client = connect(listen).await;
    for stream in ["downstream", "upstream"] {
        let began = Instant::now();
        assert_eq!(ping(&mut client, b"ping").await, b"ping");
        assert!(
            began.elapsed() >= ms(150),
            "{stream}: {:?}",
            began.elapsed()
        );
        // The second round is of the other stream.
        api.delete("/proxies/p/toxics/t").await;
        api.toxic(toxic("latency", "upstream", &json!({ "latency": 150 })))
            .await;
    }
}

#[tokio::test]
async fn jitter_spreads_the_latency_evenly_either_way() {
    let (api, listen) = before(echo().await).await;
    api.toxic(toxic(
        "latency",
        "downstream",
        &json!({ "latency": 60, "jitter": 50 }),
    ))
    .await;
    let mut client = connect(listen).await;
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        ping(&mut client, b"x").await;
        took.push(began.elapsed());
    }
    let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    assert!(*least >= ms(10), "{least:?}");
    assert!(*least < ms(60) && *most > ms(60), "{took:?}");
}

#[tokio::test]
async fn bandwidth_is_units_of_1000_bytes_a_second_for_each_connection() {
    let (api, listen) = before(says(50_000).await).await;
    api.toxic(toxic("bandwidth", "downstream", &json!({ "rate": 100 })))
        .await;
    let download = async || {
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        let began = Instant::now();
        assert_eq!(
            read_to_end(&mut client).await.unwrap().len(),
            50_000,
            "the tail too"
        );
        began.elapsed()
    };
    let (a, b, c, d) = tokio::join!(download(), download(), download(), download());
    for took in [a, b, c, d] {
        assert!(took >= ms(450), "{took:?}");
        assert!(took < ms(1500), "together they would take 2 s: {took:?}");
    }
}

#[tokio::test]
async fn bandwidth_of_nothing_lets_nothing_pass_and_loses_nothing() {
    let (api, listen) = before(echo().await).await;
    for rate in [0, -5] {
        api.toxic(toxic("bandwidth", "downstream", &json!({ "rate": rate })))
            .await;
        let mut client = connect(listen).await;
        client.write_all(b"held").await.unwrap();
        assert!(is_silent(&mut client).await);
        assert_eq!(api.delete("/proxies/p/toxics/t").await.status, 204);
        assert_eq!(read(&mut client, 4).await, b"held");
    }
}

#[tokio::test]
async fn slow_close_tells_the_end_late_and_only_the_end() {
    let (api, listen) = before(says(5).await).await;
    api.toxic(toxic("slow_close", "downstream", &json!({ "delay": 1000 })))
        .await;
    let mut client = connect(listen).await;
    let began = Instant::now();
    client.write_all(b"x").await.unwrap();
    read(&mut client, 5).await;
    assert!(
        is_silent(&mut client).await,
        "the data is there, the end is not"
    );
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
    assert!(began.elapsed() >= ms(1000), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_removed_slow_close_lets_go_at_once() {
    let (api, listen) = before(says(5).await).await;
    api.toxic(toxic(
        "slow_close",
        "downstream",
        &json!({ "delay": 3_600_000 }),
    ))
    .await;
    let mut client = connect(listen).await;
    client.write_all(b"x").await.unwrap();
    read(&mut client, 5).await;
    assert!(is_silent(&mut client).await);
    api.delete("/proxies/p/toxics/t").await;
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
}

/// A callee that tells what it hears, and says the same back.
async fn witness() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let address = callee(move |mut stream: TcpStream| {
        let tell = tell.clone();
        async move {
            let mut buffer = vec![0; 1000];
            while let Ok(n) = stream.read(&mut buffer).await {
                let _ = tell.send(buffer[..n].to_vec());
                if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
            let _ = tell.send(b"reset".to_vec());
        }
    })
    .await;
    (address, told)
}

async fn heard(told: &mut mpsc::UnboundedReceiver<Vec<u8>>) -> Vec<u8> {
    let next = tokio::time::timeout(PATIENCE, told.recv());
    next.await.expect("in time").unwrap()
}

#[tokio::test]
async fn timeout_drops_the_streams_data_and_then_closes() {
    let (upstream, mut told) = witness().await;
    let (api, listen) = before(upstream).await;
    api.toxic(toxic("timeout", "downstream", &json!({ "timeout": 500 })))
        .await;
    let began = Instant::now();
    let mut client = connect(listen).await;
    client.write_all(b"hello").await.unwrap();
    assert_eq!(heard(&mut told).await, b"hello", "the other stream goes on");
    let end = read_to_end(&mut client).await.unwrap();
    assert!(end.is_empty(), "closed, and not a byte: {end:?}");
    assert!(began.elapsed() >= ms(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn timeout_upstream_drops_what_the_client_sends() {
    let (upstream, mut told) = witness().await;
    let (api, listen) = before(upstream).await;
    api.toxic(toxic("timeout", "upstream", &json!({ "timeout": 300 })))
        .await;
    let mut client = connect(listen).await;
    client.write_all(b"hello").await.unwrap();
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
    assert_eq!(heard(&mut told).await, b"", "only the end came");
}

#[tokio::test]
async fn a_timeout_of_0_never_closes_and_removing_it_closes() {
    let (api, listen) = before(echo().await).await;
    let mut quiet = connect(listen).await;
    assert_eq!(ping(&mut quiet, b"x").await, b"x");
    api.toxic(toxic("timeout", "downstream", &json!({ "timeout": 0 })))
        .await;
    let mut client = connect(listen).await;
    client.write_all(b"hello").await.unwrap();
    assert!(is_silent(&mut client).await);
    assert!(is_silent(&mut quiet).await);
    assert_eq!(api.delete("/proxies/p/toxics/t").await.status, 204);
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
    assert!(
        read_to_end(&mut quiet).await.unwrap().is_empty(),
        "also where nothing was lost"
    );
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"again").await, b"again");
}

#[tokio::test]
async fn a_timeout_does_not_hide_that_the_server_closed() {
    let (api, listen) = before(says(5).await).await;
    api.toxic(toxic("timeout", "downstream", &json!({ "timeout": 0 })))
        .await;
    let mut client = connect(listen).await;
    client.write_all(b"x").await.unwrap();
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
}

#[tokio::test]
async fn reset_peer_resets_after_its_time() {
    let (upstream, mut told) = witness().await;
    let (api, listen) = before(upstream).await;
    api.toxic(toxic(
        "reset_peer",
        "downstream",
        &json!({ "timeout": 300 }),
    ))
    .await;
    let mut client = connect(listen).await;
    assert!(is_silent(&mut client).await, "nothing has been sent yet");
    let began = Instant::now();
    client.write_all(b"hello").await.unwrap();
    assert_eq!(
        heard(&mut told).await,
        b"hello",
        "the server gets the request"
    );
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
    assert_eq!(heard(&mut told).await, b"reset", "a reset on that side too");
}

#[tokio::test]
async fn reset_peer_upstream_lets_nothing_through() {
    let (upstream, mut told) = witness().await;
    let (api, listen) = before(upstream).await;
    api.toxic(toxic("reset_peer", "upstream", &json!({}))).await;
    let mut client = connect(listen).await;
    client.write_all(b"hello").await.unwrap();
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert_eq!(heard(&mut told).await, b"reset");
}

#[tokio::test]
async fn a_slicer_cuts_into_pieces_with_microseconds_between() {
    let (api, listen) = before(says(40).await).await;
    let attributes = json!({ "average_size": 10, "size_variation": 2, "delay": 50_000 });
    api.toxic(toxic("slicer", "downstream", &attributes)).await;
    let mut client = connect(listen).await;
    let began = Instant::now();
    client.write_all(b"x").await.unwrap();
    let mut first = [0; 40];
    let n = client.read(&mut first).await.unwrap();
    assert!((8..=12).contains(&n), "{n}");
    read(&mut client, 40 - n).await;
    assert!(began.elapsed() >= ms(100), "{:?}", began.elapsed());
    assert!(read_to_end(&mut client).await.unwrap().is_empty());
}

#[tokio::test]
async fn limit_data_passes_exactly_so_many_bytes_and_closes() {
    let (api, listen) = before(says(100_000).await).await;
    api.toxic(toxic("limit_data", "downstream", &json!({ "bytes": 777 })))
        .await;
    let download = async || {
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        read_to_end(&mut client).await.unwrap().len()
    };
    assert_eq!(download().await, 777);
    assert_eq!(download().await, 777, "each connection has its own");
    api.patch(
        "/proxies/p/toxics/t",
        &json!({ "attributes": { "bytes": 0 } }),
    )
    .await;
    assert_eq!(download().await, 0);
    api.patch(
        "/proxies/p/toxics/t",
        &json!({ "attributes": { "bytes": 100_001 } }),
    )
    .await;
    assert_eq!(download().await, 100_000);
}

#[tokio::test]
async fn packet_loss_is_a_share_from_0_to_1() {
    let (api, listen) = before(echo().await).await;
    api.toxic(toxic(
        "packet_loss",
        "downstream",
        &json!({ "loss_rate": 1 }),
    ))
    .await;
    let mut client = connect(listen).await;
    client.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut client).await);
    let loss = async |attributes: Value| {
        let change = json!({ "attributes": attributes });
        assert_eq!(api.patch("/proxies/p/toxics/t", &change).await.status, 200);
    };
    loss(json!({ "loss_rate": 0 })).await;
    assert_eq!(ping(&mut client, b"passes").await, b"passes");
    loss(json!({ "loss_rate": 0.3, "correlation": 0.2 })).await;
    let mut arrived = 0;
    for _ in 0..100 {
        client.write_all(b"x").await.unwrap();
        if tokio::time::timeout(ms(50), client.read_u8()).await.is_ok() {
            arrived += 1;
        }
    }
    // Of 100, (1 - 0.3 / (1 - 0.2)) pass in the long run: 62.
    assert!((35..90).contains(&arrived), "{arrived}");
}

#[tokio::test]
async fn noop_does_nothing() {
    let (api, listen) = before(echo().await).await;
    api.toxic(toxic("noop", "downstream", &json!({}))).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"hello").await, b"hello");
}

#[tokio::test]
async fn down_is_a_proxy_that_is_not_enabled() {
    let (api, listen) = before(echo().await).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    api.post("/proxies/p", &json!({ "enabled": false })).await;
    let end = read_to_end(&mut client).await;
    assert!(end.is_err() || end.unwrap().is_empty());
    let refused = TcpStream::connect(listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    api.post("/proxies/p", &json!({ "enabled": true })).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"y").await, b"y");
}

#[tokio::test]
async fn toxics_of_both_streams_add_up() {
    let (api, listen) = before(echo().await).await;
    for (name, stream) in [("a", "upstream"), ("b", "downstream"), ("c", "downstream")] {
        api.toxic(json!({ "name": name, "type": "latency", "stream": stream, "attributes": { "latency": 60 } }))
            .await;
    }
    let mut client = connect(listen).await;
    let began = Instant::now();
    ping(&mut client, b"x").await;
    assert!(began.elapsed() >= ms(180), "{:?}", began.elapsed());
}
