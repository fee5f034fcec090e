//! Reads an answer as a whole, lets faults change it, and gives it back as bytes.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncRead;

use super::answer::Carrier;
use super::body::Framing;
use super::head::{self, ResponseHead};
use crate::fault::rewrite::{BODY_MAX, Message, Rewrite};
use crate::wire::{Gone, Upstream, fill};

/// What became of an answer.
pub(super) enum Rewritten {
    /// Nothing was changed, or the body is too long or broken; nothing was taken.
    Not,
    /// This head takes the place of the one that was; the body follows as it comes.
    Head(BytesMut),
    /// This head and this body take the place of the whole answer.
    Whole(BytesMut, BytesMut),
}

/// Changes an answer whose head lies at the beginning of `ahead`, and takes there what it replaces.
pub(super) async fn rewrite<R: AsyncRead + Unpin>(
    carrier: &Carrier<'_>,
    head: &ResponseHead,
    from: &mut R,
    ahead: &mut BytesMut,
    rewrites: &[Arc<dyn Rewrite>],
) -> Result<Rewritten, Gone> {
    let mut wants_body = rewrites.iter().any(|rewrite| rewrite.needs_body());
    let mut end = head.len;
    if wants_body {
        match hold(head, from, ahead).await? {
            Some(whole) => end = whole,
            // Too long or broken: what needs no body can still be changed.
            None => wants_body = false,
        }
    }
    let wire = &ahead[head.len..end];
    let body = match head.body {
        Framing::Chunked(_) => without_chunks(wire),
        _ => wire.to_vec(),
    };
    let mut message = parse(&ahead[..head.len], body);
    message.bodiless = carrier.method == "HEAD" || matches!(head.status, 100..=199 | 204 | 304);
    let before = message.body.clone();
    let mut dice = carrier.decision.dice();
    let mut changed = false;
    for rewrite in rewrites.iter().filter(|r| wants_body || !r.needs_body()) {
        changed |= rewrite.rewrite(&mut dice, &mut message);
    }
    if !changed {
        return Ok(Rewritten::Not);
    }
    let mut rest = BytesMut::new();
    if wants_body {
        if let Some(raw) = &message.raw_body {
            rest.extend_from_slice(raw);
        } else {
            if message.body != before || matches!(head.body, Framing::Chunked(_)) {
                message.remove_header("transfer-encoding");
                message.remove_header("trailer");
                if head.body != Framing::Done || !message.body.is_empty() {
                    message.set_header("content-length", &message.body.len().to_string());
                }
            }
            rest.extend_from_slice(&message.body);
        }
        let _ = ahead.split_to(end);
        return Ok(Rewritten::Whole(head_bytes(&message), rest));
    }
    let _ = ahead.split_to(head.len);
    Ok(Rewritten::Head(head_bytes(&message)))
}

/// Reads an answer to its end, and gives that; `None` where it is too long or broken.
async fn hold<R: AsyncRead + Unpin>(
    head: &ResponseHead,
    from: &mut R,
    ahead: &mut BytesMut,
) -> Result<Option<usize>, Gone> {
    let (mut framing, mut end) = (head.body.clone(), head.len);
    loop {
        let Ok(taken) = framing.advance(&ahead[end..]) else {
            return Ok(None);
        };
        end += taken;
        if framing.is_done() {
            return Ok(Some(end));
        }
        if end - head.len > BODY_MAX {
            return Ok(None);
        }
        match fill(from, ahead).await {
            Ok(_) => {}
            Err(Gone::Closed) if head.body == Framing::UntilClose => return Ok(Some(end)),
            Err(gone) => return Err(gone),
        }
    }
}

/// Reads an answer that nobody is to hear.
pub(super) async fn swallow_answer(upstream: &mut Upstream, method: &str) {
    let mut body = Framing::Done;
    let mut in_body = false;
    loop {
        if in_body {
            match body.advance(&upstream.ahead) {
                Ok(n) => drop(upstream.ahead.split_to(n)),
                Err(_) => return,
            }
            if body.is_done() {
                return;
            }
        } else if let Ok(Some(head)) = head::response(&upstream.ahead, method) {
            drop(upstream.ahead.split_to(head.len));
            in_body = !matches!(head.status, 100..=199);
            body = head.body;
            continue;
        }
        if fill(&mut upstream.socket, &mut upstream.ahead)
            .await
            .is_err()
        {
            return;
        }
    }
}

/// A head that nobody changed leaves as it came, and taking chunks apart never fails.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Ok(Some(head)) = head::response(bytes, "GET") {
        let wire = &bytes[..head.len];
        // Only line ends may differ: bare ones become whole ones, and none stand before the head.
        let plain =
            |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|b| *b != b'\r').collect() };
        let message = parse(wire, Vec::new());
        let before = wire.iter().take_while(|b| b.is_ascii_whitespace()).count();
        assert_eq!(plain(&head_bytes(&message)), plain(&wire[before..]));
        let _ = without_chunks(&bytes[head.len..]);
    }
}

fn head_bytes(message: &Message) -> BytesMut {
    let mut head = BytesMut::from(&message.first_line[..]);
    for line in &message.headers {
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(line);
    }
    head.extend_from_slice(b"\r\n\r\n");
    head
}

fn parse(head: &[u8], body: Vec<u8>) -> Message {
    // Empty lines before a head are no part of it (RFC 9112, section 2.2).
    let mut lines = head
        .trim_ascii_start()
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
    Message {
        first_line: lines.next().unwrap_or_default(),
        headers: lines.filter(|line| !line.is_empty()).collect(),
        body,
        ..Message::default()
    }
}

/// The data of a complete chunked body.
pub(super) fn without_chunks(mut wire: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = wire.iter().position(|b| *b == b'\n') {
        let size = std::str::from_utf8(&wire[..end])
            .ok()
            .and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok())
            .unwrap_or(0);
        let data = &wire[end + 1..];
        if size == 0 || size > data.len() {
            break;
        }
        body.extend_from_slice(&data[..size]);
        let next = data[size..].iter().position(|b| *b == b'\n');
        wire = next.map_or(&[][..], |at| &data[size + at + 1..]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_taken_apart() {
        assert_eq!(
            without_chunks(b"4\r\nWiki\r\nA;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"),
            b"Wiki0123456789"
        );
        assert_eq!(without_chunks(b"0\r\n\r\n"), b"");
        assert_eq!(without_chunks(b"9\r\nshort"), b"");
    }

    #[test]
    fn empty_lines_before_a_head_are_no_part_of_it() {
        let message = parse(b"\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\n\r\n", Vec::new());
        assert_eq!(message.first_line, b"HTTP/1.1 200 OK");
        assert_eq!(message.headers, [b"A: 1"]);
    }

    #[test]
    fn a_head_that_nobody_changed_leaves_as_it_came() {
        let head = b"HTTP/1.1 200 OK\r\nX-a:  1\r\nServer: x\r\n\r\n";
        assert_eq!(&head_bytes(&parse(head, Vec::new()))[..], head);
    }
}
