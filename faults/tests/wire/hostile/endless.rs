//! Messages without an end: heads, bodies, streams into a long delay.

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::child::ByItself;
use crate::callee::{callee, serving};
use crate::client::ask;
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, PATIENCE, ms};

/// Far more than any buffer holds.
const LONG: usize = 200 * 1024 * 1024;
/// A test binary takes some, and so does what is being passed on; what is held must not show.
const MOST_MIB: u64 = 60;

/// Throws away all that comes, and counts it.
async fn drain(stream: &mut (impl AsyncReadExt + Unpin)) -> usize {
    let (mut buffer, mut all) = (vec![0; 64 * 1024], 0);
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        all += n;
    }
    all
}

/// Writes the beginning, and then the piece again and again, as much as is long or taken.
async fn pour(to: &mut (impl AsyncWriteExt + Unpin), first: &[u8], piece: &[u8]) -> usize {
    let mut all = 0;
    let mut next = first;
    while all < LONG && to.write_all(next).await.is_ok() {
        all += next.len();
        next = piece;
    }
    let _ = to.shutdown().await;
    all
}

/// A piece of a chunked body.
fn chunk() -> Vec<u8> {
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10000, b'x');
    chunk.extend(b"\r\n");
    chunk
}

#[tokio::test]
async fn an_endless_head_passes_and_is_not_held() {
    for protocol in EVERY_PROTOCOL {
        let (told, arrives) = tokio::sync::mpsc::unbounded_channel();
        let address = serving(move |mut stream| {
            let told = told.clone();
            async move {
                let _ = told.send(drain(&mut stream).await);
            }
        })
        .await;
        let proxy = ByItself::start(protocol, address, json!({}), None);
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        let piece = vec![b'x'; 64 * 1024];
        let sent = pour(&mut client, b"GET / HTTP/1.1\r\nX-Long: ", &piece).await;
        drain(&mut client).await;
        let mut arrives = arrives;
        assert_eq!(arrives.recv().await, Some(sent), "{protocol:?}");
        assert!(proxy.peak_mib() < MOST_MIB, "{} MiB", proxy.peak_mib());
        proxy.ends_well().await;
    }
}

/// An endless request under a fault, to a callee that reads it all; gives how much the callee got.
async fn endless_request(faults: Value) -> usize {
    let (told, mut arrives) = tokio::sync::mpsc::unbounded_channel();
    let address = serving(move |mut stream| {
        let told = told.clone();
        async move {
            let _ = told.send(drain(&mut stream).await);
        }
    })
    .await;
    let proxy = ByItself::start(Protocol::Http, address, faults, None);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    pour(&mut client, head, &chunk()).await;
    drain(&mut client).await;
    assert!(proxy.peak_mib() < MOST_MIB, "{} MiB", proxy.peak_mib());
    proxy.ends_well().await;
    arrives.try_recv().unwrap_or(0)
}

#[tokio::test]
async fn an_endless_request_is_never_held_whatever_is_done_to_it() {
    assert!(endless_request(json!({})).await >= LONG);
    assert!(endless_request(json!({ "duplicate": true })).await >= LONG);
    assert!(
        endless_request(json!({ "corrupt": { "bytes": "1%", "direction": "up" } })).await >= LONG
    );
    assert!(
        endless_request(json!({ "latency": { "delay": "1ms", "direction": "up" } })).await >= LONG
    );
    assert_eq!(endless_request(json!({ "status": 503 })).await, 0);
    assert_eq!(endless_request(json!({ "reset": true })).await, 0);
    assert_eq!(endless_request(json!({ "mute": "up" })).await, 0);
}

/// An endless answer under a fault; gives how much the caller got.
async fn endless_answer(faults: Value) -> usize {
    let address = serving(|mut stream| async move {
        let mut head = vec![0; GET.len()];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        pour(&mut stream, head, &chunk()).await;
    })
    .await;
    let proxy = ByItself::start(Protocol::Http, address, faults, None);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client.write_all(GET).await.unwrap();
    let got = drain(&mut client).await;
    assert!(proxy.peak_mib() < MOST_MIB, "{} MiB", proxy.peak_mib());
    drop(client);
    proxy.ends_well().await;
    got
}

#[tokio::test]
async fn an_endless_answer_is_never_held_whatever_is_done_to_it() {
    assert!(endless_answer(json!({})).await >= LONG);
    assert!(endless_answer(json!({ "mutate": { "drop": "/a" } })).await >= LONG);
    assert!(endless_answer(json!({ "truncate": { "after": "1B", "fit": true } })).await >= LONG);
    assert!(endless_answer(json!({ "content_type": "text/html" })).await >= LONG);
    assert!(endless_answer(json!({ "malformed": "header" })).await >= LONG);
    assert_eq!(endless_answer(json!({ "response_lost": "reset" })).await, 0);
}

#[tokio::test]
async fn a_stream_into_a_long_delay_is_held_back_at_a_bound() {
    let (address, _) = callee(HELLO).await;
    let faults = json!({ "latency": { "delay": "1h", "direction": "up" } });
    let proxy = ByItself::start(Protocol::Tcp, address, faults, None);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    let piece = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    // Until nothing more is taken.
    while let Ok(Ok(n)) = tokio::time::timeout(ms(1000), client.write(&piece)).await {
        sent += n;
        assert!(sent < LONG, "it is held without a bound");
    }
    assert!(proxy.peak_mib() < 64 + MOST_MIB, "{} MiB", proxy.peak_mib());
    // Others are served as slowly as they should, and not stuck: they can still connect and leave.
    let before = proxy.descriptors();
    for _ in 0..10 {
        drop(TcpStream::connect(proxy.address).await.unwrap());
    }
    crate::client::reset(client);
    proxy.lets_go_of_all_but(before + 20).await;
}

#[tokio::test]
async fn a_trickle_of_headers_keeps_nobody_else_waiting() {
    let (address, _) = callee(HELLO).await;
    let proxy = ByItself::start(Protocol::Auto, address, json!({}), None);
    let before = proxy.descriptors();
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        slow.push(client);
    }
    for round in 0..10 {
        for client in &mut slow {
            client
                .write_all(format!("X-{round}: 1\r\n").as_bytes())
                .await
                .unwrap();
        }
        let mut quick = TcpStream::connect(proxy.address).await.unwrap();
        let asked = tokio::time::timeout(PATIENCE, ask(&mut quick, GET, HELLO.len()));
        assert_eq!(asked.await.unwrap(), HELLO);
    }
    for client in &mut slow {
        assert_eq!(
            ask(client, b"\r\n", HELLO.len()).await,
            HELLO,
            "late, but well"
        );
    }
    drop(slow);
    proxy.lets_go_of_all_but(before).await;
    assert!(proxy.peak_mib() < MOST_MIB, "{} MiB", proxy.peak_mib());
    proxy.ends_well().await;
}
