//! Writes the head of a request.

use std::io;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, Method};

use super::super::path;
use super::super::{Request, Target};

/// Puts the head of a request behind what is in the buffer.
pub(super) fn write(to: &mut Vec<u8>, target: &Target, request: &Request<'_>) {
    to.extend_from_slice(request.method.as_str().as_bytes());
    to.push(b' ');
    path::write(to, request.path);
    to.extend_from_slice(b" HTTP/1.1\r\n");
    let mut own = Own::all(target, request);
    for (name, value) in request.headers {
        own.leave(name);
        line(to, name.as_str(), value.as_bytes());
    }
    if own.host {
        line(to, "host", target.host.as_bytes());
    }
    if own.parent {
        line(to, "traceparent", &request.trace.parent_text());
    }
    if own.id {
        line(to, "x-request-id", &request.trace.id_text());
    }
    if own.length {
        // Memory takes all of it.
        let _ = io::Write::write_fmt(
            to,
            format_args!("content-length: {}\r\n", request.body.len()),
        );
    }
    if own.close {
        line(to, "connection", b"close");
    }
    to.extend_from_slice(b"\r\n");
}

fn line(to: &mut Vec<u8>, name: &str, value: &[u8]) {
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

/// Which headers the client adds itself.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the presence of one header"
)]
struct Own {
    host: bool,
    parent: bool,
    id: bool,
    length: bool,
    close: bool,
}

impl Own {
    fn all(target: &Target, request: &Request<'_>) -> Self {
        // These have a body by their nature, be it an empty one (RFC 9110, section 8.6).
        let bodied = [Method::POST, Method::PUT, Method::PATCH].contains(request.method);
        Self {
            host: true,
            parent: true,
            id: true,
            length: bodied || !request.body.is_empty(),
            close: !target.keep_alive,
        }
    }

    /// The request has this one of its own.
    fn leave(&mut self, name: &HeaderName) {
        match *name {
            HOST => self.host = false,
            CONTENT_LENGTH | TRANSFER_ENCODING => self.length = false,
            CONNECTION => self.close = false,
            _ => match name.as_str() {
                "traceparent" => self.parent = false,
                "x-request-id" => self.id = false,
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::super::super::{Address, Trace};
    use super::*;

    const TRACE: Trace = Trace {
        base: 10,
        call: 255,
    };

    fn written(
        method: &Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: &'static str,
    ) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let request = Request {
            method,
            path,
            headers,
            trace: TRACE,
            body: &body,
        };
        let target = Target::new(Address::Tcp(([127, 0, 0, 1], 8).into()), "127.0.0.1:8");
        let mut to = Vec::new();
        write(&mut to, &target, &request);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn what_a_request_does_not_say_the_client_adds() {
        let id = TRACE.id();
        assert_eq!(id, "000000000000000a00000000000000ff");
        let parent = TRACE.parent();
        assert_eq!(
            written(&Method::GET, "/a?b=1", &[], ""),
            format!(
                "GET /a?b=1 HTTP/1.1\r\nhost: 127.0.0.1:8\r\ntraceparent: {parent}\r\nx-request-id: {id}\r\n\r\n"
            )
        );
        assert!(written(&Method::POST, "/", &[], "").contains("\r\ncontent-length: 0\r\n"));
        assert!(written(&Method::PUT, "/", &[], "0123456789").contains("content-length: 10\r\n"));
    }

    #[test]
    fn what_a_request_says_itself_is_said_once() {
        let headers: Vec<_> = [
            ("host", "other"),
            ("traceparent", "mine"),
            ("x-request-id", "mine"),
            ("content-length", "2"),
        ]
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .into();
        assert_eq!(
            written(&Method::POST, "/", &headers, "ab"),
            "POST / HTTP/1.1\r\nhost: other\r\ntraceparent: mine\r\nx-request-id: mine\r\ncontent-length: 2\r\n\r\n"
        );
    }
}
