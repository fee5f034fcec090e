//! An address that the suite names for a proxy: held against other harnesses, and in words where it
//! is not to be had.

use std::fs;
use std::io;
use std::net::SocketAddr;

use super::error::PortOwner;
use super::platform::{self, PortLock};

/// From which port on everybody may listen.
const UNPRIVILEGED_FROM: &str = "net.ipv4.ip_unprivileged_port_start";

/// An address, held against other harnesses until dropped.
#[derive(Debug)]
pub struct AddressClaim {
    /// None where there are no locks.
    _lock: Option<PortLock>,
}

/// Takes an address. An error means that another harness has it.
pub fn claim_address(address: SocketAddr) -> io::Result<AddressClaim> {
    match platform::lock_address(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // Without a lock, trying to listen has to do.
        lock => Ok(AddressClaim { _lock: lock.ok() }),
    }
}

/// Why nobody can listen at an address, after the system said so, and what to do about it.
pub fn why_not(address: SocketAddr, error: &io::Error) -> String {
    let path = format!("/proc/sys/{}", UNPRIVILEGED_FROM.replace('.', "/"));
    let unprivileged_from = fs::read_to_string(path).ok();
    let unprivileged_from = unprivileged_from.as_deref().map(str::trim);
    words(
        address,
        error,
        platform::address_owner(address).as_ref(),
        unprivileged_from,
    )
}

fn words(
    address: SocketAddr,
    error: &io::Error,
    owner: Option<&PortOwner>,
    unprivileged_from: Option<&str>,
) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => match owner {
            Some(owner) => format!(
                "it is in use by process {} ({}); who listens at every address, as at 0.0.0.0, also \
                 takes this one",
                owner.pid, owner.name
            ),
            None => "it is in use".to_owned(),
        },
        io::ErrorKind::PermissionDenied => {
            let port = address.port();
            let from = unprivileged_from.unwrap_or("1024");
            format!(
                "port {port} is privileged here: `{UNPRIVILEGED_FROM}` is {from}; allow it with \
                 `sysctl {UNPRIVILEGED_FROM}={port}`, or run as root"
            )
        }
        io::ErrorKind::AddrNotAvailable if address.is_ipv6() => {
            "this machine has no IPv6 on loopback".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address; where loopback is 127.0.0.1 alone, add it, as with \
             `ifconfig lo0 alias {}`",
            address.ip()
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(address: &str, kind: io::ErrorKind, owner: Option<&PortOwner>, expected: &str) {
        let said = words(address.parse().unwrap(), &kind.into(), owner, Some("1024"));
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn each_reason_is_said_with_what_to_do() {
        use io::ErrorKind as Kind;
        let owner = PortOwner {
            pid: 7,
            name: "kafka".to_owned(),
        };
        let address = "127.0.0.5:80";
        says(
            address,
            Kind::AddrInUse,
            Some(&owner),
            "in use by process 7 (kafka)",
        );
        says(address, Kind::AddrInUse, None, "it is in use");
        says(
            address,
            Kind::PermissionDenied,
            None,
            "port 80 is privileged here: `net.ipv4.ip_unprivileged_port_start` is 1024; allow it with \
             `sysctl net.ipv4.ip_unprivileged_port_start=80`",
        );
        says(
            address,
            Kind::AddrNotAvailable,
            None,
            "ifconfig lo0 alias 127.0.0.5",
        );
        says("[::1]:80", Kind::AddrNotAvailable, None, "no IPv6");
    }

    #[test]
    fn a_listener_is_named() -> io::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.5:0")?;
        let address = listener.local_addr()?;
        let error = std::net::TcpListener::bind(address).err();
        let error = error.unwrap_or_else(|| io::Error::other("it is free"));
        let said = why_not(address, &error);
        assert!(said.starts_with("it is in use"), "{said}");
        if cfg!(target_os = "linux") {
            assert!(said.contains(&std::process::id().to_string()), "{said}");
        }
        Ok(())
    }
}
