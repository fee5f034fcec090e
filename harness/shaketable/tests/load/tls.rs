//! Targets that speak TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use shaketable::load::client::{Target, Version};
use shaketable::record::Outcome;
use shaketable_faults::tls::ToCallee;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::http2::{Seen, serve};
use crate::stage::{Ask, Asking, OK, at};

/// A target with TLS that speaks the first of these protocols that the client does too; and its
/// certificate.
fn target(protocols: &[&str]) -> (SocketAddr, String, Arc<Seen>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["the.target".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let seen = Arc::<Seen>::default();
    let noted = Arc::clone(&seen);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(mut socket) = acceptor.accept(socket).await else {
                        return;
                    };
                    if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
                        return serve(socket, seen, 100, Duration::ZERO).await;
                    }
                    seen.connections.fetch_add(1, Ordering::Relaxed);
                    // Requests here are small enough to come at once.
                    while socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                        socket.write_all(OK).await.unwrap();
                    }
                });
            }
        });
    });
    (address, cert.pem(), seen)
}

fn with(address: SocketAddr, tls: ToCallee, version: Version) -> Target {
    Target {
        tls: Some(tls),
        version,
        ..at(address)
    }
}

#[test]
fn a_target_that_is_known_is_called_over_tls() {
    let (address, pem, seen) = target(&["http/1.1"]);
    let known = ToCallee::known(pem.as_bytes(), "the.target").unwrap();
    let asking = Asking::of(with(address, known, Version::Http1));
    for _ in 0..3 {
        assert_eq!(asking.get().unwrap().body, "ok");
    }
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn http2_is_agreed_upon_within_tls() {
    let (address, pem, seen) = target(&["h2", "http/1.1"]);
    let known = ToCallee::known(pem.as_bytes(), "the.target").unwrap();
    let asking = Asking::of(with(address, known.clone(), Version::Http2));
    let ended = asking.many(20, &Ask::default());
    assert!(ended.iter().all(|(came, _)| came.is_ok()), "{ended:?}");
    assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
    assert_eq!(seen.requests.load(Ordering::Relaxed), 20);

    // The same target for who speaks HTTP/1.1.
    assert_eq!(
        Asking::of(with(address, known, Version::Http1))
            .get()
            .unwrap()
            .body,
        "ok"
    );

    let (address, pem, _) = target(&[]);
    let known = ToCallee::known(pem.as_bytes(), "the.target").unwrap();
    let failure = Asking::of(with(address, known, Version::Http2))
        .get()
        .unwrap_err();
    assert!(failure.why.contains("no HTTP/2"), "{}", failure.why);
}

#[test]
fn whoever_is_not_known_is_not_called_unless_anyone_will_do() {
    let (address, _, seen) = target(&[]);
    let (_, other, _) = target(&[]);
    let stranger = ToCallee::known(other.as_bytes(), "the.target").unwrap();
    let failure = Asking::of(with(address, stranger, Version::Http1))
        .get()
        .unwrap_err();
    assert_eq!(failure.outcome, Outcome::Malformed, "{}", failure.why);
    assert!(failure.why.contains("TLS"), "{}", failure.why);
    assert_eq!(seen.requests.load(Ordering::Relaxed), 0);

    let anyone = ToCallee::anyone("the.target").unwrap();
    let answer = Asking::of(with(address, anyone, Version::Http1)).get();
    assert_eq!(answer.unwrap().body, "ok");
}

#[test]
fn what_speaks_no_tls_is_malformed() {
    let plain = crate::stage::target(|mut stream, _| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let anyone = ToCallee::anyone("the.target").unwrap();
    let failure = Asking::of(with(plain, anyone.clone(), Version::Http1))
        .get()
        .unwrap_err();
    assert_eq!(failure.outcome, Outcome::Malformed, "{}", failure.why);
}
