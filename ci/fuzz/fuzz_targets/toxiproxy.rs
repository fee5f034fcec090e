//! The Toxiproxy API under any sequence of requests: each is answered in HTTP, none hangs or kills
//! the server.
#![no_main]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use shaketable_faults::toxiproxy::{Options, Server};
use tokio_util::sync::CancellationToken;

/// What can be asked for; the last one is whatever the input says.
const REQUESTS: [(&str, &str); 20] = [
    ("POST", "/proxies"),
    ("POST", "/populate"),
    ("POST", "/proxies/p"),
    ("PATCH", "/proxies/p"),
    ("POST", "/proxies/p/toxics"),
    ("POST", "/proxies/p/toxics"),
    ("POST", "/proxies/p/toxics"),
    ("POST", "/proxies/p/toxics/t"),
    ("PATCH", "/proxies/p/toxics/t"),
    ("POST", "/proxies/p/toxics/t/lease"),
    ("GET", "/proxies/p/toxics"),
    ("GET", "/proxies/p/toxics/t"),
    ("DELETE", "/proxies/p/toxics/t"),
    ("DELETE", "/proxies/p"),
    ("GET", "/proxies"),
    ("POST", "/reset"),
    ("GET", "/version"),
    ("HEAD", "/metrics"),
    ("OPTIONS", "/proxies/%70"),
    ("", ""),
];

/// The server, for all inputs; whatever they do to it, it goes on.
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
            let server = Server::bind(anywhere, Options::new(1)).await.unwrap();
            tell.send(server.address()).unwrap();
            server.serve(CancellationToken::new()).await;
        });
    });
    told.recv().unwrap()
});

/// The whole answer to a request.
fn ask(request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(*SERVER).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    // It may have enough before it has all.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let gone = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(gone, "no answer: {error}");
    }
    answer
}

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    for _ in 0..8 {
        let [which, len, tail @ ..] = rest else { break };
        let (sent, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let (method, path) = REQUESTS[usize::from(*which) % REQUESTS.len()];
        if method.is_empty() {
            ask(sent);
            continue;
        }
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        )
        .into_bytes();
        request.extend_from_slice(sent);
        let answer = ask(&request);
        assert!(answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    }
    // The next input finds an empty server.
    ask(b"DELETE /proxies/p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
});
