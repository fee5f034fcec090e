//! Linux: who has which port, from `/proc/net/tcp` and the file descriptors of processes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::unistd::Pid;

use super::linux::{all, tree_of};
use super::{Listener, PortOwner};

/// Holds a port against every other harness on this machine, until dropped.
#[derive(Debug)]
pub(in crate::launch) struct PortLock {
    /// Bound to a name that only one can have; the kernel frees it however its owner ends.
    _name: UnixDatagram,
}

/// Takes a port. `AddrInUse` means that another harness has it.
pub(in crate::launch) fn lock_port(port: u16) -> io::Result<PortLock> {
    let name = SocketAddr::from_abstract_name(format!("shaketable-port-{port}"))?;
    Ok(PortLock {
        _name: UnixDatagram::bind_addr(&name)?,
    })
}

/// The ports that the kernel gives to outgoing connections.
pub(in crate::launch) fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = text.split_whitespace().map(str::parse);
    Some(bounds.next()?.ok()?..=bounds.next()?.ok()?)
}

/// The process that listens on `port`, when it can be found.
pub(in crate::launch) fn port_owner(port: u16) -> Option<PortOwner> {
    owner_of(&listening_sockets(port)?)
}

/// Whether what listens on `port` belongs to `root` or a descendant.
pub(in crate::launch) fn who_listens(port: u16, root: i32) -> Listener {
    let Some(sockets) = listening_sockets(port) else {
        return Listener::Unknown;
    };
    if sockets.is_empty() {
        return Listener::Unknown;
    }
    let mut unreadable = false;
    for pid in tree_of(Pid::from_raw(root)) {
        match holds_any(pid, &sockets) {
            Some(true) => return Listener::Ours,
            Some(false) => {}
            None => unreadable = true,
        }
    }
    match owner_of(&sockets) {
        // A descendant that runs as somebody else does not show what it holds.
        None if unreadable => Listener::Unknown,
        owner => Listener::Foreign(owner),
    }
}

fn owner_of(sockets: &BTreeSet<String>) -> Option<PortOwner> {
    let pid = all().find(|pid| holds_any(*pid, sockets) == Some(true))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(PortOwner {
        pid: pid.as_raw(),
        name: name.trim_end().to_owned(),
    })
}

/// The sockets that listen on `port`, as `/proc/PID/fd` names them.
fn listening_sockets(port: u16) -> Option<BTreeSet<String>> {
    let v4 = fs::read_to_string("/proc/net/tcp").ok()?;
    // A kernel without IPv6 has no such file.
    let v6 = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Some(
        v4.lines()
            .chain(v6.lines())
            .filter_map(|line| listening_socket(line, port))
            .collect(),
    )
}

fn listening_socket(line: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let matches = u16::from_str_radix(local_port, 16) == Ok(port) && *fields.get(3)? == LISTEN;
    matches.then_some(())?;
    Some(format!("socket:[{}]", fields.get(9)?))
}

/// None when the process does not show its files, or has just ended.
fn holds_any(pid: Pid, sockets: &BTreeSet<String>) -> Option<bool> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let mut links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    Some(links.any(|link| link.to_str().is_some_and(|link| sockets.contains(link))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_our_own_is_found() -> io::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let me = nix::unistd::getpid().as_raw();
        assert_eq!(port_owner(port).map(|owner| owner.pid), Some(me));
        assert_eq!(who_listens(port, me), Listener::Ours);
        // The test's process is no descendant of a process that does not exist.
        assert!(matches!(
            who_listens(port, i32::MAX),
            Listener::Foreign(Some(_)) | Listener::Unknown
        ));
        Ok(())
    }

    #[test]
    fn a_port_is_locked_once() -> io::Result<()> {
        let port = 9;
        let lock = lock_port(port)?;
        let again = lock_port(port).map_err(|error| error.kind());
        assert_eq!(again.err(), Some(io::ErrorKind::AddrInUse));
        drop(lock);
        lock_port(port)?;
        Ok(())
    }
}
