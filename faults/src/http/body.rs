//! Finds the end of a message body in the bytes that pass, without changing them.

/// How a body ends, and how far into it we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It has ended.
    Done,
    /// So many bytes are still to come.
    Length(u64),
    /// It comes in chunks.
    Chunked(Chunk),
    /// It ends with the connection.
    UntilClose,
}

/// Where in a chunked body we are (RFC 9112, section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// In the line with the chunk's size.
    Size {
        /// The size, as far as it has come.
        value: u64,
        /// Where in that line.
        at: At,
    },
    /// In its data.
    Data {
        /// So many bytes of it are still to come.
        left: u64,
    },
    /// In the line end behind its data.
    DataEnd {
        /// Whether its CR has come.
        cr: bool,
    },
    /// In a line of the trailers.
    Trailer {
        /// Whether it is empty so far.
        empty: bool,
        /// Whether its CR has come.
        cr: bool,
    },
}

/// Where in the line with a chunk's size we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before the first digit.
    Start,
    /// Among the digits.
    Digits,
    /// In the blanks behind the digits.
    Blank,
    /// In what is written behind a semicolon.
    Extension,
    /// The CR has come.
    End,
}

/// The body breaks the rules of its framing, or bends them in a way that parties read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its chunks are not framed as they should be")]
pub struct Malformed;

impl Framing {
    /// A body in chunks, of which nothing has come yet.
    pub fn chunked() -> Self {
        Self::Chunked(Chunk::START)
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        *self == Self::Done
    }

    /// Takes note of bytes that come next and says how many of them belong to this body.
    ///
    /// # Errors
    ///
    /// Where they break the rules of its framing.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_done() {
            taken += self.run(&bytes[taken..])?.0;
        }
        Ok(taken)
    }

    /// Takes note of the next bytes that are all data or all framing, and says how many there are
    /// and whether they are data.
    ///
    /// # Errors
    ///
    /// Where they break the rules of its framing.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(usize, bool), Malformed> {
        match self {
            Self::Done => Ok((0, true)),
            Self::UntilClose => Ok((bytes.len(), true)),
            Self::Length(left) => {
                let taken = at_most(*left, bytes);
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok((taken, true))
            }
            Self::Chunked(chunk) => {
                if let Chunk::Data { left } = chunk {
                    let taken = at_most(*left, bytes);
                    *left -= taken as u64;
                    if *left == 0 {
                        *chunk = Chunk::DataEnd { cr: false };
                    }
                    return Ok((taken, true));
                }
                let mut taken = 0;
                for byte in bytes {
                    taken += 1;
                    match chunk.step(*byte)? {
                        None => {
                            *self = Self::Done;
                            break;
                        }
                        Some(next) => *chunk = next,
                    }
                    if matches!(chunk, Chunk::Data { .. }) {
                        break;
                    }
                }
                Ok((taken, false))
            }
        }
    }
}

fn at_most(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

impl Chunk {
    const START: Self = Self::Size {
        value: 0,
        at: At::Start,
    };

    /// Where a byte of the framing leads to; `None`: the whole body has ended.
    fn step(&self, byte: u8) -> Result<Option<Self>, Malformed> {
        Ok(Some(match (self, byte) {
            (
                Self::Size {
                    value: 0,
                    at: At::End,
                },
                b'\n',
            ) => Self::Trailer {
                empty: true,
                cr: false,
            },
            (Self::Size { value, at: At::End }, b'\n') => Self::Data { left: *value },
            (Self::Size { value, at }, byte) => Self::Size {
                at: at.next(byte)?,
                value: match char::from(byte).to_digit(16) {
                    Some(digit) if matches!(at, At::Start | At::Digits) => value
                        .checked_mul(16)
                        .and_then(|value| value.checked_add(digit.into()))
                        .ok_or(Malformed)?,
                    _ => *value,
                },
            },
            (Self::DataEnd { cr: false }, b'\r') => Self::DataEnd { cr: true },
            (Self::DataEnd { cr: true }, b'\n') => Self::START,
            (Self::Trailer { empty, cr: false }, b'\r') => Self::Trailer {
                empty: *empty,
                cr: true,
            },
            (
                Self::Trailer {
                    empty: true,
                    cr: true,
                },
                b'\n',
            ) => return Ok(None),
            (Self::Trailer { cr: true, .. }, b'\n') => Self::Trailer {
                empty: true,
                cr: false,
            },
            (Self::Trailer { cr: false, .. }, byte) if byte != b'\n' => Self::Trailer {
                empty: false,
                cr: false,
            },
            _ => return Err(Malformed),
        }))
    }
}

impl At {
    fn next(self, byte: u8) -> Result<Self, Malformed> {
        Ok(match (self, byte) {
            (Self::Start | Self::Digits, byte) if byte.is_ascii_hexdigit() => Self::Digits,
            (Self::Digits | Self::Blank, b' ' | b'\t') => Self::Blank,
            (Self::Digits | Self::Blank, b';') => Self::Extension,
            (Self::Digits | Self::Blank | Self::Extension, b'\r') => Self::End,
            (Self::Extension, byte) if byte != b'\n' => Self::Extension,
            _ => return Err(Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNKED: &[u8] = b"4\r\nWiki\r\nA ;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";

    proptest! {
        #[test]
        fn a_chunked_body_ends_at_the_same_byte_however_it_is_cut(cuts in prop::collection::vec(1_usize..9, 1..60)) {
            let wire = [CHUNKED, b"GET / HTTP/1.1"].concat();
            let mut framing = Framing::chunked();
            let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
            while !framing.is_done() {
                let end = (at + cuts.next().unwrap()).min(wire.len());
                at += framing.advance(&wire[at..end]).unwrap();
            }
            prop_assert_eq!(at, CHUNKED.len());
        }

        #[test]
        fn no_bytes_make_it_panic(wire in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Framing::chunked().advance(&wire);
        }
    }

    #[test]
    fn data_is_told_from_framing() {
        let (mut framing, mut at, mut data) = (Framing::chunked(), 0, Vec::new());
        while !framing.is_done() {
            let (n, is_data) = framing.run(&CHUNKED[at..]).unwrap();
            assert!(n > 0);
            if is_data {
                data.extend_from_slice(&CHUNKED[at..at + n]);
            }
            at += n;
        }
        assert_eq!(data, b"Wiki0123456789");
    }

    #[test]
    fn what_parties_may_read_differently_is_malformed() {
        for wire in [
            &b"xyz\r\n"[..],
            b"fffffffffffffffff\r\n",
            b"\r\n",
            b"3\nabc\n0\n\n",
            b"3 4\r\n",
            b"3\rX",
            b"3\r\nabcd\r\n",
            b"3\r\nabc0\r\n\r\n",
            b"3;a\nb\r\n",
            b"0\r\nX: 1\n\n",
            b"0\r\n\rX",
            b"-1\r\n",
            b"0x3\r\n",
        ] {
            let text = String::from_utf8_lossy(wire);
            assert_eq!(Framing::chunked().advance(wire), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_length_counts_down() {
        let mut framing = Framing::Length(5);
        assert_eq!(framing.advance(b"abc"), Ok(3));
        assert_eq!(framing.advance(b"defg"), Ok(2));
        assert!(framing.is_done());
    }
}
