//! The one change to a request that a forward proxy must make: what was asked of the proxy by a whole
//! address is asked of the callee by a path, under the Host of that address (RFC 9112, sections 3.2.1
//! and 3.2.2). What was meant for the proxy alone stays behind. Every other byte is as it came.

use bytes::BytesMut;

/// Headers that are for the proxy.
const FOR_THE_PROXY: [&[u8]; 2] = [b"proxy-connection", b"proxy-authorization"];

/// The head of a request with another target and Host. `head` is the whole of it, with the blank line.
pub(super) fn rewritten(head: &[u8], before: &str, target: &str, host: &str) -> BytesMut {
    let mut new = BytesMut::with_capacity(head.len());
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    // Blank lines may come before a request.
    let mut line = lines.next().unwrap_or_default();
    while line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) && !line.is_empty() {
        new.extend_from_slice(line);
        line = lines.next().unwrap_or_default();
    }
    let at = line
        .windows(before.len())
        .position(|w| w == before.as_bytes());
    let at = at.unwrap_or(line.len());
    new.extend_from_slice(&line[..at]);
    new.extend_from_slice(target.as_bytes());
    new.extend_from_slice(line.get(at + before.len()..).unwrap_or_default());
    let request_line = new.len();
    let mut named = false;
    for line in lines {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if FOR_THE_PROXY
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            continue;
        }
        if name.eq_ignore_ascii_case(b"host") {
            named = true;
            if value(line) != host.as_bytes() {
                new.extend_from_slice(name);
                new.extend_from_slice(format!(": {host}\r\n").as_bytes());
                continue;
            }
        }
        new.extend_from_slice(line);
    }
    if !named {
        let rest = new.split_off(request_line);
        new.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        new.unsplit(rest);
    }
    new
}

fn value(line: &[u8]) -> &[u8] {
    let at = line.iter().position(|byte| *byte == b':');
    at.map_or(&[][..], |at| line[at + 1..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn new(head: &str) -> String {
        let new = rewritten(head.as_bytes(), "http://a.b:80/c", "/c", "a.b:80");
        String::from_utf8(new.to_vec()).unwrap()
    }

    #[test]
    fn nothing_but_target_and_what_is_the_proxys_changes() {
        let head = "GET http://a.b:80/c HTTP/1.1\r\nhOST:a.b:80 \r\nX-A:  1\r\nProxy-Connection: keep-alive\r\n\
            proxy-authorization: Basic eA==\r\nReferer: http://a.b:80/c\r\nConnection: close\r\n\r\n";
        assert_eq!(
            new(head),
            "GET /c HTTP/1.1\r\nhOST:a.b:80 \r\nX-A:  1\r\nReferer: http://a.b:80/c\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn the_host_is_the_one_of_the_address() {
        assert_eq!(
            new("GET http://a.b:80/c HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"),
            "GET /c HTTP/1.1\r\nHost: a.b:80\r\nA: b\r\n\r\n"
        );
        assert_eq!(
            new("GET http://a.b:80/c HTTP/1.0\r\n\r\n"),
            "GET /c HTTP/1.0\r\nHost: a.b:80\r\n\r\n"
        );
    }

    #[test]
    fn blank_lines_and_bare_line_feeds_stay() {
        assert_eq!(
            new("\r\n\nPOST http://a.b:80/c HTTP/1.1\nHost: a.b:80\n\n"),
            "\r\n\nPOST /c HTTP/1.1\nHost: a.b:80\n\n"
        );
    }

    proptest! {
        #[test]
        fn every_header_that_is_not_the_proxys_stays_where_it_is(
            headers in prop::collection::vec(("[A-Za-z-]{1,12}", "[ -~]{0,20}"), 0..8),
        ) {
            let own = |name: &str| name.to_lowercase().starts_with("proxy-") || name.eq_ignore_ascii_case("host");
            let headers: Vec<_> = headers.into_iter().filter(|(name, _)| !own(name)).collect();
            let lines = headers.iter().fold(String::new(), |lines, (name, value)| lines + &format!("{name}:{value}\r\n"));
            let asked = format!(
                "PUT http://a.b:80/c HTTP/1.1\r\nProxy-Authorization: x\r\nHost: a.b:80\r\n{lines}Proxy-Connection: y\r\n\r\n"
            );
            prop_assert_eq!(new(&asked), format!("PUT /c HTTP/1.1\r\nHost: a.b:80\r\n{lines}\r\n"));
        }
    }
}
