//! Reads the heads of HTTP/1.1 messages without changing them: how long, what for, how the body
//! ends.

use std::mem::MaybeUninit;

use super::body::Framing;

/// The longest head that is read as HTTP, in bytes; a longer one passes a proxy as plain bytes.
pub const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;

/// Room for the headers of a message, which is not written to before there are any.
type Room<'b> = [MaybeUninit<httparse::Header<'b>>; HEADERS_MAX];

/// A request's head. Names and values stay in the buffer that it was read from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) len: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Framing,
    pub(crate) trace: Option<u128>,
    pub(crate) expects_continue: bool,
    pub(crate) close: bool,
    pub(crate) upgrade: bool,
}

/// A response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// How long it is, with the empty line at its end, in bytes.
    pub len: usize,
    /// The status.
    pub status: u16,
    /// How the body ends that comes behind it.
    pub body: Framing,
    /// Whether the connection ends with this message.
    pub close: bool,
}

/// These bytes are not HTTP/1.1, or not in a shape that all parties read alike; and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotHttp(pub &'static str);

const TOO_LONG: NotHttp = NotHttp("its head is longer than 64 KiB");

impl From<httparse::Error> for NotHttp {
    fn from(error: httparse::Error) -> Self {
        use httparse::Error;
        Self(match error {
            Error::HeaderName => "the name of a header is none",
            Error::HeaderValue => "the value of a header is none",
            Error::NewLine => "a line of its head ends otherwise than with CR and LF",
            Error::Status => "its status is none",
            Error::Token => "its first line is none",
            Error::TooManyHeaders => "it has more than 128 headers",
            Error::Version => "it does not begin with a version of HTTP/1",
        })
    }
}

/// What the framing headers of a message say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the presence of one header option"
)]
#[derive(Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    expects_continue: bool,
    trace: Option<u128>,
}

impl Said {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, NotHttp> {
        let mut said = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            // No other blanks: parties differ in what else they take for one.
            let value = || {
                std::str::from_utf8(header.value)
                    .map(|value| value.trim_matches([' ', '\t']))
                    .map_err(|_| NotHttp("the value of a header is no text"))
            };
            // Most headers are none of these, as their lengths tell.
            match header.name.len() {
                14 if is("content-length") => said.has_length(value()?)?,
                17 if is("transfer-encoding") => {
                    let last = value()?.rsplit(',').next().unwrap_or_default();
                    let last = last.trim_matches([' ', '\t']);
                    if said.chunked || !last.eq_ignore_ascii_case("chunked") {
                        return Err(NotHttp("its Transfer-Encoding does not end with `chunked`"));
                    }
                    said.chunked = true;
                }
                10 if is("connection") => {
                    for option in value()?.split(',').map(str::trim) {
                        said.close |= option.eq_ignore_ascii_case("close");
                        said.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                        said.upgrade |= option.eq_ignore_ascii_case("upgrade");
                    }
                }
                6 if is("expect") => {
                    said.expects_continue = value()?.eq_ignore_ascii_case("100-continue");
                }
                11 if is("traceparent") => said.trace = value().ok().and_then(trace_id),
                _ => {}
            }
        }
        if said.chunked && said.length.is_some() {
            return Err(NotHttp("it has a length and comes in chunks"));
        }
        Ok(said)
    }

    fn has_length(&mut self, digits: &str) -> Result<(), NotHttp> {
        const NO_LENGTH: NotHttp = NotHttp("its Content-Length is no number");
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NO_LENGTH);
        }
        let length = digits.parse().map_err(|_| NO_LENGTH)?;
        // Two lengths are read differently by different parties (request smuggling).
        match self.length.replace(length) {
            Some(before) if before != length => Err(NotHttp("it has two lengths")),
            _ => Ok(()),
        }
    }

    fn closes(&self, version: Option<u8>) -> bool {
        self.close || (version == Some(0) && !self.keep_alive)
    }
}

/// The trace id of `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context).
fn trace_id(value: &str) -> Option<u128> {
    let id = value.split('-').nth(1)?;
    (id.len() == 32)
        .then(|| u128::from_str_radix(id, 16).ok())
        .flatten()
}

/// Reads a request's head: `None` while it is not complete.
pub(crate) fn request(bytes: &[u8]) -> Result<Option<RequestHead>, NotHttp> {
    let mut room: Room<'_> = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(bytes, &mut room) {
        // It is too long however much of it comes at once.
        Ok(httparse::Status::Complete(len)) if len > HEAD_MAX => Err(TOO_LONG),
        Ok(httparse::Status::Complete(len)) => {
            let said = Said::of(head.headers)?;
            let method = head.method.unwrap_or_default();
            Ok(Some(RequestHead {
                len,
                method: method.to_owned(),
                target: head.path.unwrap_or_default().to_owned(),
                body: match said.length {
                    _ if said.chunked => Framing::chunked(),
                    None | Some(0) => Framing::Done,
                    Some(length) => Framing::Length(length),
                },
                trace: said.trace,
                expects_continue: said.expects_continue,
                close: said.closes(head.version),
                upgrade: said.upgrade || method == "CONNECT",
            }))
        }
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => Ok(None),
        Ok(httparse::Status::Partial) => Err(TOO_LONG),
        Err(error) => Err(error.into()),
    }
}

/// Reads the head of the response to a request with this method: `None` while incomplete.
///
/// # Errors
///
/// Where it is none, or not in a shape that all parties read alike.
pub fn response(bytes: &[u8], method: &str) -> Result<Option<ResponseHead>, NotHttp> {
    response_with(bytes, method, |_, _| ())
}

/// The same, and tells of each header's name and value once the head is complete.
///
/// # Errors
///
/// Where it is no response, or not in a shape that all parties read alike.
pub fn response_with(
    bytes: &[u8],
    method: &str,
    mut each: impl FnMut(&str, &[u8]),
) -> Result<Option<ResponseHead>, NotHttp> {
    let mut room: Room<'_> = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut head, bytes, &mut room) {
        Ok(httparse::Status::Complete(len)) if len > HEAD_MAX => Err(TOO_LONG),
        Ok(httparse::Status::Complete(len)) => {
            let said = Said::of(head.headers)?;
            for header in head.headers.iter() {
                each(header.name, header.value);
            }
            let status = head.code.unwrap_or_default();
            let bodiless = method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
            let body = match said.length {
                _ if bodiless => Framing::Done,
                _ if said.chunked => Framing::chunked(),
                Some(0) => Framing::Done,
                Some(length) => Framing::Length(length),
                None => Framing::UntilClose,
            };
            Ok(Some(ResponseHead {
                len,
                status,
                body,
                close: said.closes(head.version),
            }))
        }
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => Ok(None),
        Ok(httparse::Status::Partial) => Err(TOO_LONG),
        Err(error) => Err(error.into()),
    }
}

/// Whether a connection that begins with these bytes speaks HTTP/1: `None` while they could be
/// the beginning of a method.
pub(crate) fn looks_like_http(bytes: &[u8]) -> Option<bool> {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"PATCH ",
        b"OPTIONS ",
        b"TRACE ",
        b"CONNECT ",
    ];
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        return Some(true);
    }
    let could_become = METHODS.iter().any(|method| method.starts_with(bytes));
    if could_become { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_how_its_body_ends() {
        let head = request(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
            .unwrap()
            .unwrap();
        assert_eq!((head.len, head.body), (39, Framing::Length(3)));
        let head = request(b"POST /a HTTP/1.1\r\ntransfer-encoding: gzip, Chunked\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(head.body, Framing::chunked());
        assert_eq!(request(b"GET / HTTP/1.1\r\nHos"), Ok(None));
    }

    #[test]
    fn shapes_that_parties_read_differently_are_not_interpreted() {
        let with = |header: &str| format!("POST / HTTP/1.1\r\n{header}\r\n\r\n");
        for header in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: 3, 3",
            "Content-Length: +3",
            "Content-Length: -3",
            "Content-Length: 0x3",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "X-Folded: a\r\n b",
        ] {
            assert!(request(with(header).as_bytes()).is_err(), "{header:?}");
        }
        assert!(request(b"\x16\x03\x01\x02\x00\x01").is_err());
        let twice = with("Content-Length: 3\r\nContent-Length: 3");
        let head = request(twice.as_bytes()).unwrap().unwrap();
        assert_eq!(head.body, Framing::Length(3), "all read that alike");
    }

    #[test]
    fn a_head_is_too_long_or_not_however_it_comes() {
        let long = |filler: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(filler));
        let most = HEAD_MAX - long(0).len();
        let fits = long(most);
        assert_eq!(request(&fits.as_bytes()[..HEAD_MAX - 1]), Ok(None));
        assert!(request(fits.as_bytes()).is_ok_and(|head| head.is_some()));
        let longer = long(most + 1);
        assert_eq!(request(&longer.as_bytes()[..HEAD_MAX]), Err(TOO_LONG));
        assert_eq!(request(longer.as_bytes()), Err(TOO_LONG));
    }

    #[test]
    fn a_response_without_a_length_lasts_until_the_close() {
        let head = response(b"HTTP/1.0 200 OK\r\n\r\n", "GET")
            .unwrap()
            .unwrap();
        assert_eq!((head.body, head.close), (Framing::UntilClose, true));
        let head = response(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD")
            .unwrap()
            .unwrap();
        assert_eq!((head.body, head.close), (Framing::Done, false));
    }

    #[test]
    fn the_trace_id_is_read_off_the_standard_header() {
        let wire = b"GET / HTTP/1.1\r\nTraceparent: 00-0000000000000000000000000000002a-00000000000000aa-01\r\n\r\n";
        assert_eq!(request(wire).unwrap().unwrap().trace, Some(42));
    }

    #[test]
    fn the_first_bytes_tell_http_from_anything_else() {
        assert_eq!(looks_like_http(b"GE"), None);
        assert_eq!(looks_like_http(b"GET /"), Some(true));
        assert_eq!(looks_like_http(b"PRI * HTTP/2.0"), Some(false));
        assert_eq!(looks_like_http(b"*1\r\n$4\r\nPING"), Some(false));
    }
}
