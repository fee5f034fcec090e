//! The choice of a port that nobody else has.
//!
//! A free port comes from outside the range that the kernel gives to outgoing connections, so that neither a
//! passing connection nor a probe that connects to itself can take it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;

use super::error::PortOwner;
use super::platform::{self, PortLock};

/// Ports below this are often somebody's default.
const LOWEST: u16 = 10_000;
/// How many candidates are tried before the kernel is asked for any port.
const CANDIDATES_MAX: usize = 200;

/// A port, held against other harnesses until dropped.
#[derive(Debug)]
pub(super) struct PortLease {
    pub(super) port: u16,
    /// None where the kernel chose, or where there are no locks.
    _lock: Option<PortLock>,
}

/// Why a fixed port is not to be had.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) owner: Option<PortOwner>,
}

/// Takes the port that the suite names.
pub(super) fn fixed(port: u16) -> Result<PortLease, Taken> {
    let lock = match platform::lock_port(port) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Err(Taken {
                owner: platform::port_owner(port),
            });
        }
        // Without a lock the check has to do.
        lock => lock.ok(),
    };
    if is_free(port) {
        Ok(PortLease { port, _lock: lock })
    } else {
        Err(Taken {
            owner: platform::port_owner(port),
        })
    }
}

/// Takes a port that nobody has.
pub(super) fn free() -> io::Result<PortLease> {
    if let Some(candidates) = platform::ephemeral_ports().and_then(|range| outside(&range)) {
        for _ in 0..CANDIDATES_MAX {
            let port = candidates.pick(random());
            if let Ok(lock) = platform::lock_port(port)
                && is_free(port)
            {
                return Ok(PortLease {
                    port,
                    _lock: Some(lock),
                });
            }
        }
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    Ok(PortLease {
        port,
        _lock: platform::lock_port(port).ok(),
    })
}

/// Only "in use" counts: a port that is ours to ask for but not to bind is the target's affair.
fn is_free(port: u16) -> bool {
    !matches!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)), Err(error) if error.kind() == io::ErrorKind::AddrInUse)
}

/// The ports below and above the range of the kernel.
#[derive(Debug, PartialEq, Eq)]
struct Candidates {
    below: u16,
    above: u16,
    above_from: u16,
}

impl Candidates {
    fn pick(&self, random: u64) -> u16 {
        let index = random % (u64::from(self.below) + u64::from(self.above));
        let index = u16::try_from(index).unwrap_or_default();
        if index < self.below {
            LOWEST + index
        } else {
            self.above_from + (index - self.below)
        }
    }
}

/// None when the kernel's range leaves too few to choose from.
fn outside(range: &RangeInclusive<u16>) -> Option<Candidates> {
    let below = range.start().saturating_sub(LOWEST);
    let above = u16::MAX - range.end();
    let above_from = range.end().saturating_add(1).max(LOWEST);
    let above = above.min(u16::MAX - above_from + 1);
    (u32::from(below) + u32::from(above) >= 1_000).then_some(Candidates {
        below,
        above,
        above_from,
    })
}

/// The keys of a hasher are the randomness that the standard library has.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_free_port_is_free_and_differs_from_those_that_are_held() -> io::Result<()> {
        let first = free()?;
        let second = free()?;
        assert_ne!(first.port, second.port);
        TcpListener::bind((Ipv4Addr::LOCALHOST, first.port))?;
        Ok(())
    }

    #[test]
    fn a_fixed_port_in_use_names_its_owner() -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let taken = fixed(listener.local_addr()?.port());
        assert!(taken.is_err());
        if cfg!(target_os = "linux") {
            let owner = taken.err().and_then(|taken| taken.owner);
            assert_eq!(
                owner.map(|owner| owner.pid),
                i32::try_from(std::process::id()).ok()
            );
        }
        Ok(())
    }

    #[test]
    fn a_range_that_is_everything_leaves_nothing() {
        assert_eq!(outside(&(1_024..=65_535)), None);
    }

    proptest! {
        #[test]
        fn candidates_lie_outside(start in 1_u16..=60_000, length in 0_u16..=60_000, random: u64) {
            let range = start..=start.saturating_add(length);
            if let Some(candidates) = outside(&range) {
                let port = candidates.pick(random);
                prop_assert!(port >= LOWEST && !range.contains(&port));
            }
        }
    }
}
