//! A raw client: what comes over the wire, and how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::PATIENCE;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In an orderly way (FIN).
    Fin,
    /// With a reset (RST).
    Rst,
}

/// Reads so many bytes.
pub(crate) async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut buffer))
        .await
        .expect("in time")
        .unwrap();
    buffer
}

/// Reads to the end, however it comes about.
pub(crate) async fn until_end(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut buffer = Vec::new();
    let reading = async {
        loop {
            match stream.read_buf(&mut buffer).await {
                Ok(0) => return End::Fin,
                Ok(_) => {}
                Err(_) => return End::Rst,
            }
        }
    };
    let end = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("in time");
    (buffer, end)
}

/// What comes within this time, when no end does.
pub(crate) async fn within(stream: &mut TcpStream, time: Duration) -> Vec<u8> {
    let mut buffer = Vec::new();
    let reading = async {
        loop {
            let read = stream.read_buf(&mut buffer).await;
            assert!(matches!(read, Ok(n) if n > 0), "it ended: {read:?}");
        }
    };
    let _ = tokio::time::timeout(time, reading).await;
    buffer
}

/// Sees to it that for so long nothing comes, and no end either.
pub(crate) async fn silent(stream: &mut TcpStream, time: Duration) {
    assert_eq!(within(stream, time).await, b"", "silence");
}

/// Asks once and gives the whole of an answer of this length.
pub(crate) async fn ask(stream: &mut TcpStream, request: &[u8], answer: usize) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    read(stream, answer).await
}

/// Asks once and gives what comes until the end.
pub(crate) async fn ask_to_end(stream: &mut TcpStream, request: &[u8]) -> (Vec<u8>, End) {
    stream.write_all(request).await.unwrap();
    until_end(stream).await
}

/// Connects, asks, and gives what comes to the end. A reset can be quicker than the connecting, and
/// than the asking.
pub(crate) async fn connect_and_ask(address: SocketAddr, request: &[u8]) -> (Vec<u8>, End) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return (Vec::new(), End::Rst);
    };
    match stream.write_all(request).await {
        Ok(()) => until_end(&mut stream).await,
        Err(_) => (Vec::new(), End::Rst),
    }
}

/// Reads an answer whose end is told by its `content-length`; gives head and body.
pub(crate) async fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Not a byte more than the head, and not a system call for each.
        let mut next = vec![0; 64 * 1024];
        let peeked = tokio::time::timeout(PATIENCE, stream.peek(&mut next));
        let n = peeked.await.expect("in time").unwrap();
        assert!(n > 0, "it ended within {head:?}");
        let before = head.len();
        head.extend_from_slice(&next[..n]);
        let from = before.saturating_sub(3);
        let end = head[from..].windows(4).position(|w| w == b"\r\n\r\n");
        head.truncate(end.map_or(head.len(), |at| from + at + 4));
        read(stream, head.len() - before).await;
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let body = read(stream, length).await;
    (head, body)
}

/// Makes the close of this client a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// What comes within a moment, whether it ends or not.
pub(crate) async fn within_or_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = Vec::new();
    let reading = async { while matches!(stream.read_buf(&mut buffer).await, Ok(n) if n > 0) {} };
    let _ = tokio::time::timeout(Duration::from_millis(20), reading).await;
    buffer
}
