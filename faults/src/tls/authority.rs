//! The authority of a run, and what a proxy shows to callers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ClientHello;

use super::TlsError;

/// The protocol that proxies read (ALPN).
const HTTP_1_1: &[u8] = b"http/1.1";
/// How long what is made for a run is valid, before and after.
const VALID: (Duration, Duration) = (Duration::from_hours(24), Duration::from_hours(30 * 24));

/// An authority that was made for one run. Whoever believes its certificate believes every proxy of
/// this run, and nobody else: its key never leaves the process.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes one.
    pub fn new() -> Result<Self, TlsError> {
        let make = || {
            let mut params = valid_now(Vec::new())?;
            params
                .distinguished_name
                .push(DnType::CommonName, "Shaketable, for one run");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            CertifiedIssuer::self_signed(params, KeyPair::generate()?)
        };
        make().map(Self).map_err(cannot)
    }

    /// Its certificate, as a file of certificates has it (PEM).
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a proxy shows to callers that look for one of these names or IP addresses. The first is
    /// the one that it is called by.
    pub fn vouches_for(&self, names: &[String]) -> Result<FromCaller, TlsError> {
        let make = || -> Result<_, rcgen::Error> {
            let mut params = valid_now(names.to_vec())?;
            if let Some(name) = names.first() {
                let name = name.as_str();
                params.distinguished_name.push(DnType::CommonName, name);
            }
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let key = KeyPair::generate()?;
            Ok((params.signed_by(&key, &self.0)?, key))
        };
        let (certificate, key) = make().map_err(cannot)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let plain = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let chain = vec![certificate.der().clone()];
                config.with_no_client_auth().with_single_cert(chain, key)
            })
            .map_err(cannot)?;
        let mut http = plain.clone();
        http.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(FromCaller {
            plain: Arc::new(plain),
            http: Arc::new(http),
        })
    }
}

fn cannot(error: impl std::fmt::Display) -> TlsError {
    TlsError(format!("make a certificate: {error}"))
}

fn valid_now(names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = date_time_ymd(1970, 1, 1) + now;
    (params.not_before, params.not_after) = (now - VALID.0, now + VALID.1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}

/// How a proxy meets callers that speak TLS.
#[derive(Clone, Debug)]
pub struct FromCaller {
    plain: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
}

impl FromCaller {
    /// How it meets this one. Of the protocols that a caller offers (ALPN) it takes HTTP/1.1, which
    /// proxies can read; where that is not among them, the first, which then passes as bytes.
    pub(super) fn for_caller(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let Some(mut offered) = hello.alpn() else {
            return Arc::clone(&self.plain);
        };
        let first = offered.next().unwrap_or(HTTP_1_1);
        if first == HTTP_1_1 || offered.any(|protocol| protocol == HTTP_1_1) {
            return Arc::clone(&self.http);
        }
        let mut other = (*self.plain).clone();
        other.alpn_protocols = vec![first.to_vec()];
        Arc::new(other)
    }
}
