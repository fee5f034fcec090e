//! What must hold whatever bytes come, in whatever pieces. Fuzz targets call this, and below it
//! random tests do.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use serde_json::json;
use tokio::io::{AsyncRead, ReadBuf};

use super::answer::{Carrier, Outcome};
use super::body::Framing;
use super::forward::send;
use super::head;
use super::way::Way;
use super::whole::{self, changed};
use crate::decision::{Decision, Side};
use crate::dice::Dice;
use crate::edge::{Edge, Protocol};
use crate::fault::{self, Treatment};
use crate::observe::Clock;

/// Where a message ends.
#[derive(Debug, PartialEq, Eq)]
enum Ends {
    /// After so many bytes.
    At(usize),
    /// Not within these bytes.
    Later,
    /// It is not read as HTTP.
    Foreign,
}

/// A message's head: its length and how its body ends.
type Head = Result<Option<(usize, Framing)>, head::NotHttp>;

fn request(bytes: &[u8]) -> Head {
    Ok(head::request(bytes)?.map(|head| (head.len, head.body)))
}

fn response(bytes: &[u8]) -> Head {
    Ok(head::response(bytes, "GET")?.map(|head| (head.len, head.body)))
}

/// Reads a message that comes in pieces which end at `cuts`.
fn read(parse: fn(&[u8]) -> Head, bytes: &[u8], cuts: impl Iterator<Item = usize>) -> Ends {
    let mut body: Option<Framing> = None;
    let mut read = 0;
    for cut in cuts {
        let there = &bytes[..cut];
        if body.is_none() {
            match parse(there) {
                Err(_) => return Ends::Foreign,
                Ok(None) => continue,
                Ok(Some((len, framing))) => (read, body) = (len, Some(framing)),
            }
        }
        if let Some(framing) = &mut body {
            match framing.advance(&there[read..]) {
                Err(_) => return Ends::Foreign,
                Ok(n) => read += n,
            }
            if framing.is_done() {
                return Ends::At(read);
            }
        }
    }
    Ends::Later
}

/// Where pieces of these lengths end; the last takes the rest.
fn cuts(len: usize, pieces: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    let step = move |piece: &u8| {
        at = (at + usize::from(*piece).max(1)).min(len);
        at
    };
    pieces.iter().map(step).chain([len])
}

/// A message ends where it ends, however its bytes come and whatever follows.
pub(crate) fn ends(bytes: &[u8], pieces: &[u8]) {
    let len = bytes.len();
    for parse in [request, response] {
        let whole = read(parse, bytes, [len].into_iter());
        let in_pieces = read(parse, bytes, cuts(len, pieces));
        assert_eq!(whole, in_pieces, "of {}", bytes.escape_ascii());
        if let Ends::At(end) = whole {
            let exactly = read(parse, &bytes[..end], [end].into_iter());
            assert_eq!(exactly, Ends::At(end), "what follows changes where it ends");
        }
    }
}

/// Bytes that come in pieces, and then an end.
struct Source<'a> {
    rest: &'a [u8],
    pieces: std::slice::Iter<'a, u8>,
}

impl AsyncRead for Source<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self
            .pieces
            .next()
            .map_or(usize::MAX, |n| (*n).max(1).into());
        let (piece, rest) = self
            .rest
            .split_at(n.min(self.rest.len()).min(buffer.remaining()));
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// What comes of something that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits, though everything is there"),
    }
}

/// A message that nothing is done to leaves byte for byte, and what is behind it stays.
pub(crate) fn passes(bytes: &[u8], pieces: &[u8]) {
    let edge = Edge::new("a -> b".to_owned(), Protocol::Http, 0, Clock::start(), 1);
    let decision = Decision::default();
    let source = || Source {
        rest: bytes,
        pieces: pieces.iter(),
    };

    let (mut from, mut ahead, mut to) = (source(), BytesMut::new(), Vec::new());
    let left = AtomicBool::new(false);
    let carrier = Carrier {
        edge: &edge,
        slot: None,
        method: "GET",
        upgrade: true,
        decision: &decision,
        shown: true,
        left: &left,
    };
    let outcome = at_once(carrier.carry(&mut from, &mut ahead, &mut to));
    let all = [&to[..], &ahead, from.rest].concat();
    assert_eq!(all, bytes, "an answer: {outcome:?}");
    if let (Ends::At(end), Outcome::Complete) =
        (read(response, bytes, [bytes.len()].into_iter()), outcome)
        && !is_interim(bytes)
    {
        assert_eq!(to.len(), end, "of {}", bytes.escape_ascii());
    }

    let (mut from, mut ahead, mut to) = (source(), BytesMut::new(), Vec::new());
    let head = loop {
        match head::request(&ahead) {
            Ok(Some(head)) => break head,
            Ok(None) if !from.rest.is_empty() => {
                let _ = at_once(crate::wire::fill(&mut from, &mut ahead));
            }
            Ok(None) | Err(_) => return,
        }
    };
    let way = Way::new(&decision, Side::Up, true);
    let (sockets, endless) = ((&mut from, &mut to), AtomicBool::new(false));
    let sent = at_once(send(&head, &mut ahead, sockets, way, |_| (), &endless));
    let all = [&to[..], &ahead, from.rest].concat();
    assert_eq!(all, bytes, "a request: {sent:?}");
    if let (Ends::At(end), Ok(())) = (read(request, bytes, [bytes.len()].into_iter()), sent) {
        assert_eq!(to.len(), end, "of {}", bytes.escape_ascii());
    }
}

/// Whether an answer begins with one that another follows.
fn is_interim(bytes: &[u8]) -> bool {
    matches!(head::response(bytes, "GET"), Ok(Some(head)) if (100..200).contains(&head.status))
}

/// Faults that change answers; whether what comes of it is to be one answer.
fn faults() -> Vec<(Treatment, bool)> {
    let kinds = [
        ("mutate", json!({ "drop": "/a" }), true),
        ("mutate", json!({ "add_field": "" }), true),
        ("mutate", json!({ "retype": "" }), true),
        ("truncate", json!({ "after": "3B", "fit": true }), true),
        ("content_type", json!("text/html"), true),
        ("large_headers", json!("100B"), true),
        ("malformed", json!("status_line"), false),
        ("malformed", json!("header"), false),
        ("malformed", json!("content_length"), false),
        ("malformed", json!("chunk"), false),
    ];
    let mut treatments = Vec::new();
    for (kind, value, whole) in kinds {
        let built = fault::find(kind).map(|kind| (kind.build)(&value));
        if let Some(Ok(fault)) = built {
            let mut treatment = Treatment::default();
            fault.treat(&mut Dice::of(0, "", "", 0), &mut treatment);
            treatments.push((treatment, whole));
        }
    }
    treatments
}

/// An answer that a fault has changed is one answer, as long as it says; what nobody changed stays.
pub(crate) fn changes(bytes: &[u8]) {
    let Ok(Some(head)) = head::response(bytes, "GET") else {
        return;
    };
    let (first, rest) = bytes.split_at(head.len);
    let unchanged = whole::head_bytes(&whole::parse(first, Vec::new()));
    // Only line ends may differ: bare ones become whole ones, and none stand before the head.
    let plain = |bytes: &[u8]| -> Vec<u8> {
        let bytes = bytes.iter().copied().filter(|b| *b != b'\r');
        bytes.skip_while(u8::is_ascii_whitespace).collect()
    };
    assert_eq!(plain(&unchanged), plain(first));

    let mut framing = head.body.clone();
    let mut data = Vec::new();
    let mut end = 0;
    while end < rest.len() && !framing.is_done() {
        let Ok((n, is_data)) = framing.run(&rest[end..]) else {
            return;
        };
        if is_data {
            data.extend_from_slice(&rest[end..end + n]);
        }
        end += n;
    }
    if !framing.is_done() && framing != Framing::UntilClose {
        return;
    }
    let body = &rest[..end];
    if let Framing::Chunked(_) = head.body {
        assert_eq!(whole::without_chunks(body), data);
    }
    let mut dice = Dice::of(0, "", "", 0);
    for (treatment, is_whole) in faults() {
        let wire = (first, Some(body));
        let rewritten = changed("GET", &head, wire, &treatment.rewrites, &mut dice);
        if let Some((first, Some(rest))) = rewritten.filter(|_| is_whole) {
            let length = first.len() + rest.len();
            let all = [&first[..], &rest].concat();
            let read = read(response, &all, [length].into_iter());
            let until_close = head.body == Framing::UntilClose && read == Ends::Later;
            assert!(
                read == Ends::At(length) || until_close || first.len() > head::HEAD_MAX,
                "{read:?} of {}",
                all.escape_ascii()
            );
        }
        let wire = (first, None);
        let _ = changed("HEAD", &head, wire, &treatment.rewrites, &mut dice);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages from which the random ones are made.
    const SEEDS: [&[u8]; 14] = [
        b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyrest",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;e=\"1\"\r\nbody\r\n0\r\nT: 1\r\n\r\nrest",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: keep-alive, upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n{\"a\":1}rest",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3\r\n{\"a\r\n6\r\n\":\"x\"}\r\n0\r\nT: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n[1,2,3]",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x00",
        b"\r\n\nHTTP/1.1 200 OK\nX: 1\n\n0\n\n",
    ];

    /// Pieces that are often what matters.
    const PIECES: [&[u8]; 14] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"0\r\n\r\n",
        b":",
        b" ",
        b",",
        b";",
        b"chunked",
        b"\0",
        b"\xff",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"ffffffffffffffff",
    ];

    /// What is done to a message to make another one.
    #[derive(Clone, Debug)]
    enum Edit {
        Flip(usize, u8),
        Remove(usize, usize),
        Insert(usize, usize),
        Splice(usize, usize),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let at = any::<usize>;
        prop_oneof![
            (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Flip(at, byte)),
            (at(), 0..9_usize).prop_map(|(at, n)| Edit::Remove(at, n)),
            (at(), 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
            (at(), 0..SEEDS.len()).prop_map(|(at, seed)| Edit::Splice(at, seed)),
        ]
    }

    fn edited(seed: usize, edits: &[Edit]) -> Vec<u8> {
        let mut bytes = SEEDS[seed].to_vec();
        for edit in edits {
            let len = bytes.len() + 1;
            match *edit {
                Edit::Flip(at, byte) if len > 1 => bytes[at % (len - 1)] = byte,
                Edit::Flip(..) => {}
                Edit::Remove(at, n) => {
                    let at = at % len;
                    let end = (at + n).min(len - 1);
                    bytes.drain(at..end);
                }
                Edit::Insert(at, piece) => {
                    let at = at % len;
                    bytes.splice(at..at, PIECES[piece].iter().copied());
                }
                Edit::Splice(at, seed) => {
                    bytes.truncate(at % len);
                    let from = at % SEEDS[seed].len();
                    bytes.extend_from_slice(&SEEDS[seed][from..]);
                }
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_comes_ends_where_it_ends_and_leaves_as_it_came(
            seed in 0..SEEDS.len(),
            edits in prop::collection::vec(edit(), 0..6),
            pieces in prop::collection::vec(0..40_u8, 0..20),
        ) {
            let bytes = edited(seed, &edits);
            ends(&bytes, &pieces);
            passes(&bytes, &pieces);
            changes(&bytes);
        }
    }

    #[test]
    fn the_seeds_themselves_in_single_bytes() {
        for seed in SEEDS {
            ends(seed, &[1; 200]);
            passes(seed, &[1; 200]);
            changes(seed);
        }
        assert_eq!(faults().len(), 10);
    }
}
