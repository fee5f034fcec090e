//! A processor of its own for the thread that measures microseconds.

use nix::sched::sched_setaffinity;
use nix::unistd::Pid;

use crate::bench::cores::{Cores, go_to};
use crate::bench::error::BenchError;
use crate::bench::proc;
use crate::bench::process::Process;
use crate::bench::running::Running;

/// While it lives, the thread that took it has the last processor and a proxy all others. On a
/// machine with one processor it changes nothing.
#[derive(Debug)]
pub(crate) struct Lane(Cores);

impl Lane {
    /// Keeps this thread and that proxy apart. The proxy stays where it was put.
    pub(crate) fn take(proxy: &Running) -> Result<Self, BenchError> {
        let cores = Cores::of_this_thread()?;
        if let Some(own) = &cores.last {
            let group = proxy.process.as_ref().map(Process::group);
            for thread in group.map_or(Ok(Vec::new()), proc::threads)? {
                // One that has just ended needs no processor.
                let _ = sched_setaffinity(Pid::from_raw(thread), &cores.rest);
            }
            go_to(own)?;
        }
        Ok(Self(cores))
    }

    /// Sends the thread that asks to where the proxy is.
    pub(crate) fn leave(&self) -> Result<(), BenchError> {
        go_to(&self.0.rest)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = go_to(&self.0.all);
    }
}
