//! Changes to an HTTP answer that has been read as a whole.

use std::fmt::Debug;

use crate::dice::Dice;

/// A change to an answer.
pub trait Rewrite: Debug + Send + Sync {
    /// Whether the body has to be at hand; an answer whose body is larger than
    /// [`BODY_MAX`] then passes untouched.
    fn needs_body(&self) -> bool;

    /// Changes the answer; says whether it changed anything.
    fn rewrite(&self, dice: &mut Dice, answer: &mut Message) -> bool;
}

/// The largest body that is held to be changed.
pub const BODY_MAX: usize = 1024 * 1024;

/// An answer in parts, as bytes: what is not changed leaves as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line without its line end.
    pub first_line: Vec<u8>,
    /// The header lines in their order, each without its line end.
    pub headers: Vec<Vec<u8>>,
    /// The body's bytes without chunk framing; empty where it is not at hand.
    pub body: Vec<u8>,
    /// Bytes to send for the body as they are, framing and all, instead of `body`.
    pub raw_body: Option<Vec<u8>>,
    /// Whether it has no body whatever its headers say: an answer to HEAD, a 204, a 304.
    pub bodiless: bool,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .filter_map(|line| split(line))
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Sets a header, in the place of the first one with this name or at the end; afterwards there
    /// is one.
    pub fn set_header(&mut self, name: &str, value: &str) {
        let line = format!("{name}: {value}").into_bytes();
        let same = |line: &Vec<u8>| {
            split(line).is_some_and(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
        };
        let at = self.headers.iter().position(same);
        self.remove_header(name);
        self.headers.insert(at.unwrap_or(self.headers.len()), line);
    }

    /// Takes a header away.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|line| {
            split(line).is_none_or(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes()))
        });
    }
}

/// A header line's name and value.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|b| *b == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_set_stands_where_the_first_was_and_once() {
        let mut message = Message {
            headers: vec![
                b"A: 1".into(),
                b"x-b:2".into(),
                b"C: 3".into(),
                b"X-B: 4".into(),
            ],
            ..Message::default()
        };
        message.set_header("X-b", "5");
        assert_eq!(message.headers, [&b"A: 1"[..], b"X-b: 5", b"C: 3"]);
        message.set_header("d", "6");
        assert_eq!(message.header("D"), Some(&b"6"[..]));
    }
}
