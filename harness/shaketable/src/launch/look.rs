//! What the processes of services do, as far as the system shows it.

use std::net::SocketAddr;

use super::platform;
use crate::record::{ListenQueue, Nanos, Sockets};

/// Whose processes are looked at.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The keeper, over everything that the service has started.
    pub keeper: i32,
    /// Where the service listens.
    pub address: SocketAddr,
    /// Where it finds its callees: the proxies of its edges, which nobody else calls.
    pub proxies: Vec<SocketAddr>,
}

/// One process of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// That of the process over it.
    pub parent: i32,
    /// The program's name, as far as the system keeps it.
    pub name: String,
    /// When it was started, by the system's own count: with the id it tells processes apart.
    pub started: u64,
    /// How long ago that is.
    pub age: Nanos,
    /// Whether it was seen to hold a socket that listens for the service.
    pub listens: bool,
}

/// What one look at a service shows; all figures are of the whole tree, without its keeper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The processes that there are.
    pub processes: Vec<Process>,
    /// How many threads they have.
    pub threads: u32,
    /// How many open files they hold; nothing where one of them does not show it.
    pub fds: Option<u32>,
    /// The memory that they have in use, in bytes.
    pub rss: u64,
    /// The time that they have used of a processor, and those that have ended, too.
    pub cpu: Nanos,
    /// What waits to be accepted; nothing where the system does not tell.
    pub queue: Option<ListenQueue>,
}

/// Looks at the same services again and again.
#[derive(Debug)]
pub struct Watcher(platform::Watcher);

impl Watcher {
    /// Nothing where the system does not show what other processes do.
    pub fn new(subjects: Vec<Subject>) -> Option<Self> {
        platform::Watcher::new(subjects).map(Self)
    }

    /// One look at each service, in the order in which they were given.
    pub fn look(&mut self) -> Vec<Look> {
        self.0.look()
    }

    /// Counts the sockets of each service; nothing where the system does not tell. That costs about a
    /// microsecond for each TCP socket of this machine.
    pub fn sockets(&mut self) -> Option<Vec<Sockets>> {
        self.0.sockets()
    }

    /// Finds out which process holds the sockets that the last count could tell by no address, so that
    /// the next one counts them. That costs some microseconds for each open file of the services.
    /// False where there was nothing to find out.
    pub fn census(&mut self) -> bool {
        self.0.census()
    }
}
