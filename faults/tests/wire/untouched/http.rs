//! HTTP as it should be, if oddly: what is read along leaves as it came.

use proptest::prelude::*;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;

use super::play::{Turn, callee, caller, pipeline, play};
use crate::client::read;
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, Stage};

/// Header case and order, doubled headers, blanks, chunks with extensions, trailers.
const ODD_REQUEST: &[u8] = b"POST /a%20b?x=1 HTTP/1.1\r\nhOsT: x\r\nX-A: 1\r\nx-a:2  \r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\nA \r\n0123456789\r\n0;last=\"x\"\r\nX-Trailer: t\r\nY: \r\n\r\n";
const ODD_ANSWER: &[u8] = b"HTTP/1.1 200  fine \r\nx-B: 2\r\nX-b: 1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\n";
const HEAD: &[u8] = b"HEAD / HTTP/1.1\r\n\r\n";
const HEAD_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";

/// Conversations by what is odd about them.
#[expect(clippy::too_many_lines, reason = "a list")]
fn conversations() -> Vec<(&'static str, Vec<Turn>)> {
    use Turn::{CalleeCloses, CallerCloses};
    vec![
        (
            "odd but legal, twice",
            vec![
                caller(ODD_REQUEST),
                callee(ODD_ANSWER),
                caller(ODD_REQUEST),
                callee(ODD_ANSWER),
                CallerCloses,
            ],
        ),
        (
            "interim answers",
            vec![
                caller("PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
                callee("HTTP/1.1 100 Continue\r\n\r\n"),
                caller("body"),
                callee(
                    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
                ),
                callee(HELLO),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "answers that have no body whatever they say",
            vec![
                caller(HEAD),
                callee(HEAD_ANSWER),
                caller(GET),
                callee("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"),
                caller(GET),
                callee("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
                caller(GET),
                callee("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "a pipeline",
            vec![
                pipeline(&[
                    [GET, HELLO],
                    [ODD_REQUEST, ODD_ANSWER],
                    [HEAD, HEAD_ANSWER],
                    [GET, HELLO],
                ]),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "an answer that lasts until the close",
            vec![
                caller(GET),
                callee("HTTP/1.1 200 OK\r\n\r\nno"),
                callee(" length"),
                CalleeCloses,
            ],
        ),
        (
            "an old caller and an old callee",
            vec![
                caller("GET / HTTP/1.0\r\n\r\n"),
                callee("HTTP/1.0 200 OK\r\n\r\nold"),
                CalleeCloses,
            ],
        ),
        (
            "connections that are kept in the old way",
            vec![
                caller("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                callee("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nold"),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "an upgrade",
            vec![
                caller("GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n"),
                callee(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                ),
                callee(b"\x81\x00first"),
                caller(b"\x81\x00second"),
                caller(GET),
                callee(b"\x00"),
                CallerCloses,
                callee("the rest"),
                CalleeCloses,
            ],
        ),
        (
            "an upgrade that is turned down",
            vec![
                caller("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
                callee(HELLO),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "a tunnel",
            vec![
                caller("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n"),
                callee("HTTP/1.1 200 Connected\r\n\r\n"),
                callee("SSH-2.0-x\r\n"),
                caller(b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
                CalleeCloses,
                caller("one word more"),
                CallerCloses,
            ],
        ),
        (
            "an answer before the request is through",
            vec![
                caller("POST /big HTTP/1.1\r\nContent-Length: 20\r\n\r\nhalf of it"),
                callee("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"),
                caller("the other."),
                caller(GET),
                callee(HELLO),
            ],
        ),
        (
            "an answer to a caller that has closed its direction",
            vec![caller(GET), CallerCloses, callee(HELLO), CalleeCloses],
        ),
        (
            "a word of the callee before it closes",
            vec![
                caller(GET),
                callee(HELLO),
                callee("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"),
                CalleeCloses,
            ],
        ),
        (
            "blank lines before a request",
            vec![
                caller(GET),
                callee(HELLO),
                caller([b"\r\n\r\n", GET].concat()),
                callee(HELLO),
            ],
        ),
    ]
}

#[tokio::test]
async fn every_conversation_passes_as_it_is() {
    for protocol in EVERY_PROTOCOL {
        for (_, turns) in conversations() {
            for cuts in [&[][..], &[1], &[7, 2, 30]] {
                play(protocol, &turns, cuts).await;
            }
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn in_any_segmentation_too(
        which in 0..14_usize,
        cuts in prop::collection::vec(1_usize..40, 1..20),
        protocol in prop::sample::select(EVERY_PROTOCOL.to_vec()),
    ) {
        let (_, turns) = conversations().swap_remove(which);
        run(play(protocol, &turns, &cuts));
    }

    #[test]
    fn bodies_of_any_size_and_framing(
        up in prop::collection::vec(any::<u8>(), 0..3000),
        down in prop::collection::vec(any::<u8>(), 0..3000),
        times in 1..60_usize,
        chunk in 1..5000_usize,
        chunked in any::<[bool; 2]>(),
        cuts in prop::collection::vec(1_usize..70_000, 1..20),
        protocol in prop::sample::select(EVERY_PROTOCOL.to_vec()),
    ) {
        let framed = |first: &str, body: &[u8], chunked: bool| {
            let body = body.repeat(times);
            let mut wire = first.as_bytes().to_vec();
            if chunked {
                wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for piece in body.chunks(chunk) {
                    wire.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    wire.extend_from_slice(piece);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"0\r\n\r\n");
            } else {
                wire.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                wire.extend_from_slice(&body);
            }
            wire
        };
        let turns = [
            caller(framed("POST / HTTP/1.1\r\n", &up, chunked[0])),
            callee(framed("HTTP/1.1 200 OK\r\n", &down, chunked[1])),
            caller(GET),
            callee(HELLO),
        ];
        run(play(protocol, &turns, &cuts));
    }
}

#[tokio::test]
async fn pipelined_requests_are_exchanges_of_their_own() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut client = stage.connect().await;
    client.write_all(&GET.repeat(5)).await.unwrap();
    assert_eq!(read(&mut client, HELLO.len() * 5).await, HELLO.repeat(5));
    let seen = stage.ended(5).await;
    assert_eq!(seen.connections.len(), 1);
}
