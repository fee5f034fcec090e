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
/// Occurs in an answer, and nowhere else, when it was given late through no fault of the proxy.
const MARK: u8 = b'!';
const MARKED_MESSAGE: &[u8; 64] = &[MARK; 64];
const MARKED_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLate: !\r\n\r\n";
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

impl Talk {
    /// What the one who asks says.
    pub(crate) fn question(self) -> &'static [u8] {
        match self {
            Self::Echo => MESSAGE,
            Self::Http => REQUEST,
        }
    }

    /// What the other one says, with a mark or without.
    pub(crate) fn answer(self, marked: bool) -> &'static [u8] {
        match (self, marked) {
            (Self::Echo, false) => MESSAGE,
            (Self::Echo, true) => MARKED_MESSAGE,
            (Self::Http, false) => ANSWER,
            (Self::Http, true) => MARKED_ANSWER,
        }
    }
}

/// Finds the ends of messages in a stream, however it is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    talk: Talk,
    /// How much of the present message, or of the mark of its end, was seen.
    seen: usize,
    /// Whether the present message is marked.
    marked: bool,
}

impl Ends {
    /// At the start of a stream.
    pub(crate) fn new(talk: Talk) -> Self {
        Self {
            talk,
            seen: 0,
            marked: false,
        }
    }

    /// For each message that ends in this piece, whether it is marked.
    pub(crate) fn find(&mut self, piece: &[u8]) -> impl Iterator<Item = bool> {
        piece.iter().filter_map(|byte| {
            self.marked |= *byte == MARK;
            let length = match self.talk {
                Talk::Echo => {
                    self.seen += 1;
                    MESSAGE.len()
                }
                // A proxy may have changed the head, so its length is not known.
                Talk::Http => {
                    if *byte == END_OF_HEAD[self.seen] {
                        self.seen += 1;
                    } else {
                        self.seen = usize::from(*byte == END_OF_HEAD[0]);
                    }
                    END_OF_HEAD.len()
                }
            };
            (self.seen == length).then(|| {
                self.seen = 0;
                std::mem::take(&mut self.marked)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds in pieces of this size.
    fn find(talk: Talk, bytes: &[u8], size: usize) -> Vec<bool> {
        let mut ends = Ends::new(talk);
        let pieces = bytes.chunks(size);
        pieces
            .flat_map(|piece| ends.find(piece).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let answers = |talk: Talk| [talk.answer(false), talk.answer(true), talk.answer(false)];
        let odd = b"GET / HTTP/1.1\r\nX: \r\r\n\r\n";
        let http = [&answers(Talk::Http).concat(), REQUEST, odd].concat();
        let echo = [&answers(Talk::Echo).concat()[..], &[b'x'; 63]].concat();
        for size in 1..=300 {
            let found = find(Talk::Http, &http, size);
            assert_eq!(
                found,
                [false, true, false, false, false],
                "pieces of {size}"
            );
            let found = find(Talk::Echo, &echo, size);
            assert_eq!(found, [false, true, false], "pieces of {size}");
        }
    }
}
