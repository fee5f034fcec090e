//! A yardstick for the load engine: what hyper's client costs by itself. Each connection asks again as
//! soon as it was answered, on one thread; nothing is timed, recorded or paced. Each request has ids
//! of its own, in the same headers as ours, so that it is as many bytes and no table of headers (HPACK)
//! leaves it out.
//!
//! `raw_hyper ADDRESS SECONDS CONNECTIONS STREAMS http1|http2|CERTIFICATE` prints `measured ANSWERS
//! MICROSECONDS`; with a certificate (a PEM file) it speaks HTTP/1.1 over TLS to whoever has it.

use std::cell::Cell;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsConnector;

/// What all loops share.
struct Shared {
    asked: Cell<u64>,
    answers: Cell<u64>,
    over: Cell<bool>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, seconds, connections, streams, what] = &args[..] else {
        return Err(
            "usage: raw_hyper ADDRESS SECONDS CONNECTIONS STREAMS http1|http2|CERTIFICATE".into(),
        );
    };
    let address: SocketAddr = address.parse()?;
    let window = Duration::from_secs(seconds.parse()?);
    let (connections, streams): (u32, u32) = (connections.parse()?, streams.parse()?);
    let shared = Rc::new(Shared {
        asked: Cell::new(0),
        answers: Cell::new(0),
        over: Cell::new(false),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start = Instant::now();
    LocalSet::new().block_on(&runtime, async {
        let tls = match &what[..] {
            "http1" | "http2" => None,
            certificate => Some(trusting(certificate)?),
        };
        for _ in 0..connections {
            let tcp = connect(address).await?;
            match &tls {
                Some(tls) => {
                    let name = ServerName::from(address.ip());
                    http1(tls.connect(name, tcp).await?, address, &shared).await?;
                }
                None if what == "http2" => http2(tcp, address, streams, &shared).await?,
                None => http1(tcp, address, &shared).await?,
            }
        }
        tokio::time::sleep(window).await;
        shared.over.set(true);
        Ok::<(), Box<dyn Error>>(())
    })?;
    let micros = start.elapsed().as_micros();
    let answers = shared.answers.get();
    writeln!(std::io::stdout(), "measured {answers} {micros}")?;
    Ok(())
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// TLS with whoever has this certificate.
fn trusting(certificate: &str) -> Result<TlsConnector, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Shared {
    /// A request with ids that no other has.
    fn request(&self, uri: &Uri) -> Request<Empty<Bytes>> {
        let number = self.asked.replace(self.asked.get() + 1);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        let mut set = |name: &'static str, id: &[u8]| {
            if let Ok(mut value) = HeaderValue::from_bytes(id) {
                value.set_sensitive(true);
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        let mut parent = *b"00-0000000000000001................-................-01";
        parent[19..35].copy_from_slice(&hex(number));
        parent[36..52].copy_from_slice(&hex(number));
        set("traceparent", &parent);
        set("x-request-id", &parent[3..35]);
        request
    }
}

/// Sixteen hexadecimal digits.
fn hex(value: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(value.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

async fn http1(
    io: impl AsyncRead + AsyncWrite + Unpin + 'static,
    address: SocketAddr,
    shared: &Rc<Shared>,
) -> Result<(), Box<dyn Error>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    spawn_local(connection);
    let shared = Rc::clone(shared);
    let host: HeaderValue = address.to_string().parse()?;
    let uri = Uri::from_static("/stock/A1");
    spawn_local(async move {
        while !shared.over.get() && sender.ready().await.is_ok() {
            let mut asked = shared.request(&uri);
            asked.headers_mut().insert(HOST, host.clone());
            let answer = sender.send_request(asked).await;
            if !drain(answer).await {
                break;
            }
            shared.answers.set(shared.answers.get() + 1);
        }
    });
    Ok(())
}

async fn http2(
    tcp: TcpStream,
    address: SocketAddr,
    streams: u32,
    shared: &Rc<Shared>,
) -> Result<(), Box<dyn Error>> {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await?;
    spawn_local(connection);
    let uri: Uri = format!("http://{address}/stock/A1").parse()?;
    for _ in 0..streams {
        let (mut sender, shared, uri) = (sender.clone(), Rc::clone(shared), uri.clone());
        spawn_local(async move {
            while !shared.over.get() && sender.ready().await.is_ok() {
                let asked = shared.request(&uri);
                if !drain(sender.send_request(asked).await).await {
                    break;
                }
                shared.answers.set(shared.answers.get() + 1);
            }
        });
    }
    Ok(())
}

/// Takes an answer in to its end; whether that went well.
async fn drain(answer: hyper::Result<Response<Incoming>>) -> bool {
    let Ok(mut answer) = answer else {
        return false;
    };
    while let Some(frame) = answer.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    answer.status().is_success()
}
