//! What a keeper keeps: the target and everything that it has started. Waits for it, ends it, reaps it.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::belongings::OwnDir;
use super::event::{Event, Exit};
use super::keeper::tell;
use super::platform;

/// How long a keeper goes on killing before it reports what it could not kill.
pub(super) const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Everything that the target has started, and the target.
pub(super) struct Tree {
    target: Pid,
    /// Removed when nobody is left who could use it.
    own_dir: Option<OwnDir>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    target_gone: bool,
    stopping: bool,
    killed: BTreeSet<Pid>,
}

impl Tree {
    pub(super) fn new(target: Pid, own_dir: Option<OwnDir>) -> Self {
        Self {
            target,
            own_dir,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reaps until the tree is gone; once the target is, whatever remains has no reason to live.
    pub(super) fn keep(&self) {
        loop {
            platform::await_child();
            let mut state = self.lock();
            if self.reap(&mut state) {
                return self.tell_swept(&state, 0);
            }
            // In an orderly stop the target's group shares its grace.
            let group_ends = state.stopping && killpg(self.target, None).is_ok();
            let finish = state.target_gone && !group_ends;
            drop(state);
            if finish {
                return self.sweep();
            }
        }
    }

    /// Takes note of every child that has ended; true when none is left.
    ///
    /// Children are only ever reaped here, under the lock, and signals are sent under the same lock: so
    /// none reaches a stranger that got a recycled pid.
    fn reap(&self, state: &mut State) -> bool {
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) => return false,
                Err(Errno::ECHILD) => return true,
                _ => continue,
            };
            if pid == self.target {
                state.target_gone = true;
                tell(&Event::Exited(exit));
            }
        }
    }

    /// Kills every descendant until none is left. No child left means no descendant left, because orphans
    /// come back to the keeper.
    fn sweep(&self) {
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            let mut state = self.lock();
            if self.reap(&mut state) {
                return self.tell_swept(&state, 0);
            }
            let group = (!state.target_gone).then_some(self.target);
            let alive = platform::descendants(group);
            if started.elapsed() > SWEEP_MAX {
                return self.tell_swept(
                    &state,
                    u32::try_from(alive.len()).unwrap_or(u32::MAX).max(1),
                );
            }
            for pid in alive {
                if kill(pid, Signal::SIGKILL).is_ok() {
                    state.killed.insert(pid);
                }
            }
            if let Some(group) = group {
                // All that can be done where descendants cannot be listed.
                let _ = killpg(group, Signal::SIGKILL);
            }
            drop(state);
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn tell_swept(&self, state: &State, left: u32) {
        if let Some(own_dir) = &self.own_dir {
            own_dir.remove();
        }
        let killed = u32::try_from(state.killed.len()).unwrap_or(u32::MAX);
        tell(&Event::Swept { killed, left });
    }

    /// The helper thread: hears the harness ask for a stop, and hears it die.
    pub(super) fn follow_lifeline(self: &Arc<Self>, orphan_grace: Duration) {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let Some(ms) = line.strip_prefix("stop ").and_then(|ms| ms.parse().ok()) else {
                continue;
            };
            let tree = Arc::clone(self);
            // This thread keeps listening, so that a harness that dies meanwhile is still noticed.
            std::thread::spawn(move || tree.end(Duration::from_millis(ms)));
        }
        self.end(orphan_grace);
    }

    /// Asks the target's group to end, gives it `grace`, then kills what is left of the tree and exits.
    fn end(&self, grace: Duration) {
        let mut state = self.lock();
        state.stopping = true;
        if !state.target_gone {
            // A target that is gone meanwhile needs no signal. A stopped one must run to hear it.
            let _ = killpg(self.target, Signal::SIGTERM);
            let _ = killpg(self.target, Signal::SIGCONT);
        }
        drop(state);
        std::thread::sleep(grace);
        self.sweep();
        std::process::exit(0);
    }
}
