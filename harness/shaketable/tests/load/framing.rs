//! Answers in every shape that HTTP/1.1 has, and in none.

use std::io::Write;
use std::time::Duration;

use http::Method;
use shaketable::load::client::BODY_MAX;
use shaketable::record::Outcome;

use crate::stage::{Ask, Asking, at, request, target};

/// What a target says, and what is to be understood: the status and the body.
const WHOLE: &[(&str, &str, u16, &str)] = &[
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        200,
        "hello",
    ),
    ("GET", "HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n", 200, ""),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nWiki\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
        200,
        "Wiki0123456789",
    ),
    (
        "GET",
        "HTTP/1.0 404 Not Found\r\n\r\nuntil the end",
        404,
        "until the end",
    ),
    ("GET", "HTTP/1.1 200 OK\r\n\r\n", 200, ""),
    (
        "POST",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
        201,
        "x",
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        200,
        "",
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        200,
        "",
    ),
    ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    (
        "GET",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
        304,
        "",
    ),
    (
        "GET",
        "HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        503,
        "no",
    ),
];

/// What is no whole answer, how the call ends, and what is said about it.
const NOT_WHOLE: &[(&str, Outcome, &str)] = &[
    ("SSH-2.0-OpenSSH_9.2\r\n", Outcome::Malformed, "version"),
    ("HTTP/2.0 200 OK\r\n\r\n", Outcome::Malformed, "version"),
    ("HTTP/1.1 2x0 OK\r\n\r\n", Outcome::Malformed, "status"),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        Outcome::Malformed,
        "Content-Length",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        Outcome::Malformed,
        "two lengths",
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        Outcome::Malformed,
        "chunks",
    ),
    ("", Outcome::Broken, "without an answer"),
    ("HTTP/1.1 200 OK\r\nContent-", Outcome::Broken, "head"),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour",
        Outcome::Broken,
        "5 bytes before the end",
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n",
        Outcome::Broken,
        "within its answer",
    ),
    (
        "HTTP/1.1 100 Continue\r\n\r\n",
        Outcome::Broken,
        "without an answer",
    ),
];

/// Asks a target that says this, in pieces of so many bytes, and then closes.
fn asked(ask: &Ask, says: &'static str, piece: usize) -> Result<(u16, String), (Outcome, String)> {
    let address = target(move |mut stream, _| {
        request(&mut stream);
        stream.set_nodelay(true).unwrap();
        for piece in says.as_bytes().chunks(piece) {
            let _ = stream.write_all(piece);
            if says.len() > piece.len() {
                std::thread::sleep(Duration::from_micros(300));
            }
        }
    });
    match Asking::of(at(address)).ask(ask) {
        Ok(answer) => Ok((
            answer.status,
            String::from_utf8(answer.body.into()).unwrap(),
        )),
        Err(failure) => Err((failure.outcome, failure.why)),
    }
}

#[test]
fn every_shape_of_answer_is_read_to_its_end_however_it_comes() {
    for (method, says, status, body) in WHOLE {
        let ask = Ask {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            ..Ask::default()
        };
        for piece in [says.len(), 1, 7] {
            let came = asked(&ask, says, piece);
            assert_eq!(
                came,
                Ok((*status, (*body).to_owned())),
                "{says:?} by {piece}"
            );
        }
    }
}

#[test]
fn what_is_no_whole_answer_says_what_is_wrong_with_it() {
    for (says, outcome, about) in NOT_WHOLE {
        for piece in [says.len().max(1), 3] {
            let (came, why) = asked(&Ask::default(), says, piece).unwrap_err();
            assert_eq!(came, *outcome, "{says:?}: {why}");
            assert!(why.contains(about), "{says:?}: {why}");
        }
    }
}

#[test]
fn a_head_without_an_end_is_no_answer() {
    let address = target(|mut stream, _| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let failure = Asking::of(at(address)).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Malformed);
    assert!(failure.why.contains("64 KiB"), "{}", failure.why);
}

#[test]
fn of_a_large_body_the_beginning_is_kept() {
    let length = 3 * BODY_MAX;
    let address = target(move |mut stream, _| {
        while request(&mut stream).is_some() {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: {length}\r\n\r\n"
            )
            .unwrap();
            stream.write_all(&vec![b'x'; length]).unwrap();
        }
    });
    let asking = Asking::of(at(address));
    let answer = asking.get().unwrap();
    assert!(answer.cut && answer.body.len() == BODY_MAX);
    assert_eq!(answer.headers["x-a"], "1");
    let answer = asking
        .ask(&Ask {
            wanted: shaketable::load::client::Wanted::default(),
            ..Ask::default()
        })
        .unwrap();
    assert!(!answer.cut && answer.body.is_empty() && answer.headers.is_empty());
}

#[test]
fn an_answer_before_the_request_is_through_is_an_answer() {
    // The target says no, and closes with most of the request unread, which resets the connection.
    let address = target(|mut stream, _| {
        let mut some = [0; 100];
        std::io::Read::read(&mut stream, &mut some).unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    let ask = Ask {
        method: Method::POST,
        body: vec![b'x'; 64 << 20].into(),
        ..Ask::default()
    };
    assert_eq!(Asking::of(at(address)).ask(&ask).unwrap().status, 413);
}

#[test]
fn large_and_small_bodies_arrive_whole() {
    let address = target(|mut stream, _| {
        while let Some(whole) = request(&mut stream) {
            let length = whole.split_once("\r\n\r\n").unwrap().1.len().to_string();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{length}",
                length.len()
            )
            .unwrap();
        }
    });
    let asking = Asking::of(at(address));
    for length in [0, 1, 16 * 1024, 16 * 1024 + 1, 20 << 20] {
        let ask = Ask {
            method: Method::PUT,
            body: vec![b'x'; length].into(),
            ..Ask::default()
        };
        let answer = asking.ask(&ask).unwrap();
        assert_eq!(answer.body, length.to_string());
    }
}
