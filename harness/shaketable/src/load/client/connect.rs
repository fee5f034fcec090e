//! From a target to a connection with it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::{TcpStream, UnixStream};

use super::resolve::Names;
use super::wire::Wire;
use super::{Address, Failure, Target};
use crate::record::Outcome;

/// A Unix socket whose backlog is full says so at once; it is asked again after so long.
const FULL: Duration = Duration::from_millis(1);

/// Opens connections with one target.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) target: Target,
    names: Rc<Names>,
    tls: Handshake,
}

impl Connector {
    pub(super) fn new(target: Target) -> Self {
        Self {
            tls: Handshake::new(&target),
            names: Rc::default(),
            target,
        }
    }

    /// A new connection.
    pub(super) async fn open(&self) -> Result<Wire, Failure> {
        let wire = match &self.target.address {
            Address::Tcp(address) => self.tcp(&[*address]).await?,
            Address::Host { name, port } => {
                let found = self.names.look_up(name, *port).await;
                let found = found.map_err(|why| {
                    let why = format!("look up the host `{name}`: {why}");
                    Failure::new(Outcome::Unresolved, &why)
                })?;
                self.tcp(&found).await?
            }
            Address::Unix(path) => unix(path).await?,
        };
        self.tls.make(wire).await
    }

    /// The first of the addresses that takes a connection.
    async fn tcp(&self, addresses: &[SocketAddr]) -> Result<Wire, Failure> {
        let mut failure = Failure::new(Outcome::Unresolved, "the host has no address");
        for address in addresses {
            if !self.target.remote && !address.ip().to_canonical().is_loopback() {
                let why = format!("{address} is beyond this machine, and nobody has allowed that");
                failure = Failure::new(Outcome::Refused, &why);
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // It fails where the other side is gone already, which the first read will tell.
                    let _ = stream.set_nodelay(true);
                    return Ok(Wire::Tcp(stream));
                }
                Err(error) => failure = unconnected(&address, &error),
            }
        }
        Err(failure)
    }
}

async fn unix(path: &Path) -> Result<Wire, Failure> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(Wire::Unix(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(FULL).await;
            }
            Err(error) => return Err(unconnected(&path.display(), &error)),
        }
    }
}

/// Why there is no connection: the other side's doing, or this machine's.
fn unconnected(with: &impl std::fmt::Display, error: &io::Error) -> Failure {
    let outcome = match error.raw_os_error().map(Errno::from_raw) {
        Some(
            Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EADDRNOTAVAIL
            | Errno::EADDRINUSE,
        ) => Outcome::Exhausted,
        Some(Errno::ETIMEDOUT) => Outcome::TimedOut,
        _ => Outcome::Refused,
    };
    Failure::new(outcome, &format!("connect to {with}: {error}"))
}

#[cfg(feature = "tls")]
mod tls {
    //! The handshake that a connection with TLS begins with.

    use std::io;
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;

    use super::super::wire::Wire;
    use super::super::{Failure, Target, Version};
    use crate::record::Outcome;

    /// How a connection becomes one with TLS, where the target speaks that.
    pub(in super::super) struct Handshake {
        version: Version,
        with: Option<(TlsConnector, ServerName<'static>)>,
    }

    impl std::fmt::Debug for Handshake {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Handshake").finish_non_exhaustive()
        }
    }

    impl Handshake {
        pub(super) fn new(target: &Target) -> Self {
            let with = target.tls.as_ref().map(|tls| {
                let (config, name) = tls.client(target.version.protocol());
                (TlsConnector::from(Arc::clone(&config)), name)
            });
            Self {
                version: target.version,
                with,
            }
        }

        pub(super) async fn make(&self, wire: Wire) -> Result<Wire, Failure> {
            let Some((connector, name)) = &self.with else {
                return Ok(wire);
            };
            let made = connector.connect(name.clone(), wire).await;
            let stream = made.map_err(|error| {
                let outcome = match error.kind() {
                    io::ErrorKind::InvalidData => Outcome::Malformed,
                    _ => Outcome::Broken,
                };
                Failure::new(outcome, &format!("agree upon TLS: {error}"))
            })?;
            let agreed = stream.get_ref().1.alpn_protocol();
            if self.version == Version::Http2 && agreed != Some(self.version.protocol()) {
                let why = "agree upon TLS: the target speaks no HTTP/2";
                return Err(Failure::new(Outcome::Malformed, why));
            }
            Ok(Wire::Tls(Box::new(stream)))
        }
    }
}

#[cfg(not(feature = "tls"))]
mod tls {
    //! The handshake that this build cannot make.

    use super::super::wire::Wire;
    use super::super::{Failure, Target};
    use crate::record::Outcome;

    /// Whether it would be asked for.
    #[derive(Debug)]
    pub(in super::super) struct Handshake(bool);

    impl Handshake {
        pub(super) fn new(target: &Target) -> Self {
            Self(target.tls.is_some())
        }

        pub(super) fn make(&self, wire: Wire) -> std::future::Ready<Result<Wire, Failure>> {
            let why = "speak TLS: this build is without it (the feature `tls`)";
            std::future::ready(if self.0 {
                Err(Failure::new(Outcome::Refused, why))
            } else {
                Ok(wire)
            })
        }
    }
}

use tls::Handshake;
