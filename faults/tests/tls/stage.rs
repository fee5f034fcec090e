//! A stage for the tests: callees with and without TLS, a proxy before them, clients with and
//! without TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::Value;
use shaketable_faults::observe::{Clock, Seen};
use shaketable_faults::plane::{Plane, Proxy, Settings};
use shaketable_faults::tls::{Authority, ToCallee};
use shaketable_faults::{Protocol, Rule, fault};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The host that callers ask for.
pub(crate) const HOST: &str = "inventory.prod.internal";
/// The name that is in the callee's certificate.
pub(crate) const CALLEE: &str = "db.internal";

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
pub(crate) const GET: &[u8] = b"GET /stock/A1 HTTP/1.1\r\nHost: x\r\n\r\n";

const ANYWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A proxy, and who vouches for it.
pub(crate) struct Stage {
    pub(crate) plane: Option<Plane>,
    pub(crate) proxy: Proxy,
    pub(crate) authority: Authority,
}

/// On which sides of the proxy TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) from_caller: bool,
    pub(crate) to_callee: bool,
}

pub(crate) const FROM_CALLER: Sides = Sides {
    from_caller: true,
    to_callee: false,
};
pub(crate) const TO_CALLEE: Sides = Sides {
    from_caller: false,
    to_callee: true,
};
pub(crate) const BOTH: Sides = Sides {
    from_caller: true,
    to_callee: true,
};

/// A stream, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
pub(crate) type Any = Box<dyn Stream>;

impl Stage {
    /// A proxy before a callee with the certificate of [`shown`].
    pub(crate) async fn new(callee: SocketAddr, protocol: Protocol, sides: Sides) -> Self {
        let trust = ToCallee::known(shown().0.as_bytes(), CALLEE).unwrap();
        Self::with(
            callee,
            protocol,
            sides.from_caller,
            sides.to_callee.then_some(trust),
        )
        .await
    }

    pub(crate) async fn with(
        callee: SocketAddr,
        protocol: Protocol,
        from_caller: bool,
        to_callee: Option<ToCallee>,
    ) -> Self {
        let plane = Plane::start(Settings::new(7), Clock::start()).unwrap();
        let proxy = plane
            .prepare("order -> inventory", protocol, SocketAddr::from(ANYWHERE))
            .unwrap();
        let authority = Authority::new().unwrap();
        if from_caller {
            let names = [HOST.to_owned(), "127.0.0.1".to_owned()];
            proxy.meet_callers(authority.vouches_for(&names).unwrap());
        }
        if let Some(to_callee) = to_callee {
            proxy.meet_callee(to_callee);
        }
        proxy.lead_to(callee);
        proxy.serve().await.unwrap();
        Self {
            plane: Some(plane),
            proxy,
            authority,
        }
    }

    pub(crate) async fn inject(&self, kind: &str, value: Value) -> u32 {
        let fault = (fault::find(kind).unwrap().build)(&value).unwrap();
        self.proxy.inject(Rule::new(kind, fault)).await.unwrap().0
    }

    /// A connection as a caller makes it that speaks what the proxy expects.
    pub(crate) async fn connect(&self, sides: Sides) -> Any {
        if sides.from_caller {
            Box::new(self.secure(HOST, &[]).await.unwrap())
        } else {
            Box::new(self.tcp().await)
        }
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.proxy.address()).await.unwrap()
    }

    /// A client that believes the run's authority, and offers these protocols.
    pub(crate) async fn secure(
        &self,
        host: &str,
        protocols: &[&str],
    ) -> std::io::Result<client::TlsStream<TcpStream>> {
        let mut config = client_config(self.authority.pem().as_bytes());
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, self.tcp().await)
            .await
    }

    /// Waits until what was seen is as wanted.
    pub(crate) async fn seen(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.proxy.seen();
        let reached = tokio::time::timeout(PATIENCE, async {
            while !wanted(&seen) {
                tokio::time::sleep(Duration::from_millis(2)).await;
                seen = self.proxy.seen();
            }
        });
        assert!(reached.await.is_ok(), "never seen: {:?}", self.proxy.seen());
        seen
    }

    /// Waits until there is a trouble, and gives the first.
    pub(crate) async fn trouble(&self) -> String {
        let noted = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(trouble) = self.proxy.troubles().into_iter().next() {
                    return trouble.what;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        noted.await.expect("a trouble")
    }
}

/// A client that believes these authorities.
pub(crate) fn client_config(roots: &[u8]) -> ClientConfig {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        store.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth()
}

/// A certificate that signed itself, and its key: what a service of a test lab often shows.
pub(crate) fn shown() -> &'static (String, Vec<u8>) {
    static SHOWN: std::sync::OnceLock<(String, Vec<u8>)> = std::sync::OnceLock::new();
    SHOWN.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed([CALLEE.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_der())
    })
}

/// A server that shows a certificate with this key.
pub(crate) fn server_config(pem: &str, key: &[u8]) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes());
    let key = PrivateKeyDer::Pkcs8(key.to_vec().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap()
}

/// Accepts one connection after the other, each with or without TLS, and hands them out.
pub(crate) struct Callee {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Callee {
    pub(crate) async fn new(tls: bool) -> Self {
        let config = tls.then(|| server_config(&shown().0, &shown().1));
        Self::with(config).await
    }

    pub(crate) async fn with(config: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(ANYWHERE)).await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            listener,
            tls: config.map(|config| TlsAcceptor::from(Arc::new(config))),
        }
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept());
        accepted.await.expect("a connection").unwrap().0
    }

    pub(crate) async fn secure(&self) -> std::io::Result<server::TlsStream<TcpStream>> {
        self.secured(self.tcp().await).await
    }

    pub(crate) async fn secured(
        &self,
        tcp: TcpStream,
    ) -> std::io::Result<server::TlsStream<TcpStream>> {
        self.tls.as_ref().unwrap().accept(tcp).await
    }

    pub(crate) async fn accept(&self) -> Any {
        if self.tls.is_some() {
            Box::new(self.secure().await.unwrap())
        } else {
            Box::new(self.tcp().await)
        }
    }

    /// Answers every request's head with the same bytes.
    pub(crate) fn answers(self, answer: &'static [u8]) {
        tokio::spawn(async move {
            loop {
                let mut stream = self.accept().await;
                tokio::spawn(async move {
                    let mut seen = Vec::new();
                    while matches!(stream.read_buf(&mut seen).await, Ok(1..)) {
                        while let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                            seen.drain(..end + 4);
                            stream.write_all(answer).await.unwrap();
                            stream.flush().await.unwrap();
                        }
                    }
                });
            }
        });
    }
}

/// Reads so many bytes.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut buffer))
        .await
        .expect("in time")
        .unwrap();
    buffer
}

/// Reads until the other side closes; `Err` when it resets.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut buffer))
        .await
        .expect("in time")?;
    Ok(buffer)
}

/// Asks once and gives the whole of an answer of this length.
pub(crate) async fn ask(stream: &mut Any, request: &[u8], answer: usize) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    read(stream, answer).await
}
