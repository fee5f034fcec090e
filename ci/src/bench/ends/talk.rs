//! What the two ends say to each other: messages of a fixed size, or small HTTP exchanges.

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// 64 bytes, which come back as they are.
    Echo,
    /// A request without a body, and an answer without one.
    Http,
}

/// A message of the echo.
const MESSAGE: &[u8; 64] = &[b'x'; 64];
const REQUEST: &[u8] = b"GET /stock/A1 HTTP/1.1\r\nHost: callee\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

impl Talk {
    /// What the one who asks says.
    pub(crate) fn question(self) -> &'static [u8] {
        match self {
            Self::Echo => MESSAGE,
            Self::Http => REQUEST,
        }
    }

    /// What the other one says.
    pub(crate) fn answer(self) -> &'static [u8] {
        match self {
            Self::Echo => MESSAGE,
            Self::Http => ANSWER,
        }
    }
}

/// Finds the ends of messages in a stream, however it is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    talk: Talk,
    /// How much of the present message, or of the mark of its end, was seen.
    seen: usize,
}

impl Ends {
    /// At the start of a stream.
    pub(crate) fn new(talk: Talk) -> Self {
        Self { talk, seen: 0 }
    }

    /// How many messages end in this piece.
    pub(crate) fn count(&mut self, piece: &[u8]) -> usize {
        match self.talk {
            Talk::Echo => {
                let all = self.seen + piece.len();
                self.seen = all % MESSAGE.len();
                all / MESSAGE.len()
            }
            // A proxy may have changed the head, so its length is not known.
            Talk::Http => {
                let mut ended = 0;
                for byte in piece {
                    if *byte == END_OF_HEAD[self.seen] {
                        self.seen += 1;
                    } else {
                        self.seen = usize::from(*byte == END_OF_HEAD[0]);
                    }
                    if self.seen == END_OF_HEAD.len() {
                        self.seen = 0;
                        ended += 1;
                    }
                }
                ended
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts in pieces of this size.
    fn count(talk: Talk, bytes: &[u8], size: usize) -> usize {
        let mut ends = Ends::new(talk);
        bytes.chunks(size).map(|piece| ends.count(piece)).sum()
    }

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let http = [REQUEST, ANSWER, b"GET / HTTP/1.1\r\nX: \r\r\n\r\n"].concat();
        let echo = [0; 64 * 5 + 63];
        for size in 1..=200 {
            assert_eq!(count(Talk::Http, &http, size), 3, "in pieces of {size}");
            assert_eq!(count(Talk::Echo, &echo, size), 5, "in pieces of {size}");
        }
    }
}
