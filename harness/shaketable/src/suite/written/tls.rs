//! TLS on an edge as it is written: which side speaks it, and whom the proxy believes.

use schemars::JsonSchema;
use serde::Deserialize;
use shaketable_faults::fault::{On, Short};
use shaketable_faults::tls::StartTls;

use super::exactly_one;
use super::text::{CertificateFile, ServerName};

/// Where TLS is spoken on an edge: by the caller, by the callee, or by both. What is inside is shaken
/// as on any edge.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(in crate::suite) struct Tls {
    /// The caller speaks TLS: the proxy shows a certificate for its `hosts`, its address and
    /// `localhost`, of an authority that is made for the experiment. `$SHAKETABLE_CA`, also in the
    /// caller's environment, is the file with that authority's certificate.
    pub(in crate::suite) from_caller: Option<On>,
    /// The callee speaks TLS: the file with the certificates that the proxy holds it against (PEM),
    /// or more of how the proxy knows it.
    pub(in crate::suite) to_callee: Option<Short<CertificateFile, ToCallee>>,
}

/// How the proxy knows a callee that speaks TLS.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one(&["ca", "insecure"])))]
pub(in crate::suite) struct ToCallee {
    /// The file with the certificates of authorities, or of the callee itself (PEM), relative to
    /// this file. One that `setup` makes need not be there before.
    pub(in crate::suite) ca: Option<CertificateFile>,
    /// Whoever answers is believed to be the callee, with whatever certificate.
    pub(in crate::suite) insecure: Option<On>,
    /// The name that the callee's certificate is for; the first host of the edge when left out, else
    /// `localhost`.
    pub(in crate::suite) name: Option<ServerName>,
    /// How the callee is asked for TLS where that does not begin with the first byte. (A caller of
    /// Postgres that asks is understood by itself.)
    pub(in crate::suite) starttls: Option<StartTls>,
}

impl From<CertificateFile> for ToCallee {
    fn from(ca: CertificateFile) -> Self {
        Self {
            ca: Some(ca),
            ..Self::default()
        }
    }
}
