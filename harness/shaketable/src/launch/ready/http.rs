//! Ready when a `GET` is answered with 2xx. Only the status line is read, so a bare socket is enough.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::tcp::connect;
use super::{LOOK_MAX, POLL};

/// A status line that is longer is none.
const STATUS_LINE_BYTES_MAX: usize = 1024;

pub(super) async fn wait(address: SocketAddr, path: &str, seen: &mut String) {
    loop {
        match timeout(LOOK_MAX, status(address, path)).await {
            Ok(Ok(200..=299)) => return,
            Ok(Ok(status)) => *seen = format!("it answered {status}"),
            Ok(Err(error)) => *seen = error.to_string(),
            Err(_) => *seen = format!("it had not answered after {} s", LOOK_MAX.as_secs()),
        }
        sleep(POLL).await;
    }
}

async fn status(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = connect(address).await?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let request = format!(
        "GET {slash}{path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: shaketable\r\naccept: */*\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(STATUS_LINE_BYTES_MAX);
    while !head.contains(&b'\n') && head.len() < STATUS_LINE_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    parse(&head).ok_or_else(|| io::Error::other("it answered with something that is not HTTP"))
}

fn parse(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn status_lines() {
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\nx: y\r\n"), Some(204));
        assert_eq!(parse(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(parse(b""), None);
    }
}
