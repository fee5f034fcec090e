//! TLS on either side of a proxy, so that what is inside it can be shaken.
//!
//! A caller that speaks TLS meets a certificate of an [`Authority`] that was made for the run; a
//! callee that speaks TLS is held against what [`ToCallee`] says. Between the two, bytes are plain,
//! and every fault does to them what it always does. Faults of the connection itself (a reset, a
//! freeze, a refusal) happen to the TCP beneath.
//!
//! | file | what it is for |
//! |---|---|
//! | `authority` | the authority of a run, and what a proxy shows to callers |
//! | `trust` | whom a proxy believes that it is the callee |
//! | `handshake` | from a plain socket to one with TLS |
//! | `meet` | the beginning of a caller's connection |
//! | `layer` | TLS between a socket and whoever reads and writes it |
//! | `half` | one direction of such a socket |
//! | `none` | the same names without any TLS, for a build without the feature `tls` |

#[cfg(feature = "tls")]
mod authority;
mod half;
#[cfg(feature = "tls")]
mod handshake;
#[cfg(feature = "tls")]
mod layer;
mod meet;
#[cfg(not(feature = "tls"))]
mod none;
#[cfg(feature = "tls")]
mod trust;

use std::sync::OnceLock;

pub(crate) use half::Half;
pub(crate) use meet::meet;

#[cfg(feature = "tls")]
pub use authority::{Authority, FromCaller};
#[cfg(feature = "tls")]
pub(crate) use layer::Layer;
#[cfg(not(feature = "tls"))]
pub(crate) use none::Layer;
#[cfg(not(feature = "tls"))]
pub use none::{Authority, FromCaller, ToCallee};
#[cfg(feature = "tls")]
pub use trust::ToCallee;

use crate::wire::Gone;

/// Whether this build has TLS; without, nothing of it can be made.
pub const BUILT_IN: bool = cfg!(feature = "tls");

/// What is spoken before a handshake, where TLS does not begin with the first byte.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StartTls {
    /// The `SSLRequest` of Postgres, which the server allows with an `S`.
    Postgres,
}

/// Why something of TLS cannot be made: a fragment that reads after "failed to".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub(crate) String);

/// What an edge speaks beneath its protocol, on either side.
#[derive(Debug, Default)]
pub(crate) struct Sides {
    pub(crate) from_caller: OnceLock<FromCaller>,
    pub(crate) to_callee: OnceLock<ToCallee>,
}

/// Why there is no TLS on a connection.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What happened, for a person.
    pub(crate) why: String,
    /// How the other side went away, where it did.
    pub(crate) gone: Option<Gone>,
}
