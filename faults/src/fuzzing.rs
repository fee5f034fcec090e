//! What the fuzz targets call: where the messages in some bytes end must not depend on how the
//! bytes come.

use crate::http::body::Framing;
use crate::http::head;

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

/// Reads the bytes as a request and as a response, at once and in pieces of the given lengths.
///
/// # Panics
/// When a message ends somewhere else because its bytes came in other pieces.
pub fn framing(bytes: &[u8], pieces: &[u8]) {
    let len = bytes.len();
    let cuts = || {
        let mut at = 0;
        let step = move |piece: &u8| {
            at = (at + usize::from(*piece).max(1)).min(len);
            at
        };
        pieces.iter().map(step).chain([len])
    };
    for parse in [request, response] {
        let whole = read(parse, bytes, [len].into_iter());
        let in_pieces = read(parse, bytes, cuts());
        assert_eq!(whole, in_pieces, "of {}", bytes.escape_ascii());
        if let Ends::At(end) = whole {
            let exactly = read(parse, &bytes[..end], [end].into_iter());
            assert_eq!(exactly, Ends::At(end), "what follows changes where it ends");
        }
    }
    crate::http::whole::fuzz(bytes);
}
