//! The processors that a thread may use, and how they are shared between what is measured and the
//! rest.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::error::{BenchError, Doing};

const THIS_THREAD: Pid = Pid::from_raw(0);

/// The processors of a thread: the last one, and all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// All that the thread may use.
    pub(crate) all: CpuSet,
    /// The last; none where there is but one, for then nothing can be shared.
    pub(crate) last: Option<CpuSet>,
    /// All but the last.
    pub(crate) rest: CpuSet,
}

impl Cores {
    /// Those of this thread.
    pub(crate) fn of_this_thread() -> Result<Self, BenchError> {
        let doing = "read which processors there are";
        let all = sched_getaffinity(THIS_THREAD).doing(doing)?;
        let usable: Vec<usize> = (0..CpuSet::count())
            .filter(|cpu| all.is_set(*cpu).unwrap_or(false))
            .collect();
        let (mut last, mut rest) = (None, all);
        if let [others @ .., own] = &usable[..]
            && !others.is_empty()
        {
            rest = CpuSet::new();
            for cpu in others {
                rest.set(*cpu).doing(doing)?;
            }
            let mut set = CpuSet::new();
            set.set(*own).doing(doing)?;
            last = Some(set);
        }
        Ok(Self { all, last, rest })
    }
}

/// Sends this thread, and what it starts from now on, to these processors.
pub(crate) fn go_to(cores: &CpuSet) -> Result<(), BenchError> {
    sched_setaffinity(THIS_THREAD, cores).doing("choose processors for a thread")
}

/// While it lives, this thread and what it starts leave the last processor alone, which belongs to
/// what is started [there](Apart::start). On a machine with one processor it changes nothing.
#[derive(Debug)]
pub(crate) struct Apart(Cores);

impl Apart {
    /// From now on.
    pub(crate) fn take() -> Result<Self, BenchError> {
        let cores = Cores::of_this_thread()?;
        go_to(&cores.rest)?;
        Ok(Self(cores))
    }

    /// Starts something that has the last processor for itself.
    pub(crate) fn start<T>(
        &self,
        start: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        go_to(self.0.last.as_ref().unwrap_or(&self.0.rest))?;
        let started = start();
        go_to(&self.0.rest)?;
        started
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = go_to(&self.0.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_apart_shares_no_processor_with_us() {
        let before = Cores::of_this_thread().unwrap().all;
        let apart = Apart::take().unwrap();
        let here = Cores::of_this_thread().unwrap().all;
        let there = apart.start(|| Ok(Cores::of_this_thread()?.all)).unwrap();
        assert_eq!(Cores::of_this_thread().unwrap().all, here);
        drop(apart);
        assert_eq!(Cores::of_this_thread().unwrap().all, before);
        let shared =
            (0..CpuSet::count()).any(|cpu| here.is_set(cpu).unwrap() && there.is_set(cpu).unwrap());
        let several = Cores::of_this_thread().unwrap().last.is_some();
        assert_eq!(shared, !several);
    }
}
