//! Whom a proxy believes that it is the callee.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::{StartTls, TlsError};

/// How a proxy meets a callee that speaks TLS.
#[derive(Clone, Debug)]
pub struct ToCallee {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    before: Option<StartTls>,
}

impl ToCallee {
    /// The same, for a callee that has to be asked for TLS in this way first.
    #[must_use]
    pub fn after(self, before: StartTls) -> Self {
        let before = Some(before);
        Self { before, ..self }
    }

    /// A callee with this name, or IP address, that one of the certificates in `roots` (PEM)
    /// vouches for, or whose own certificate is one of them.
    pub fn known(roots: &[u8], name: &str) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let certificates = certificates(roots)?;
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates.iter().cloned());
        let authorities = if store.is_empty() {
            None
        } else {
            let built =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider));
            Some(built.build().map_err(|error| TlsError(error.to_string()))?)
        };
        let known = Known {
            certificates,
            authorities,
            provider: Arc::clone(&provider),
        };
        Self::new(provider, Arc::new(known), name)
    }

    /// Whoever answers, with whatever certificate. The name is what it is asked for by (SNI).
    pub fn anyone(name: &str) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let anyone = Anyone(Arc::clone(&provider));
        Self::new(provider, Arc::new(anyone), name)
    }

    fn new(
        provider: Arc<CryptoProvider>,
        verifier: Arc<dyn ServerCertVerifier>,
        name: &str,
    ) -> Result<Self, TlsError> {
        let wrong = |_| {
            TlsError(format!(
                "`{name}` is neither a host's name nor an IP address"
            ))
        };
        let name = ServerName::try_from(name.to_owned()).map_err(wrong)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            name,
            before: None,
        })
    }

    /// What a client other than a proxy needs for a handshake with that callee: how, with one
    /// protocol to agree upon (ALPN), and the name that it asks for.
    pub fn client(&self, protocol: &[u8]) -> (Arc<ClientConfig>, ServerName<'static>) {
        (self.config(Some(protocol.to_vec())), self.name())
    }

    pub(super) fn config(&self, protocol: Option<Vec<u8>>) -> Arc<ClientConfig> {
        let Some(protocol) = protocol else {
            return Arc::clone(&self.config);
        };
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![protocol];
        Arc::new(config)
    }

    pub(super) fn before(&self) -> Option<StartTls> {
        self.before
    }

    pub(super) fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }
}

/// The certificates of a file (PEM).
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let wrong = |error| TlsError(format!("holds a certificate that cannot be read: {error}"));
    let certificates = read.map_err(wrong)?;
    if certificates.is_empty() {
        return Err(TlsError(
            "holds no certificate (a text between BEGIN CERTIFICATE and END CERTIFICATE)".into(),
        ));
    }
    Ok(certificates)
}

/// Believes what known authorities vouch for, and certificates that are known themselves. The
/// latter is how a service of a test lab is often set up: one certificate that signed itself.
#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

/// Believes everybody.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(authorities) = &self.authorities else {
            return Err(rustls::CertificateError::UnknownIssuer.into());
        };
        authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
