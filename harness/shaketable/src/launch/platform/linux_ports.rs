//! Linux: who has which port, from `/proc/net/tcp` and the file descriptors of processes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{self, IpAddr, Ipv4Addr};
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

/// Takes a port of 127.0.0.1. `AddrInUse` means that another harness has it.
pub(in crate::launch) fn lock_port(port: u16) -> io::Result<PortLock> {
    lock(&port.to_string())
}

/// Takes an address in the same way.
pub(in crate::launch) fn lock_address(address: net::SocketAddr) -> io::Result<PortLock> {
    if address.ip() == Ipv4Addr::LOCALHOST {
        lock_port(address.port())
    } else {
        lock(&address.to_string())
    }
}

fn lock(what: &str) -> io::Result<PortLock> {
    let name = SocketAddr::from_abstract_name(format!("shaketable-port-{what}"))?;
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

/// The process that listens on a port of 127.0.0.1, when it can be found.
pub(in crate::launch) fn port_owner(port: u16) -> Option<PortOwner> {
    address_owner((Ipv4Addr::LOCALHOST, port).into())
}

/// The process that listens at an address, alone or with every other.
pub(in crate::launch) fn address_owner(address: net::SocketAddr) -> Option<PortOwner> {
    owner_of(&listening_sockets(address)?)
}

/// Whether what listens on `port` of 127.0.0.1 belongs to `root` or a descendant.
pub(in crate::launch) fn who_listens(port: u16, root: i32) -> Listener {
    let Some(sockets) = listening_sockets((Ipv4Addr::LOCALHOST, port).into()) else {
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

/// The sockets that listen at an address, alone or with every other, as `/proc/PID/fd` names them.
fn listening_sockets(address: net::SocketAddr) -> Option<BTreeSet<String>> {
    let v4 = fs::read_to_string("/proc/net/tcp").ok()?;
    // A kernel without IPv6 has no such file.
    let v6 = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Some(
        v4.lines()
            .chain(v6.lines())
            .filter_map(|line| listening_socket(line, address))
            .collect(),
    )
}

fn listening_socket(line: &str, address: net::SocketAddr) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.rsplit_once(':')?;
    let everywhere = ip.bytes().all(|digit| digit == b'0');
    let mapped = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let here = everywhere || ip == hex(address.ip()) || ip == hex(mapped.into());
    let matches = here && u16::from_str_radix(port, 16) == Ok(address.port());
    (matches && *fields.get(3)? == LISTEN).then_some(())?;
    Some(format!("socket:[{}]", fields.get(9)?))
}

/// An address as `/proc/net/tcp` has it: words of 32 bits, each in the order of this machine.
fn hex(ip: IpAddr) -> String {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (words, _) = bytes.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_ne_bytes(*word));
    words.fold(String::new(), |hex, word| format!("{hex}{word:08X}"))
}

/// None when the process does not show its files, or has just ended.
pub(super) fn holds_any(pid: Pid, sockets: &BTreeSet<String>) -> Option<bool> {
    Some(links(pid)?.any(|link| sockets.contains(&link)))
}

/// What a process's open files are. None when it does not show them, or has just ended.
pub(super) fn links(pid: Pid) -> Option<impl Iterator<Item = String>> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let link = |file: fs::DirEntry| {
        fs::read_link(file.path())
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    };
    Some(files.flatten().filter_map(link))
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
    fn a_listener_is_found_by_its_address() -> io::Result<()> {
        let me = Some(nix::unistd::getpid().as_raw());
        let owner = |listener: &net::TcpListener, ip: &str| {
            let port = listener.local_addr().unwrap().port();
            let ip: IpAddr = ip.parse().unwrap();
            address_owner(net::SocketAddr::new(ip, port)).map(|owner| owner.pid)
        };
        let one = net::TcpListener::bind("127.0.0.5:0")?;
        assert_eq!(
            (owner(&one, "127.0.0.5"), owner(&one, "127.0.0.6")),
            (me, None)
        );
        let every = net::TcpListener::bind("0.0.0.0:0")?;
        assert_eq!(owner(&every, "127.0.0.6"), me);
        if let Ok(mapped) = net::TcpListener::bind("[::ffff:127.0.0.5]:0") {
            assert_eq!(owner(&mapped, "127.0.0.5"), me);
        }
        // A machine without IPv6 has none of this.
        if let Ok(v6) = net::TcpListener::bind("[::1]:0") {
            assert_eq!((owner(&v6, "::1"), owner(&v6, "127.0.0.1")), (me, None));
        }
        Ok(())
    }

    #[test]
    fn an_address_is_locked_once_and_that_of_services_is_the_same() -> io::Result<()> {
        let [own, localhost] = ["127.0.0.9:9", "127.0.0.1:8"].map(|text| text.parse().unwrap());
        let locks = [lock_address(own)?, lock_address(localhost)?];
        for taken in [lock_address(own), lock_port(8)] {
            assert_eq!(
                taken.err().map(|error| error.kind()),
                Some(io::ErrorKind::AddrInUse)
            );
        }
        drop(locks);
        lock_address(own)?;
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
