//! A stub on a socket, asked by a raw client.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shaketable_faults::stub::{Stub, StubServer};

use crate::stage;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

fn serve(stub: Stub) -> StubServer {
    StubServer::start(stub, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap()
}

fn connect(server: &StubServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One answer: its status line and headers, and its body by its length.
fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn ask(stream: &mut TcpStream, request: &str) -> (String, Vec<u8>) {
    stream.write_all(request.as_bytes()).unwrap();
    answer(stream)
}

/// Reads until the other side closes.
fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn echo() -> Stub {
    stage::stub(&json!([
        {
            "post": "/echo/{id}",
            "status": 201,
            "headers": { "x-id": "{{path.id}}", "x-trace": "{{header.x-trace}}" },
            "json": { "body": "{{body}}", "count": "{{counter.POST /echo/{id}}}" },
        },
        { "get": "/slow", "latency": "300ms", "body": "slow" },
        { "get": "/fast", "body": "fast" },
        { "delete": "/nothing", "status": 204 },
    ]))
}

#[test]
fn a_request_over_a_socket_is_answered_and_the_connection_kept() {
    let server = serve(echo());
    let mut stream = connect(&server);
    let request =
        "POST /echo/7 HTTP/1.1\r\nHost: x\r\nX-Trace: t\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
    for count in [1, 2] {
        let (head, body) = ask(&mut stream, request);
        assert!(head.starts_with("http/1.1 201 created\r\n"), "{head}");
        for header in ["content-type: application/json", "x-id: 7", "x-trace: t"] {
            assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
        }
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({ "body": { "a": 1 }, "count": count }));
    }
    let chunked = "POST /echo/8 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\"a\r\n1\r\n\"\r\n0\r\n\r\n";
    let (_, body) = ask(&mut stream, chunked);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["body"], "a");
    let (head, _) = ask(&mut stream, "DELETE /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        head.starts_with("http/1.1 204") && !head.contains("content-"),
        "{head}"
    );
    let head_of = "HEAD /fast HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(head_of.as_bytes()).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"fast") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    let seen = String::from_utf8(seen).unwrap().to_lowercase();
    assert_eq!(seen.matches("content-length: 4").count(), 2, "{seen}");
    assert_eq!(seen.matches("fast").count(), 1, "HEAD has no body: {seen}");
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let server = serve(echo());
    let mut stream = connect(&server);
    let requests = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(requests.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).1, b"slow");
    assert_eq!(answer(&mut stream).1, b"fast");
}

#[test]
fn latency_is_waited_for_and_delays_nobody_else() {
    let server = serve(echo());
    let (mut slow, mut fast) = (connect(&server), connect(&server));
    let began = Instant::now();
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    ask(&mut fast, "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n");
    // The slow one cannot have been answered by then, unless the machine stood still.
    slow.set_nonblocking(true).unwrap();
    let early = slow.read(&mut [0]);
    assert!(early.is_err() || began.elapsed() >= Duration::from_millis(300));
    if early.is_err() {
        slow.set_nonblocking(false).unwrap();
        answer(&mut slow);
        assert!(began.elapsed() >= Duration::from_millis(300));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_whole_or_announced() {
    let server = serve(echo());
    let mut stream = connect(&server);
    let announced = "POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    let (head, _) = ask(&mut stream, announced);
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert!(closes(&mut stream));

    let mut stream = connect(&server);
    let size = 2 << 20;
    let head = format!("POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; size]).unwrap();
    let (head, body) = answer(&mut stream);
    assert!(head.starts_with("http/1.1 413"), "{head}");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"], "this stub takes bodies of up to 1 MiB");
    assert!(server.stub().limits_met()[0].contains("(2 ×)"));
}

#[test]
fn a_body_that_breaks_off_counts_for_nothing() {
    let server = serve(echo());
    let mut stream = connect(&server);
    stream
        .write_all(b"POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 201"));
    assert_eq!(server.stub().summary()["requests"]["count"], 0);
}

#[test]
fn what_is_no_http_ends_its_connection_alone() {
    let server = serve(echo());
    let mut odd = connect(&server);
    odd.write_all(b"\x16\x03\x01 hello\r\n\r\n").unwrap();
    assert!(closes(&mut odd));
    let mut huge = connect(&server);
    let head = format!("GET /fast HTTP/1.1\r\nX: {}\r\n", "y".repeat(200_000));
    let _ = huge.write_all(head.as_bytes());
    assert!(closes(&mut huge));
    let mut stream = connect(&server);
    let (head, _) = ask(&mut stream, "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("http/1.1 200"));
}

#[test]
fn whoever_drops_a_stub_closes_its_port_and_its_connections() {
    let server = serve(echo());
    let address = server.address();
    let mut stream = connect(&server);
    ask(&mut stream, "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n");
    drop(server);
    assert!(closes(&mut stream));
    assert!(TcpStream::connect(address).is_err());
    // And the port can be had again at once.
    let again = StubServer::start(echo(), address).unwrap();
    ask(
        &mut connect(&again),
        "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n",
    );
}

#[test]
fn a_port_that_somebody_has_is_an_error() {
    let server = serve(echo());
    let taken = StubServer::start(echo(), server.address());
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn many_ask_at_once_and_every_request_is_counted_once() {
    let server = serve(echo());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = connect(&server);
                for _ in 0..50 {
                    ask(
                        &mut stream,
                        "POST /echo/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                    );
                }
            });
        }
    });
    let mut stream = connect(&server);
    let (_, body) = ask(
        &mut stream,
        "GET /__stub/counters HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let counters: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(counters["POST /echo/{id}"], 400);
}
