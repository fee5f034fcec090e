//! Linux: orphans come back to the keeper, targets die with it, and `/proc` names every descendant.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid, getppid};

use super::linux_stat::Stat;

/// Makes this process the new parent of every descendant that loses its own.
pub(in crate::launch) fn adopt_orphans() -> io::Result<()> {
    // A name of its own, so that killing every `shaketable` by name spares those who clean up after it.
    prctl::set_name(c"keeper")?;
    Ok(prctl::set_child_subreaper(true)?)
}

/// Has this process killed when `parent` ends.
pub(in crate::launch) fn die_with_parent(parent: i32) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() == parent {
        Ok(())
    } else {
        Err(io::Error::other("the keeper is gone"))
    }
}

/// Blocks until a child can be reaped, or there is none. Reaps nothing.
pub(in crate::launch) fn await_child() {
    while waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
}

/// The program that is running, even after its file was replaced.
#[expect(
    clippy::unnecessary_wraps,
    reason = "other systems have to look for it"
)]
pub(in crate::launch) fn own_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// Every living descendant of this process. The group is for systems that see no further.
pub(in crate::launch) fn descendants(_group: Option<Pid>) -> Vec<Pid> {
    let mut tree = tree_of(getpid());
    tree.retain(|pid| *pid != getpid());
    tree
}

/// `root` and all its living descendants, parents first.
pub(super) fn tree_of(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<Pid, Vec<Pid>> = BTreeMap::new();
    for pid in all() {
        if let Some(parent) = living_parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// All processes that this one can see.
pub(super) fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
}

/// The parent of a process that is not over: a zombie with threads left is only the first thread's end.
fn living_parent(pid: Pid) -> Option<Pid> {
    let stat = Stat::read(pid)?;
    (!stat.over).then_some(stat.parent)
}

/// Every process that has `mark` in the environment it was started with.
pub(in crate::launch) fn with_mark(mark: &str) -> Vec<Pid> {
    let has_mark = |pid: &Pid| {
        let env = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        env.split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    all().filter(has_mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_the_first_process_holds_this_one() {
        assert!(tree_of(getppid()).contains(&getpid()));
    }
}
