//! Where calls go, and how they get there.

use std::net::SocketAddr;
use std::path::PathBuf;

use shaketable_faults::tls::ToCallee;

/// Where calls go, and how they get there.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: Address,
    /// Whether that may be beyond this machine's loopback.
    pub remote: bool,
    /// What `Host` says where a request does not: `127.0.0.1:8080`.
    pub host: String,
    /// What is spoken.
    pub version: Version,
    /// Whom it is believed to be, where it speaks TLS.
    pub tls: Option<ToCallee>,
    /// Whether a connection carries several calls, one after the other. Those of HTTP/2 always do.
    pub keep_alive: bool,
    /// How many connections to it there may be; calls beyond that wait for one.
    pub connections: Option<usize>,
}

impl Target {
    /// One on this machine that speaks plain HTTP/1.1, over as many connections as it needs.
    pub fn new(address: Address, host: impl Into<String>) -> Self {
        Self {
            address,
            remote: false,
            host: host.into(),
            version: Version::Http1,
            tls: None,
            keep_alive: true,
            connections: None,
        }
    }
}

/// Where a target listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// At an address.
    Tcp(SocketAddr),
    /// At a port of a host whose name the system looks up.
    Host {
        /// The name.
        name: String,
        /// The port.
        port: u16,
    },
    /// At a Unix socket.
    Unix(PathBuf),
}

/// The HTTP that is spoken with a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: agreed upon within TLS (ALPN), without TLS by prior knowledge.
    Http2,
}

#[cfg(feature = "tls")]
impl Version {
    /// What it is called within TLS.
    pub(super) fn protocol(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}
