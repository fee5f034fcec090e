//! Finds the end of a message body in the bytes that pass, without changing them.

/// How a body ends, and how far into it we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It has ended.
    Done,
    /// So many bytes are still to come.
    Length(u64),
    /// It comes in chunks.
    Chunked(Chunk),
    /// It ends with the connection.
    UntilClose,
}

/// Where in a chunked body we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the line with the chunk's size.
    Size { value: u64, in_extension: bool },
    /// In its data, or the line end after them.
    Data { left: u64 },
    /// In the trailers after the last chunk; the bytes of the current line so far.
    Trailer { line: u64 },
}

/// The body breaks the rules of its framing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Framing {
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunk::Size {
            value: 0,
            in_extension: false,
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        *self == Self::Done
    }

    /// Takes note of bytes that come next and says how many of them belong to this body.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Self::Done => Ok(0),
            Self::UntilClose => Ok(bytes.len()),
            Self::Length(left) => {
                let taken = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(taken)
            }
            Self::Chunked(chunk) => {
                let mut taken = 0;
                while taken < bytes.len() {
                    let (n, ended) = chunk.step(&bytes[taken..])?;
                    taken += n;
                    if ended {
                        *self = Self::Done;
                        break;
                    }
                }
                Ok(taken)
            }
        }
    }
}

impl Chunk {
    /// One step through at least one byte; the flag says that the whole body has ended.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, bool), Malformed> {
        match self {
            Self::Data { left } => {
                let taken = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Self::Size {
                        value: 0,
                        in_extension: false,
                    };
                }
                Ok((taken, false))
            }
            Self::Size {
                value,
                in_extension,
            } => {
                match bytes[0] {
                    b'\n' if *value == 0 => *self = Self::Trailer { line: 0 },
                    // The data, and the line end after them.
                    b'\n' => {
                        *self = Self::Data {
                            left: value.checked_add(2).ok_or(Malformed)?,
                        }
                    }
                    b'\r' | b' ' | b'\t' => {}
                    b';' => *in_extension = true,
                    _ if *in_extension => {}
                    digit => {
                        let digit = char::from(digit).to_digit(16).ok_or(Malformed)?;
                        *value = value
                            .checked_mul(16)
                            .and_then(|v| v.checked_add(digit.into()))
                            .ok_or(Malformed)?;
                    }
                }
                Ok((1, false))
            }
            Self::Trailer { line } => {
                let mut ended = false;
                match bytes[0] {
                    b'\n' if *line == 0 => ended = true,
                    b'\n' => *line = 0,
                    b'\r' => {}
                    _ => *line += 1,
                }
                Ok((1, ended))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNKED: &[u8] = b"4\r\nWiki\r\nA;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";

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
    fn a_size_that_is_not_hexadecimal_is_malformed() {
        assert_eq!(Framing::chunked().advance(b"xyz\r\n"), Err(Malformed));
        assert_eq!(
            Framing::chunked().advance(b"fffffffffffffffff\r\n"),
            Err(Malformed)
        );
    }

    #[test]
    fn a_length_counts_down() {
        let mut framing = Framing::Length(5);
        assert_eq!(framing.advance(b"abc"), Ok(3));
        assert_eq!(framing.advance(b"defg"), Ok(2));
        assert!(framing.is_done());
    }
}
