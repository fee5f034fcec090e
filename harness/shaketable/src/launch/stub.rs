//! A service without a process: a stub, which we play ourselves on a port like any other's.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shaketable_faults::stub::{Spec, Stub, StubServer};

use super::error::LaunchError;
use super::port::{self, PortLease};

/// A stub that is up. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Played {
    server: StubServer,
    ready_after: Duration,
    /// Where the suite names the port.
    _lease: Option<PortLease>,
}

impl Played {
    /// The service's name in the suite.
    pub fn name(&self) -> &str {
        self.server.stub().name()
    }

    /// Where it listens, on loopback.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How long it took until it listened.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The stub itself: what it counts and keeps.
    pub fn stub(&self) -> &Stub {
        self.server.stub()
    }
}

/// Plays a stub from its beginning. It is ready when this returns.
pub fn play(
    service: &str,
    spec: &Arc<Spec>,
    seed: u64,
    port: Option<u16>,
) -> Result<Played, LaunchError> {
    let began = Instant::now();
    let in_use = |port, owner| LaunchError::PortInUse {
        service: service.to_owned(),
        port,
        owner,
        log_tail: Vec::new(),
    };
    let lease = match port {
        Some(port) => Some(port::fixed(port).map_err(|taken| in_use(port, taken.owner))?),
        // The kernel's choice is ours from the first moment: nobody can come between.
        None => None,
    };
    let stub = Stub::new(service, Arc::clone(spec), seed);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let server = StubServer::start(stub, address).map_err(|source| match port {
        Some(port) if source.kind() == io::ErrorKind::AddrInUse => in_use(port, None),
        _ => LaunchError::Stub {
            service: service.to_owned(),
            source,
        },
    })?;
    Ok(Played {
        server,
        ready_after: began.elapsed(),
        _lease: lease,
    })
}
