//! Faults that are added, changed and lifted on live connections: what is not meant to be hit loses
//! no byte, and comes in order.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::callee::serving;
use crate::client::{answer, read, silent, within};
use crate::stage::{GET, HELLO, PATIENCE, Stage, ms};

/// What is done to an edge while bytes stream over it. All of it may make bytes late, and nothing
/// may lose any.
#[derive(Clone, Debug)]
enum Step {
    Add(&'static str, Value),
    /// Changes one of those that are there.
    Change(usize, &'static str, Value),
    Lift(usize),
    Pause(u64),
}

fn harmless() -> impl Strategy<Value = (&'static str, Value)> {
    let direction = prop::sample::select(vec!["up", "down", "both"]);
    (0..6, 1..40_u32, direction).prop_map(|(kind, n, direction)| match kind {
        0 => (
            "latency",
            json!({ "delay": format!("{n}ms"), "jitter": format!("{}ms", n / 2), "direction": direction }),
        ),
        1 => (
            "bandwidth",
            json!({ "per_second": format!("{n}MB"), "direction": direction }),
        ),
        2 => (
            "slicer",
            json!({ "size": format!("{}B", n * 100), "variation": format!("{n}B"), "direction": direction }),
        ),
        3 => ("freeze", json!(true)),
        4 => ("stall", json!({ "after": format!("{n}KB"), "lasts": format!("{n}ms") })),
        _ => ("bandwidth", json!({ "per_second": format!("{n}MB"), "shared": true })),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => harmless().prop_map(|(kind, value)| Step::Add(kind, value)),
        2 => (any::<usize>(), harmless()).prop_map(|(at, (kind, value))| Step::Change(at, kind, value)),
        3 => any::<usize>().prop_map(Step::Lift),
        4 => (0..15_u64).prop_map(Step::Pause),
    ]
}

/// Takes the steps, and then lifts what is left.
async fn control(stage: &Stage, steps: Vec<Step>) {
    let mut there = Vec::new();
    for step in steps {
        match step {
            Step::Add(kind, value) => there.push(stage.inject(kind, value).await),
            Step::Change(at, kind, value) if !there.is_empty() => {
                stage.change(there[at % there.len()], kind, value).await;
            }
            Step::Lift(at) if !there.is_empty() => {
                let fault = there.swap_remove(at % there.len());
                stage.lift(fault).await;
            }
            Step::Change(..) | Step::Lift(_) => {}
            Step::Pause(time) => tokio::time::sleep(ms(time)).await,
        }
    }
    for fault in there {
        stage.lift(fault).await;
    }
}

/// The byte at a place of a stream; no two streams, and no two pieces of one, are alike.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the last byte is asked for"
)]
fn byte(stream: u64, at: u64) -> u8 {
    ((at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) ^ (at >> 8) ^ stream.wrapping_mul(77)) as u8
}

/// How much each side sends.
const STREAM: u64 = 3_000_000;

/// Sends a stream in pieces of many sizes, and closes its direction.
async fn send(to: &mut (impl AsyncWriteExt + Unpin), stream: u64) {
    let (mut at, mut size) = (0, 1);
    while at < STREAM {
        let end = (at + size).min(STREAM);
        let piece: Vec<_> = (at..end).map(|at| byte(stream, at)).collect();
        to.write_all(&piece).await.unwrap();
        at = end;
        size = (size * 3 + 7) % 200_000 + 1;
    }
    to.shutdown().await.unwrap();
}

/// Reads a stream to its end, and sees to it that it is what was sent.
async fn check(from: &mut (impl AsyncReadExt + Unpin), stream: u64) {
    let (mut at, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        let n = from.read(&mut buffer).await.unwrap();
        if n == 0 {
            break;
        }
        for got in &buffer[..n] {
            assert_eq!(*got, byte(stream, at), "at {at} of stream {stream}");
            at += 1;
        }
    }
    assert_eq!(at, STREAM, "all of stream {stream}");
}

/// Streams both ways at once.
async fn both_ways(mut stream: TcpStream, sends: u64, gets: u64) {
    let (mut from, mut to) = stream.split();
    let both = async { tokio::join!(send(&mut to, sends), check(&mut from, gets)) };
    tokio::time::timeout(PATIENCE, both).await.expect("in time");
}

async fn bytes_stream_on(protocol: Protocol, steps: Vec<Step>) {
    let callee = serving(|stream| both_ways(stream, 1, 2)).await;
    let stage = Stage::before(callee, protocol).await;
    let clients = [stage.connect().await, stage.connect().await];
    let streaming = clients.map(|client| tokio::spawn(both_ways(client, 2, 1)));
    control(&stage, steps).await;
    for streamed in streaming {
        streamed.await.unwrap();
    }
    let seen = stage.ended(2).await;
    for exchange in &seen.exchanges {
        assert_ne!(exchange.ended, Ended::Fault);
        assert_eq!((exchange.bytes_up, exchange.bytes_down), (STREAM, STREAM));
    }
    let traffic = stage.proxy.traffic();
    let all = [
        traffic.from_callers,
        traffic.to_callee,
        traffic.from_callee,
        traffic.to_callers,
    ];
    assert_eq!(all, [STREAM * 2; 4]);
}

/// Answers each request with its own body, now with a length, now in chunks.
async fn echo(mut stream: TcpStream) {
    let (mut buffer, mut in_chunks) = (Vec::new(), false);
    loop {
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if !matches!(stream.read_buf(&mut buffer).await, Ok(n) if n > 0) {
                return;
            }
        };
        let text = String::from_utf8(buffer[..head].to_vec()).unwrap();
        let length = text.rsplit("Content-Length: ").next().unwrap();
        let end = head + length.trim().parse::<usize>().unwrap();
        while buffer.len() < end {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(n) if n > 0) {
                return;
            }
        }
        let body = buffer[head..end].to_vec();
        buffer.drain(..end);
        in_chunks = !in_chunks;
        let mut answer = Vec::new();
        if in_chunks {
            answer.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(5000) {
                answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                answer.extend_from_slice(piece);
                answer.extend_from_slice(b"\r\n");
            }
            answer.extend_from_slice(b"0\r\n\r\n");
        } else {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            answer.extend_from_slice(head.as_bytes());
            answer.extend_from_slice(&body);
        }
        stream.write_all(&answer).await.unwrap();
    }
}

/// Reads the body of a chunked answer behind its head.
async fn chunks(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(read(stream, 1).await);
        }
        let size = std::str::from_utf8(&line).unwrap().trim();
        let size = usize::from_str_radix(size, 16).unwrap();
        let piece = read(stream, size + 2).await;
        body.extend_from_slice(&piece[..size]);
        if size == 0 {
            return body;
        }
    }
}

async fn exchanges_go_on(protocol: Protocol, steps: Vec<Step>) {
    const EXCHANGES: usize = 12;
    let stage = Stage::before(serving(echo).await, protocol).await;
    let clients = [stage.connect().await, stage.connect().await];
    let asking = clients.map(|mut client| {
        tokio::spawn(async move {
            for number in 0..EXCHANGES as u64 {
                let length = (number * 12_345) % 150_000;
                let body: Vec<_> = (0..length).map(|at| byte(number, at)).collect();
                let head = format!("POST /r/{number} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
                let request = [head.as_bytes(), &body].concat();
                let (from, mut to) = client.split();
                // A caller that reads only when it has sent everything could wait for ever.
                let asked = async { tokio::join!(to.write_all(&request), from.readable()) };
                tokio::time::timeout(PATIENCE, asked)
                    .await
                    .unwrap()
                    .0
                    .unwrap();
                let (head, mut got) = answer(&mut client).await;
                if head.contains("chunked") {
                    got = chunks(&mut client).await;
                }
                assert!(
                    got == body,
                    "exchange {number}: {} of {length} bytes",
                    got.len()
                );
            }
        })
    });
    control(&stage, steps).await;
    for asked in asking {
        asked.await.unwrap();
    }
    let seen = stage.ended(2).await;
    assert!(seen.exchanges.iter().all(|e| e.ended != Ended::Fault));
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let all = Duration::from_mins(1);
        tokio::time::timeout(all, test).await.expect("in time");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn control_of_a_live_edge_loses_and_reorders_no_byte(
        steps in prop::collection::vec(step(), 1..30),
        auto in any::<bool>(),
    ) {
        let protocol = if auto { Protocol::Auto } else { Protocol::Tcp };
        run(bytes_stream_on(protocol, steps));
    }

    #[test]
    fn control_of_a_live_edge_leaves_every_exchange_whole(
        steps in prop::collection::vec(step(), 1..30),
        protocol in prop::sample::select(vec![Protocol::Auto, Protocol::Http, Protocol::Tcp]),
    ) {
        run(exchanges_go_on(protocol, steps));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nothing_is_done_to_is_whole() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        bytes_stream_on(protocol, Vec::new()).await;
        let holds = Step::Add("latency", json!("20ms"));
        bytes_stream_on(protocol, vec![Step::Pause(5), holds, Step::Pause(50)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freeze_and_thaw_in_mid_stream_lose_nothing() {
    for protocol in [Protocol::Auto, Protocol::Tcp, Protocol::Http] {
        let mut steps = Vec::new();
        for _ in 0..6 {
            steps.extend([
                Step::Pause(3),
                Step::Add("freeze", json!(true)),
                Step::Pause(20),
                Step::Lift(0),
            ]);
        }
        exchanges_go_on(protocol, steps.clone()).await;
        if protocol != Protocol::Http {
            bytes_stream_on(protocol, steps).await;
        }
    }
}

#[tokio::test]
async fn a_changed_share_hits_more_or_fewer_of_those_that_have_drawn() {
    for protocol in [Protocol::Http, Protocol::Tcp] {
        let stage = Stage::new(HELLO, protocol).await;
        let mut clients = Vec::new();
        for _ in 0..12 {
            clients.push(stage.connect().await);
        }
        let rule = stage.rule("latency", json!("1h")).probability(0.5);
        let fault = rule.inject().await;
        for (number, client) in clients.iter_mut().enumerate() {
            let request = format!("GET /r/{number} HTTP/1.1\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
        }
        let mut held = Vec::new();
        for mut client in clients {
            let answered = within(&mut client, ms(100)).await;
            if answered.is_empty() {
                held.push(client);
            } else {
                assert_eq!(answered, HELLO);
            }
        }
        assert!((1..12).contains(&held.len()), "{} of 12", held.len());
        // To nobody any more, though it is still there.
        stage.change_for(fault, "latency", json!("1h"), 0.0).await;
        for client in &mut held {
            assert_eq!(read(client, HELLO.len()).await, HELLO, "{protocol:?}");
        }
        // And to everybody.
        stage.change_for(fault, "latency", json!("1h"), 1.0).await;
        for client in &mut held {
            client.write_all(GET).await.unwrap();
            silent(client, ms(20)).await;
        }
    }
}

#[tokio::test]
async fn what_is_not_there_can_be_neither_changed_nor_lifted() {
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let fault = stage.inject("status", json!(503)).await;
    stage.lift(fault).await;
    stage.lift(fault).await;
    let built = shaketable_faults::fault::find("hang").unwrap().build;
    let hang = built(&json!(true)).unwrap();
    assert!(!stage.proxy.change(fault, hang, 1.0, None).await.unwrap());
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn a_shut_edge_can_be_opened_and_shut_while_faults_come_and_go() {
    let stage = Stage::before(serving(echo).await, Protocol::Auto).await;
    for _ in 0..20 {
        let refuse = stage.inject("refuse", json!(true)).await;
        let latency = stage.inject("latency", json!("1ms")).await;
        stage.lift(refuse).await;
        let mut client = stage.connect().await;
        client
            .write_all(b"POST /r HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
            .await
            .unwrap();
        let (head, mut body) = answer(&mut client).await;
        if head.contains("chunked") {
            body = chunks(&mut client).await;
        }
        assert_eq!(body, b"hi");
        stage.lift(latency).await;
    }
}
