//! Shapes that parties read differently (request smuggling), and what is no HTTP after all: nothing
//! is read into them, and they pass as bytes.

use shaketable_faults::Protocol;

use super::play::{callee, caller, pipeline, play};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO};

/// Bytes that could be another request, to a party that reads the one before differently.
const HIDDEN: &[u8] = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

/// Everything that a caller says in one such shape.
fn requests() -> Vec<Vec<u8>> {
    let headers: [&[u8]; 16] = [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 40",
        b"Content-Length: 5, 40",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 5\x0b",
        b"Content-Length: ",
        b"Content-Length: 18446744073709551616",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"X-Folded: one\r\n two\r\nContent-Length: 5",
        b"X-\x00: 1",
    ];
    let mut shapes: Vec<_> = headers
        .iter()
        .map(|header| {
            [
                b"POST / HTTP/1.1\r\nHost: x\r\n",
                *header,
                b"\r\n\r\n",
                HIDDEN,
            ]
            .concat()
        })
        .collect();
    let chunks: [&[u8]; 8] = [
        b"5\nhello\n0\n\n",
        b"\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!!\r\n0\r\n\r\n",
        b"5\rhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
    ];
    shapes.extend(chunks.iter().map(|body| {
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        [head, *body, HIDDEN].concat()
    }));
    let others: [&[u8]; 6] = [
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /\r\n",
        b"GET \x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"G\x00\x01\x02",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    shapes.extend(others.map(<[u8]>::to_vec));
    // More and longer headers than are read.
    let mut many = b"GET / HTTP/1.1\r\n".to_vec();
    many.extend("X-Many: 1\r\n".repeat(200).as_bytes());
    many.extend(b"\r\n");
    shapes.push(many);
    let mut long = b"GET / HTTP/1.1\r\nX-Long: ".to_vec();
    long.resize(200_000, b'x');
    long.extend(b"\r\n\r\n");
    shapes.push(long);
    shapes
}

#[tokio::test]
async fn requests_of_every_shape_pass_as_they_are() {
    for protocol in EVERY_PROTOCOL {
        for request in requests() {
            let turns = [
                caller(&request),
                callee("any answer"),
                caller("more"),
                callee("and more"),
            ];
            play(protocol, &turns, &[]).await;
            if request.len() < 1000 {
                play(protocol, &turns, &[1]).await;
            }
        }
    }
}

#[tokio::test]
async fn they_pass_behind_an_exchange_and_behind_each_other_too() {
    for protocol in EVERY_PROTOCOL {
        for request in requests() {
            let turns = [
                caller(GET),
                callee(HELLO),
                pipeline(&[[GET, HELLO], [&request, b"any answer"]]),
                caller("more"),
                callee("and more"),
            ];
            play(protocol, &turns, &[50]).await;
        }
    }
}

#[tokio::test]
async fn answers_of_every_shape_pass_as_they_are() {
    let answers: [&[u8]; 12] = [
        b"no HTTP at all",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nthis is no header\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\n\r\nhello",
    ];
    for protocol in EVERY_PROTOCOL {
        for answer in answers {
            let turns = [caller(GET), callee(answer), caller(GET), callee(HELLO)];
            play(protocol, &turns, &[]).await;
            play(protocol, &turns, &[1]).await;
        }
    }
}

#[tokio::test]
async fn an_answer_with_more_headers_than_are_read() {
    let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
    answer.extend("X-Many: 1\r\n".repeat(20_000).as_bytes());
    answer.extend(b"\r\n");
    for protocol in [Protocol::Auto, Protocol::Http] {
        let turns = [caller(GET), callee(&answer), caller(GET), callee(HELLO)];
        play(protocol, &turns, &[]).await;
    }
}
