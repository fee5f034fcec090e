//! With no fault, every byte leaves as it came, in whatever pieces.

use proptest::prelude::*;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{End, ask, read, until_end};
use crate::stage::{ANYWHERE, GET, HELLO, Stage};

/// Odd but legal: header case and order, doubled headers, chunks with extensions, trailers.
const ODD_REQUEST: &[u8] = b"POST /a%20b?x=1 HTTP/1.1\r\nhOsT: x\r\nX-A: 1\r\nx-a:2  \r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n";
const ODD_ANSWER: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200  fine \r\nx-B: 2\r\nX-b: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: 1\r\n\r\n";

/// Sends both sides' bytes through a proxy in these pieces and gives what arrived.
async fn through(request: &[u8], answer: &'static [u8], cuts: Vec<usize>) -> (Vec<u8>, Vec<u8>) {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::before(listener.local_addr().unwrap(), Protocol::Auto).await;
    let mut client = stage.connect().await;
    let _ = client.set_nodelay(true);
    let expected = request.len();
    let callee = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let arrived = read(&mut stream, expected).await;
        stream.write_all(answer).await.unwrap();
        (arrived, stream)
    });
    let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
    while at < request.len() {
        let end = (at + cuts.next().unwrap()).min(request.len());
        client.write_all(&request[at..end]).await.unwrap();
        tokio::task::yield_now().await;
        at = end;
    }
    let back = read(&mut client, answer.len()).await;
    let (arrived, _stream) = callee.await.unwrap();
    (arrived, back)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn http_in_any_segmentation_leaves_as_it_came(cuts in prop::collection::vec(1_usize..40, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (arrived, back) = runtime.block_on(through(ODD_REQUEST, ODD_ANSWER, cuts));
        prop_assert_eq!(arrived, ODD_REQUEST);
        prop_assert_eq!(back, ODD_ANSWER);
    }

    #[test]
    fn bytes_that_are_not_http_leave_as_they_came(
        junk in prop::collection::vec(any::<u8>(), 1..300),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (arrived, back) = runtime.block_on(through(&junk, b"\x00\x01answer", cuts));
        prop_assert_eq!(arrived, junk);
        prop_assert_eq!(&back[..], b"\x00\x01answer");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut client = stage.connect().await;
    client.write_all(&GET.repeat(5)).await.unwrap();
    assert_eq!(read(&mut client, HELLO.len() * 5).await, HELLO.repeat(5));
    let seen = stage
        .seen(|seen| seen.exchanges.iter().filter(|e| e.end.is_some()).count() == 5)
        .await;
    assert_eq!(seen.connections.len(), 1);
}

#[tokio::test]
async fn a_half_closed_connection_still_gets_its_answer() {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::before(listener.local_addr().unwrap(), Protocol::Auto).await;
    let callee = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (asked, _) = until_end(&mut stream).await;
        stream.write_all(HELLO).await.unwrap();
        asked
    });
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(until_end(&mut client).await, (HELLO.to_vec(), End::Fin));
    assert_eq!(callee.await.unwrap(), GET);
}

#[tokio::test]
async fn an_upgraded_connection_passes_both_ways() {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::before(listener.local_addr().unwrap(), Protocol::Auto).await;
    let request = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream, request.len()).await;
        stream.write_all(answer).await.unwrap();
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    });
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, request, answer.len()).await, answer);
    assert_eq!(ask(&mut client, b"\x81\x00ping", 6).await, b"\x81\x00ping");
    assert_eq!(ask(&mut client, b"more", 4).await, b"more");
}

#[tokio::test]
async fn a_callee_that_resets_is_a_reset_for_the_caller() {
    let listener = TcpListener::bind(std::net::SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    let stage = Stage::before(listener.local_addr().unwrap(), Protocol::Auto).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream, GET.len()).await;
        // Bytes that nobody read make the close a reset.
        socket2::SockRef::from(&stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
    });
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    assert_eq!(until_end(&mut client).await.1, End::Rst);
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(seen.exchanges[0].ended, Ended::Callee);
}

#[tokio::test]
async fn dropping_the_plane_closes_everything() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    let address = stage.proxy.address();
    drop(stage.plane);
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
