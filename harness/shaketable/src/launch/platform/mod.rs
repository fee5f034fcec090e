//! What only some systems can do. Linux keeps every promise; elsewhere the target's process group is all
//! that can be ended, and who owns a port, or what a process does, stays unknown.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod linux_diag;
#[cfg(target_os = "linux")]
mod linux_etc;
#[cfg(target_os = "linux")]
mod linux_ports;
#[cfg(target_os = "linux")]
mod linux_stat;
#[cfg(target_os = "linux")]
mod linux_watcher;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(super) use self::linux::{
    adopt_orphans, await_child, descendants, die_with_parent, own_program, with_mark,
};
#[cfg(target_os = "linux")]
pub(super) use self::linux_etc::lay_over_etc;
#[cfg(target_os = "linux")]
pub(super) use self::linux_ports::{
    PortLock, address_owner, ephemeral_ports, lock_address, lock_port, port_owner, who_listens,
};
#[cfg(target_os = "linux")]
pub(super) use self::linux_watcher::Watcher;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::{
    PortLock, Watcher, address_owner, adopt_orphans, await_child, descendants, die_with_parent,
    ephemeral_ports, lay_over_etc, lock_address, lock_port, own_program, port_owner, who_listens,
    with_mark,
};

use super::error::PortOwner;

/// Whose listening socket answers on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listener {
    /// It belongs to the tree that was asked about.
    Ours,
    /// It does not.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "cannot be known here")
    )]
    Foreign(Option<PortOwner>),
    /// The system does not say.
    Unknown,
}
