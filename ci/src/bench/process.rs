//! The processes that a bench starts, and their end: each in a group of its own, ended by its
//! number when it goes out of scope, on a signal, and by the kernel when the bench is killed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::error::{BenchError, Doing};
use super::proc;

/// How long a process may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a process may take to end when asked, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The groups that run now.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
/// Numbers the log files.
static LOGS: AtomicU32 = AtomicU32::new(0);

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    /// What it says, both streams.
    log: PathBuf,
}

impl Process {
    /// Starts it. Call this on the main thread only: a process ends with the thread that started
    /// it (`PR_SET_PDEATHSIG`), so that not even `kill -9` leaves any behind.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        dir: &Path,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Self, BenchError> {
        let failed = |why: std::io::Error| BenchError::Start {
            name: name.to_owned(),
            why: why.to_string(),
        };
        let number = LOGS.fetch_add(1, Ordering::Relaxed);
        let log = dir.join(format!("{number}-{name}.log").replace(' ', "-"));
        let out = File::create(&log).map_err(failed)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stderr(out.try_clone().map_err(failed)?)
            .stdout(out)
            .process_group(0);
        // Held over the start, so that a signal finds either no process or one that is noted.
        let mut running = running();
        let child = command.spawn().map_err(failed)?;
        let started = Self {
            name: name.to_owned(),
            child,
            log,
        };
        running.insert(started.group());
        Ok(started)
    }

    /// The number of its process group, which is that of its first process too.
    pub(crate) fn group(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Everything that it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until somebody listens there.
    pub(crate) fn ready(self, address: SocketAddr) -> Result<Self, BenchError> {
        self.until(&format!("nobody listens on {address}"), |_| {
            TcpStream::connect(address).is_ok()
        })
    }

    /// Waits until it has said this.
    pub(crate) fn says(self, words: &str) -> Result<Self, BenchError> {
        self.until(&format!("it did not say `{words}`"), |process| {
            process.said().contains(words)
        })
    }

    fn until(mut self, otherwise: &str, holds: impl Fn(&Self) -> bool) -> Result<Self, BenchError> {
        let deadline = Instant::now() + READY_WITHIN;
        while !holds(&self) {
            let ended = self.child.try_wait().doing("look after a process")?;
            if let Some(status) = ended {
                return Err(self.failed(&format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.failed(otherwise));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(self)
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<ExitStatus, BenchError> {
        let deadline = Instant::now() + at_most;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(self.failed(&format!("it did not end within {at_most:?}")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, BenchError> {
        self.child.try_wait().doing("look after a process")
    }

    /// Sends a signal to all of its group.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = killpg(Pid::from_raw(self.group()), signal);
    }

    /// It did not do what it should, and what it said last.
    pub(crate) fn failed(&self, why: &str) -> BenchError {
        let said = self.said();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        BenchError::Start {
            name: self.name.clone(),
            why: format!("{why}; it said: {}", last.join(" / ")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = self.group();
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + END_WITHIN;
        while proc::lives(group) && Instant::now() < deadline {
            let _ = self.child.try_wait();
            std::thread::sleep(LOOK_EVERY);
        }
        if proc::lives(group) {
            self.signal(Signal::SIGKILL);
        }
        let _ = self.child.wait();
        running().remove(&group);
    }
}

/// Processor time so far of this bench and of all that it started, in seconds.
pub(crate) fn own_cpu_seconds() -> Result<f64, BenchError> {
    let mut seconds = used_by(UsageWho::RUSAGE_SELF)? + ended_cpu_seconds()?;
    // Those that still run are in nobody's account yet.
    for group in running().iter() {
        seconds += proc::cpu_seconds(*group)?;
    }
    Ok(seconds)
}

/// Processor time of all that we started and that has ended, in seconds; exact to microseconds.
pub(crate) fn ended_cpu_seconds() -> Result<f64, BenchError> {
    used_by(UsageWho::RUSAGE_CHILDREN)
}

fn used_by(who: UsageWho) -> Result<f64, BenchError> {
    let usage = getrusage(who).doing("read processor time")?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times
        .iter()
        .map(|time| time.num_microseconds() as f64 / 1e6)
        .sum())
}

/// From now on a signal that asks us to end first ends what we started and removes `dir`.
pub(crate) fn end_on_signal(dir: PathBuf) -> Result<(), BenchError> {
    let doing = "wait for signals";
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .doing(doing)?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).doing(doing)?;
    let mut terminate = signal(SignalKind::terminate()).doing(doing)?;
    let mut hangup = signal(SignalKind::hangup()).doing(doing)?;
    drop(entered);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let signal = runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => Signal::SIGINT,
                    _ = terminate.recv() => Signal::SIGTERM,
                    _ = hangup.recv() => Signal::SIGHUP,
                }
            });
            // Never released: nothing starts any more.
            let running = running();
            end_all(&running, Signal::SIGTERM);
            let deadline = Instant::now() + END_WITHIN;
            while running.iter().any(|group| proc::lives(*group)) && Instant::now() < deadline {
                std::thread::sleep(LOOK_EVERY);
            }
            end_all(&running, Signal::SIGKILL);
            let _ = fs::remove_dir_all(&dir);
            #[expect(clippy::exit, reason = "the main thread is in the middle of anything")]
            std::process::exit(128 + signal as i32);
        })
        .doing(doing)?;
    Ok(())
}

fn end_all(groups: &BTreeSet<i32>, signal: Signal) {
    for group in groups {
        let _ = killpg(Pid::from_raw(*group), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_what_it_forked_end_with_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let args = ["-c", "sleep 600 & echo forked; wait"];
        let process = Process::start("a shell", dir.path(), Path::new("sh"), args).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !process.said().contains("forked") {
            assert!(Instant::now() < deadline, "it never forked");
            std::thread::sleep(LOOK_EVERY);
        }
        let group = process.group();
        assert!(proc::lives(group));
        drop(process);
        assert!(!proc::lives(group));
        assert!(!running().contains(&group));
    }

    #[test]
    fn what_it_said_last_explains_why_it_did_not_start() {
        let dir = tempfile::tempdir().unwrap();
        let args = ["-c", "echo no such option: -q; exit 3"];
        let process = Process::start("a shell", dir.path(), Path::new("sh"), args).unwrap();
        let error = process.ready(crate::bench::ports::free().unwrap());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no such option: -q"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }
}
