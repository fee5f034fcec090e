//! A processor of its own for the thread that measures microseconds.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::error::{BenchError, Doing};
use super::peers::Running;
use super::proc;

const THIS_THREAD: Pid = Pid::from_raw(0);

/// While it lives, the thread that took it has the last processor and a proxy all others. On a
/// machine with one processor it changes nothing.
#[derive(Debug)]
pub(crate) struct Lane {
    before: CpuSet,
    /// All processors but the one that is taken.
    rest: CpuSet,
}

impl Lane {
    /// Keeps this thread and that proxy apart. The proxy stays where it was put.
    pub(crate) fn take(proxy: &Running) -> Result<Self, BenchError> {
        let doing = "keep the measuring thread and the proxy apart";
        let before = sched_getaffinity(THIS_THREAD).doing(doing)?;
        let usable: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| before.is_set(*cpu).unwrap_or(false))
            .collect();
        let mut rest = before;
        if let [others @ .., last] = &usable[..]
            && !others.is_empty()
        {
            rest = CpuSet::new();
            for cpu in others {
                rest.set(*cpu).doing(doing)?;
            }
            let group = proxy.process.as_ref().map(super::process::Process::group);
            for thread in group.map_or(Ok(Vec::new()), proc::threads)? {
                // One that has just ended needs no processor.
                let _ = sched_setaffinity(Pid::from_raw(thread), &rest);
            }
            let mut own = CpuSet::new();
            own.set(*last).doing(doing)?;
            sched_setaffinity(THIS_THREAD, &own).doing(doing)?;
        }
        Ok(Self { before, rest })
    }

    /// Sends the thread that asks to where the proxy is.
    pub(crate) fn leave(&self) -> Result<(), BenchError> {
        sched_setaffinity(THIS_THREAD, &self.rest).doing("leave the measuring thread alone")
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = sched_setaffinity(THIS_THREAD, &self.before);
    }
}
