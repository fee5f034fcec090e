//! "What it gets wrong, reproduced": the six points, each done better.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shaketable_faults::toxiproxy::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{
    Api, PATIENCE, callee, connect, echo, is_silent, nobody, ping, read, read_to_end, refusal, says,
};

// 1. Deleting a latency toxic while a client does not read freezes the API for ever.

/// A callee that sends without end.
async fn flood() -> SocketAddr {
    callee(|mut stream| async move {
        let piece = vec![b'x'; 65536];
        while stream.write_all(&piece).await.is_ok() {}
    })
    .await
}

#[tokio::test]
async fn the_api_answers_while_a_client_does_not_read() {
    let api = Api::start().await;
    let listen = api.proxy(flood().await).await;
    let idle: Vec<TcpStream> = vec![connect(listen).await, connect(listen).await];
    let steps = async {
        for kind in [
            "latency",
            "bandwidth",
            "slicer",
            "timeout",
            "limit_data",
            "packet_loss",
        ] {
            api.toxic(json!({ "name": "t", "type": kind, "attributes": { "latency": 20, "rate": 1, "bytes": 1_000_000_000, "average_size": 10 } }))
                .await;
            tokio::time::sleep(Duration::from_millis(60)).await;
            let change = json!({ "attributes": { "latency": 10 } });
            assert_eq!(api.patch("/proxies/p/toxics/t", &change).await.status, 200);
            assert_eq!(
                api.delete("/proxies/p/toxics/t").await.status,
                204,
                "{kind}"
            );
        }
        assert_eq!(api.call("POST", "/reset", "").await.status, 204);
        assert_eq!(api.delete("/proxies/p").await.status, 204);
    };
    tokio::time::timeout(PATIENCE, steps)
        .await
        .expect("an API that does not hang");
    drop(idle);
}

// 2. A slicer with default attributes crashes the server.

#[tokio::test]
async fn a_slicer_without_attributes_passes_bytes() {
    let api = Api::start().await;
    let listen = api.proxy(says(100_000).await).await;
    let toxic = api.toxic(json!({ "type": "slicer" })).await;
    assert_eq!(toxic["attributes"]["average_size"], 0);
    let mut client = connect(listen).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(read_to_end(&mut client).await.unwrap().len(), 100_000);
    for attributes in [
        json!({ "average_size": 1, "size_variation": 1 }),
        json!({ "average_size": 5, "size_variation": 500 }),
        json!({ "average_size": -1, "size_variation": -1, "delay": -1 }),
    ] {
        let change = json!({ "attributes": attributes });
        api.patch("/proxies/p/toxics/slicer_downstream", &change)
            .await;
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(read_to_end(&mut client).await.unwrap().len(), 100_000);
    }
}

// 3. The seed has no effect, and toxicity is rolled again for live connections.

/// Opens connections one by one; gives them all.
async fn connections(listen: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut client = connect(listen).await;
        // Through to the callee and back: it has its number.
        ping(&mut client, b"x").await;
        all.push(client);
    }
    all
}

/// Which of these connections get no answer.
async fn mute(clients: &mut [TcpStream]) -> BTreeSet<usize> {
    for client in &mut *clients {
        client.write_all(b"y").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut silent = BTreeSet::new();
    for (i, client) in clients.iter_mut().enumerate() {
        let answer = tokio::time::timeout(Duration::from_millis(20), client.read_u8()).await;
        if answer.is_err() {
            silent.insert(i);
        }
    }
    silent
}

fn half() -> Value {
    json!({ "name": "half", "type": "packet_loss", "toxicity": 0.5, "attributes": { "loss_rate": 1 } })
}

async fn hit_with(seed: u64) -> BTreeSet<usize> {
    let api = Api::with(Options::new(seed)).await;
    let listen = api.proxy(echo().await).await;
    let mut clients = connections(listen, 16).await;
    api.toxic(half()).await;
    mute(&mut clients).await
}

#[tokio::test]
async fn the_same_seed_hits_the_same_connections() {
    let (first, again, other) = tokio::join!(hit_with(7), hit_with(7), hit_with(8));
    assert!(
        (2..15).contains(&first.len()),
        "about half of 16: {first:?}"
    );
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn toxicity_is_rolled_once_for_each_connection() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut clients = connections(listen, 12).await;
    api.toxic(half()).await;
    let hit = mute(&mut clients).await;
    assert!(!hit.is_empty() && hit.len() < 12, "{hit:?}");
    api.toxic(json!({ "name": "other", "type": "latency", "toxicity": 0.5, "attributes": { "latency": 1 } }))
        .await;
    assert_eq!(mute(&mut clients).await, hit, "another toxic came");
    api.patch("/proxies/p/toxics/other", &json!({ "toxicity": 0.9 }))
        .await;
    api.patch("/proxies/p", &json!({ "enabled": true })).await;
    assert_eq!(
        mute(&mut clients).await,
        hit,
        "another toxic and the proxy were patched"
    );
    api.delete("/proxies/p/toxics/other").await;
    api.patch(
        "/proxies/p/toxics/half",
        &json!({ "attributes": { "correlation": 0.1 } }),
    )
    .await;
    assert_eq!(
        mute(&mut clients).await,
        hit,
        "the toxic itself was patched"
    );
    api.patch("/proxies/p/toxics/half", &json!({ "toxicity": 1 }))
        .await;
    assert_eq!(
        mute(&mut clients).await.len(),
        12,
        "all of them is all of them"
    );
}

// 4. reset_peer sends FIN on established connections, and with toxicity 0 RST on normal closes.

#[tokio::test]
async fn reset_peer_resets_an_established_connection() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"established").await, b"established");
    api.toxic(json!({ "type": "reset_peer" })).await;
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn reset_peer_with_toxicity_0_leaves_closes_as_they_are() {
    let api = Api::start().await;
    let listen = api.proxy(says(5).await).await;
    api.toxic(json!({ "type": "reset_peer", "toxicity": 0 }))
        .await;
    for _ in 0..10 {
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(
            read_to_end(&mut client).await.unwrap().len(),
            5,
            "closed, not reset"
        );
    }
}

// 5. Half-closed connections are killed; a reset becomes a close; a refused upstream is seen as
// accepted and dropped.

#[tokio::test]
async fn a_half_closed_connection_still_gets_its_answer() {
    let api = Api::start().await;
    let upstream = callee(|mut stream| async move {
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(&asked).await.unwrap();
    })
    .await;
    let listen = api.proxy(upstream).await;
    let mut client = connect(listen).await;
    client.write_all(b"request").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await.unwrap(), b"request");
}

#[tokio::test]
async fn a_reset_of_the_upstream_is_a_reset() {
    let api = Api::start().await;
    let upstream = callee(|mut stream: TcpStream| async move {
        let _ = stream.read_u8().await;
        let linger = Some(Duration::ZERO);
        socket2::SockRef::from(&stream).set_linger(linger).unwrap();
    })
    .await;
    let listen = api.proxy(upstream).await;
    let mut client = connect(listen).await;
    client.write_all(b"x").await.unwrap();
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refused_upstream_is_no_orderly_close() {
    let api = Api::start().await;
    let listen = api.proxy(nobody()).await;
    assert_eq!(refusal(listen).await, ErrorKind::ConnectionReset);
}

// 6. Other ports of it: no TCP_NODELAY, lost data, messages one behind the other, lost tails,
// panics on small rates.

#[tokio::test]
async fn small_writes_do_not_wait_for_each_other() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut client = connect(listen).await;
    let began = Instant::now();
    for _ in 0..100 {
        client.write_all(b"a").await.unwrap();
        client.write_all(b"b").await.unwrap();
        read(&mut client, 2).await;
    }
    // A stall of 40 ms in each would take 4 s.
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn no_byte_is_lost_when_toxics_come_and_go() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let sent: Vec<u8> = (0..2_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let (mut from, mut to) = connect(listen).await.into_split();
    let wanted = sent.clone();
    let writing = tokio::spawn(async move {
        for piece in sent.chunks(50_000) {
            to.write_all(piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        to.shutdown().await.unwrap();
    });
    let reading = tokio::spawn(async move {
        let mut came = Vec::new();
        from.read_to_end(&mut came).await.unwrap();
        came
    });
    let toxics = [
        json!({ "name": "t", "type": "latency", "attributes": { "latency": 30 } }),
        json!({ "name": "t", "type": "bandwidth", "stream": "upstream", "attributes": { "rate": 2000 } }),
        json!({ "name": "t", "type": "slicer", "attributes": { "average_size": 1000, "size_variation": 500 } }),
    ];
    let mut toggled = 0;
    while !reading.is_finished() {
        let toxic = toxics[toggled % toxics.len()].clone();
        api.toxic(toxic).await;
        tokio::time::sleep(Duration::from_millis(15)).await;
        api.delete("/proxies/p/toxics/t").await;
        toggled += 1;
    }
    writing.await.unwrap();
    assert!(toggled >= 5, "{toggled}");
    assert!(reading.await.unwrap() == wanted, "every byte in its order");
}

#[tokio::test]
async fn latency_does_not_let_messages_wait_for_each_other() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "latency", "attributes": { "latency": 100 } }))
        .await;
    let mut client = connect(listen).await;
    let began = Instant::now();
    for _ in 0..50 {
        client.write_all(b"ping").await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(read(&mut client, 200).await, b"ping".repeat(50));
    // One after the other they would take 5 s.
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn small_rates_pass_slowly_to_the_last_byte() {
    let api = Api::start().await;
    let listen = api.proxy(says(700).await).await;
    api.toxic(json!({ "type": "bandwidth", "attributes": { "rate": 1 } }))
        .await;
    let mut client = connect(listen).await;
    let began = Instant::now();
    client.write_all(b"x").await.unwrap();
    assert_eq!(read_to_end(&mut client).await.unwrap().len(), 700);
    assert!(
        began.elapsed() >= Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
    let path = "/proxies/p/toxics/bandwidth_downstream";
    for rate in [0, -1, i64::MIN, i64::MAX] {
        let change = json!({ "attributes": { "rate": rate } });
        assert_eq!(api.patch(path, &change).await.status, 200);
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        if rate > 0 {
            assert_eq!(read_to_end(&mut client).await.unwrap().len(), 700);
        } else {
            assert!(is_silent(&mut client).await);
        }
    }
}
