//! Ports for what we start: free now, and not among those that the kernel gives to outgoing
//! connections, which could take one before its process listens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::error::BenchError;

/// Below Linux's ephemeral ports, above what services commonly use.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address on loopback where nothing listens and that was not given before.
pub(crate) fn free() -> Result<SocketAddr, BenchError> {
    // Two benches at once should not try the same ports at the same moment.
    let offset = std::process::id() % u32::from(LAST - FIRST);
    for _ in FIRST..LAST {
        let nth = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) + offset;
        let port = u32::from(FIRST) + nth % u32::from(LAST - FIRST);
        let Ok(port) = u16::try_from(port) else {
            continue;
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(BenchError::Measure("no port is free".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let (one, other) = (free().unwrap(), free().unwrap());
        assert_ne!(one, other);
        assert!(one.ip().is_loopback());
        TcpListener::bind(one).unwrap();
    }
}
