//! Elsewhere: only the target's process group can be ended, and the owner of a port is unknown.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Listener, PortOwner};
use crate::launch::look::{Look, Subject};
use crate::record::Sockets;

/// There is no lock across harnesses here; the check that a port is free has to do.
#[derive(Debug)]
pub(in crate::launch) struct PortLock;

pub(in crate::launch) fn lock_port(_port: u16) -> io::Result<PortLock> {
    Ok(PortLock)
}

pub(in crate::launch) fn lock_address(_address: SocketAddr) -> io::Result<PortLock> {
    Ok(PortLock)
}

pub(in crate::launch) fn address_owner(_address: SocketAddr) -> Option<PortOwner> {
    None
}

pub(in crate::launch) fn lay_over_etc(_dir: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "only Linux lets a process have files of /etc of its own",
    ))
}

pub(in crate::launch) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

pub(in crate::launch) fn die_with_parent(_parent: i32) -> io::Result<()> {
    Ok(())
}

/// Nothing here waits without reaping, so the caller looks again after a moment.
pub(in crate::launch) fn await_child() {
    std::thread::sleep(Duration::from_millis(5));
}

pub(in crate::launch) fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Descendants cannot be listed. The group is ended as a whole, and named by its leader.
pub(in crate::launch) fn descendants(group: Option<Pid>) -> Vec<Pid> {
    if let Some(group) = group {
        // A group that is gone needs no signal.
        let _ = killpg(group, Signal::SIGKILL);
    }
    group.into_iter().collect()
}

pub(in crate::launch) fn with_mark(_mark: &str) -> Vec<Pid> {
    Vec::new()
}

pub(in crate::launch) fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    None
}

pub(in crate::launch) fn port_owner(_port: u16) -> Option<PortOwner> {
    None
}

pub(in crate::launch) fn who_listens(_port: u16, _root: i32) -> Listener {
    Listener::Unknown
}

/// Nobody can be made here: what processes do is not shown.
#[derive(Debug)]
pub(in crate::launch) enum Watcher {}

impl Watcher {
    pub(in crate::launch) fn new(_subjects: Vec<Subject>) -> Option<Self> {
        None
    }

    pub(in crate::launch) fn look(&mut self) -> Vec<Look> {
        match *self {}
    }

    pub(in crate::launch) fn census(&mut self) -> bool {
        match *self {}
    }

    pub(in crate::launch) fn sockets(&mut self) -> Option<Vec<Sockets>> {
        match *self {}
    }
}
