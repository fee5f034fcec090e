//! TLS for the target: as a caller that believes what `SSL_CERT_FILE` says, and as a dependency.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use super::{listen, tell};

/// The name in the dependency's certificate.
const NAME: &str = "inventory.prod.internal";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A connection as a caller to this host.
pub(super) fn secured(stream: TcpStream, host: &str) -> io::Result<impl Read + Write> {
    let file = std::env::var("SSL_CERT_FILE").map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
        let root = root.map_err(io::Error::other)?;
        roots.add(root).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Makes a certificate that signs itself, `ca.pem`, and its key.
pub(super) fn certify(dir: &Path) -> io::Result<ExitCode> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
    fs::create_dir_all(dir)?;
    fs::write(dir.join("ca.pem"), made.cert.pem())?;
    fs::write(dir.join("key.der"), made.signing_key.serialize_der())?;
    Ok(ExitCode::SUCCESS)
}

/// Answers every request well, in TLS alone.
pub(super) fn serve(dir: &Path) -> io::Result<ExitCode> {
    let certificate =
        CertificateDer::from_pem_file(dir.join("ca.pem")).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(fs::read(dir.join("key.der"))?.into());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let chain = vec![certificate];
            config.with_no_client_auth().with_single_cert(chain, key)
        })
        .map_err(io::Error::other)?;
    let config = Arc::new(config);
    for stream in listen()?.incoming() {
        let config = Arc::clone(&config);
        let stream = stream?;
        // Whoever only looks whether somebody listens says nothing.
        std::thread::spawn(move || answered(config, stream));
    }
    Ok(ExitCode::SUCCESS)
}

fn answered(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut asked = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&piece[..read]);
        while let Some(end) = asked.windows(4).position(|w| w == b"\r\n\r\n") {
            asked.drain(..end + 4);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
            stream.flush()?;
            tell("answered in TLS")?;
        }
    }
}
