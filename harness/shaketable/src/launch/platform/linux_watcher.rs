//! Linux: looks at the processes of services and at their sockets, as cheaply as it can be had.
//!
//! What is expensive is done once. A process is asked whose child it is when it is seen first; and which
//! process holds a socket is looked up only for sockets that are of nobody's address.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::linux::all;
use super::linux_diag::{self as diag, Diag, Socket};
use super::linux_ports::{holds_any, links};
use super::linux_stat::Stat;
use crate::launch::look::{Look, Process, Subject};
use crate::record::{ListenQueue, Nanos, Sockets};

/// How many generations of a process that was not seen yet are followed up.
const FOREBEARS_MAX: usize = 64;
/// By what these are divided that do not say it: every system has that today.
const TICKS_A_SECOND: i64 = 100;
const PAGE: i64 = 4096;

/// Looks at the same services again and again.
#[derive(Debug)]
pub(in crate::launch) struct Watcher {
    trees: Vec<Tree>,
    /// The place among the trees of each process of this machine; nothing for a stranger's.
    owners: HashMap<Pid, Option<usize>>,
    /// Where the kernel tells of sockets.
    diag: Option<Diag>,
    /// The place of each socket that is known by the process that holds it, by inode.
    held: HashMap<u32, Option<usize>>,
    /// The sockets that the last count could not tell whose they are.
    unknown: Vec<u32>,
    tick: Nanos,
    page: u64,
}

/// A service and what is known of it.
#[derive(Debug)]
struct Tree {
    subject: Subject,
    processes: BTreeMap<Pid, Known>,
    /// The sockets that listen for it, as `/proc/PID/fd` names them.
    listening: BTreeSet<String>,
    /// How often these have changed.
    generation: u32,
    /// All of its processes at the last look, with those that nobody had reaped yet.
    pids: Vec<Pid>,
    /// What those had used of a processor, in ticks, that the keeper has reaped.
    reaped: u64,
    /// The most that it has used of a processor: what nobody reaps is counted no more.
    cpu: Nanos,
}

/// What is known of a process from earlier looks.
#[derive(Debug, Default)]
struct Known {
    started: u64,
    /// The generation of the listening sockets that it was held against.
    checked: Option<u32>,
    listens: bool,
}

impl Watcher {
    /// Watches these services. There is always somebody to ask here; what does not answer is left out.
    #[expect(clippy::unnecessary_wraps, reason = "other systems show nothing")]
    pub(in crate::launch) fn new(subjects: Vec<Subject>) -> Option<Self> {
        let tree = |subject| Tree {
            subject,
            processes: BTreeMap::new(),
            listening: BTreeSet::new(),
            generation: 0,
            pids: Vec::new(),
            reaped: 0,
            cpu: 0,
        };
        let system = |name, usual| {
            let value = sysconf(name).ok().flatten().unwrap_or(usual);
            u64::try_from(value).unwrap_or_default().max(1)
        };
        Some(Self {
            trees: subjects.into_iter().map(tree).collect(),
            owners: HashMap::new(),
            diag: Diag::open().ok(),
            held: HashMap::new(),
            unknown: Vec::new(),
            tick: 1_000_000_000 / system(SysconfVar::CLK_TCK, TICKS_A_SECOND),
            page: system(SysconfVar::PAGE_SIZE, PAGE),
        })
    }

    /// One look at each service, in order.
    pub(in crate::launch) fn look(&mut self) -> Vec<Look> {
        let queues = self.queues();
        let owned = self.owned();
        let now = since_boot();
        let trees = self.trees.iter_mut().zip(queues).zip(owned);
        trees
            .map(|((tree, queue), pids)| Look {
                queue,
                ..tree.look(&pids, now, self.tick, self.page)
            })
            .collect()
    }

    /// Finds the sockets that listen for each service, and what waits in front of them.
    fn queues(&mut self) -> Vec<Option<ListenQueue>> {
        let mut found = vec![(ListenQueue::default(), BTreeSet::new()); self.trees.len()];
        let trees = &self.trees;
        let told = self.diag.as_mut().map(|diag| {
            diag.each(diag::LISTENING, |socket| {
                let is_for = |tree: &Tree| {
                    let (own, at) = (tree.subject.address, socket.local);
                    own.port() == at.port() && (own.ip() == at.ip() || at.ip().is_unspecified())
                };
                let places = found.iter_mut().zip(trees);
                for ((queue, inodes), _) in places.filter(|(_, tree)| is_for(tree)) {
                    queue.sockets += 1;
                    queue.length += socket.receives;
                    queue.limit += socket.sends;
                    inodes.insert(format!("socket:[{}]", socket.inode));
                }
            })
        });
        if !matches!(told, Some(Ok(()))) {
            self.diag = None;
            return vec![None; self.trees.len()];
        }
        let note = |(tree, (queue, inodes)): (&mut Tree, (ListenQueue, BTreeSet<String>))| {
            if tree.listening != inodes {
                tree.listening = inodes;
                tree.generation += 1;
            }
            Some(queue)
        };
        self.trees.iter_mut().zip(found).map(note).collect()
    }

    /// The processes of each service, parents before those that they have started since.
    fn owned(&mut self) -> Vec<Vec<Pid>> {
        let mut owned = vec![Vec::new(); self.trees.len()];
        let alive: Vec<Pid> = all().collect();
        let there: HashSet<Pid> = alive.iter().copied().collect();
        // A number is given again only when all others have been.
        self.owners.retain(|pid, _| there.contains(pid));
        for (place, tree) in self.trees.iter_mut().enumerate() {
            tree.processes.retain(|pid, _| there.contains(pid));
            let keeper = Pid::from_raw(tree.subject.keeper);
            self.owners.insert(keeper, Some(place));
        }
        for pid in alive {
            if let Some(place) = self.owner(pid) {
                let is_keeper = self.trees[place].subject.keeper == pid.as_raw();
                if !is_keeper {
                    owned[place].push(pid);
                }
            }
        }
        owned
    }

    /// Whose process this is; its forebears are asked until one is known.
    fn owner(&mut self, pid: Pid) -> Option<usize> {
        let mut line = Vec::new();
        let mut next = pid;
        let owner = loop {
            if let Some(owner) = self.owners.get(&next) {
                break *owner;
            }
            if next.as_raw() <= 1 || line.len() > FOREBEARS_MAX {
                break None;
            }
            // Who has ended meanwhile leaves its children to another: the next look will tell.
            let parent = Stat::read(next)?.parent;
            line.push(next);
            next = parent;
        };
        self.owners.extend(line.into_iter().map(|pid| (pid, owner)));
        owner
    }

    /// Counts the sockets of each service; nothing where the system does not tell.
    pub(in crate::launch) fn sockets(&mut self) -> Option<Vec<Sockets>> {
        let mut counts = vec![Sockets::default(); self.trees.len()];
        let ends = Ends::of(&self.trees);
        let mut unknown = Vec::new();
        let mut held = HashMap::new();
        let told = self
            .diag
            .as_mut()?
            .each(diag::EVERY_STATE, |socket| match ends.whose(socket) {
                Whose::Service(place) => count(&mut counts[place], socket.state),
                Whose::Counterpart => {}
                Whose::Unknown if socket.inode == 0 => {}
                Whose::Unknown => match self.held.get(&socket.inode) {
                    Some(owner) => {
                        held.insert(socket.inode, *owner);
                        if let Some(place) = owner {
                            count(&mut counts[*place], socket.state);
                        }
                    }
                    None => unknown.push(socket.inode),
                },
            });
        if told.is_err() {
            self.diag = None;
            return None;
        }
        self.held = held;
        self.unknown = unknown;
        Some(counts)
    }

    /// Finds out who holds the sockets of which the last count did not know it; the next one will.
    /// False when there were none, and it cost nothing.
    pub(in crate::launch) fn census(&mut self) -> bool {
        let unknown = std::mem::take(&mut self.unknown);
        if unknown.is_empty() {
            return false;
        }
        let holders = self.holders();
        let owner = |inode: u32| (inode, holders.get(&inode).copied());
        self.held.extend(unknown.into_iter().map(owner));
        true
    }

    /// Which service holds which socket.
    fn holders(&self) -> HashMap<u32, usize> {
        let mut holders = HashMap::new();
        for (place, tree) in self.trees.iter().enumerate() {
            for pid in tree.processes.keys() {
                let inode = |link: String| -> Option<u32> {
                    let number = link.strip_prefix("socket:[")?.strip_suffix(']')?;
                    number.parse().ok()
                };
                let inodes = links(*pid).into_iter().flatten().filter_map(inode);
                holders.extend(inodes.map(|inode| (inode, place)));
            }
        }
        holders
    }
}

impl Tree {
    fn look(&mut self, pids: &[Pid], now: Nanos, tick: Nanos, page: u64) -> Look {
        let mut look = Look {
            fds: Some(0),
            ..Look::default()
        };
        // What has ended is on the account of whoever has reaped it, which may be the keeper.
        if self.pids != pids {
            let keeper = Stat::read(Pid::from_raw(self.subject.keeper));
            self.reaped = keeper.map_or(self.reaped, |stat| stat.ticks_of_children);
            self.pids = pids.to_vec();
        }
        let mut ticks = self.reaped;
        let mut alive = BTreeMap::new();
        for &pid in pids {
            let Some(stat) = Stat::read(pid) else {
                continue;
            };
            ticks += stat.ticks + stat.ticks_of_children;
            if stat.over {
                continue;
            }
            look.threads += stat.threads;
            look.rss += stat.pages * page;
            look.fds = look.fds.zip(open_files(pid)).map(|(sum, more)| sum + more);
            let mut known = self.processes.remove(&pid).unwrap_or_default();
            let met = known.started == stat.started;
            if !met {
                known = Known {
                    started: stat.started,
                    ..Known::default()
                };
            }
            // At second sight: what was just forked holds all that its parent does, until it becomes
            // another program.
            if met && !known.listens && known.checked != Some(self.generation) {
                known.checked = Some(self.generation);
                known.listens = holds_any(pid, &self.listening) == Some(true);
            }
            look.processes.push(Process {
                pid: pid.as_raw(),
                parent: stat.parent.as_raw(),
                name: stat.name,
                started: stat.started,
                age: now.saturating_sub(stat.started * tick),
                listens: known.listens,
            });
            alive.insert(pid, known);
        }
        self.processes = alive;
        self.cpu = self.cpu.max(ticks * tick);
        look.cpu = self.cpu;
        look
    }
}

/// Which addresses are whose.
struct Ends {
    /// Where a service listens.
    own: Vec<(SocketAddr, usize)>,
    /// Where only one service calls.
    called: Vec<(SocketAddr, usize)>,
}

/// Whose a socket is.
enum Whose {
    Service(usize),
    /// The other end of a service's socket: the load's or a proxy's.
    Counterpart,
    Unknown,
}

impl Ends {
    fn of(trees: &[Tree]) -> Self {
        let subjects = || trees.iter().map(|tree| &tree.subject).zip(0..);
        Self {
            own: subjects()
                .map(|(subject, place)| (subject.address, place))
                .collect(),
            called: subjects()
                .flat_map(|(subject, place)| subject.proxies.iter().map(move |at| (*at, place)))
                .collect(),
        }
    }

    fn whose(&self, socket: &Socket) -> Whose {
        let place = |ends: &[(SocketAddr, usize)], end: SocketAddr| {
            let found = ends.iter().find(|(address, _)| *address == end);
            found.map(|(_, place)| *place)
        };
        let service = place(&self.own, socket.local);
        if let Some(place) = service.or_else(|| place(&self.called, socket.remote)) {
            return Whose::Service(place);
        }
        let counterpart = place(&self.own, socket.remote);
        match counterpart.or_else(|| place(&self.called, socket.local)) {
            Some(_) => Whose::Counterpart,
            None => Whose::Unknown,
        }
    }
}

fn count(sockets: &mut Sockets, state: u8) {
    let count = match state {
        diag::ESTABLISHED => &mut sockets.established,
        diag::CLOSE_WAIT => &mut sockets.close_wait,
        diag::TIME_WAIT => &mut sockets.time_wait,
        diag::SYN_SENT => &mut sockets.syn_sent,
        diag::LISTEN => &mut sockets.listen,
        _ => &mut sockets.other,
    };
    *count += 1;
}

/// How many files a process has open. Since Linux 6.2 that is the size of a directory; before, its
/// entries have to be counted.
fn open_files(pid: Pid) -> Option<u32> {
    let dir = format!("/proc/{pid}/fd");
    let size = fs::metadata(&dir).ok()?.len();
    if size > 0 {
        return u32::try_from(size).ok();
    }
    let counted = fs::read_dir(&dir).ok()?.count();
    u32::try_from(counted).ok()
}

/// How long the system has been up, by the clock that counts when processes were started.
fn since_boot() -> Nanos {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    now.map_or(0, |now| {
        Nanos::try_from(now.as_nanos()).unwrap_or(Nanos::MAX)
    })
}
