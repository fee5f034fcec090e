//! Notices when the machine does not let somebody run who has something to do: the harness itself,
//! by a thread that sleeps and looks how much too late it wakes up (the idea of Gil Tene's
//! jHiccup), and the targets, by the time that the kernel says they waited for a processor.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use shaketable_faults::observe::{Clock, Nanos};

use super::waits;
use crate::record::Hiccup;

/// How long the hiccup meter sleeps.
const SLEEP: Nanos = 2_000_000;
/// The lateness that is worth a record.
const LATE_MIN: Nanos = 5_000_000;
/// How often the targets are looked at.
const LOOK: Nanos = 50_000_000;
/// The wait for a processor, of one thread in one look, that is worth a record.
const WAIT_MIN: Nanos = 20_000_000;
/// The most stalls that are kept.
const STALLS_MAX: usize = 1_000_000;

/// A thread that wakes up again and again. Dropping it ends it.
#[derive(Debug)]
struct Watch {
    seen: Arc<Mutex<Vec<Hiccup>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Every `pause`, `look` is told when it should have woken up and when it did; what it gives
    /// is kept.
    fn start(
        name: &str,
        clock: Clock,
        pause: Nanos,
        mut look: impl FnMut(Nanos, Nanos) -> Option<Hiccup> + Send + 'static,
    ) -> std::io::Result<Self> {
        let seen: Arc<Mutex<Vec<Hiccup>>> = Arc::default();
        let end = Arc::new(AtomicBool::new(false));
        let (record, ended) = (Arc::clone(&seen), Arc::clone(&end));
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let due = clock.now() + pause;
                    std::thread::sleep(Duration::from_nanos(pause));
                    if let Some(stall) = look(due, clock.now()) {
                        let mut seen = record.lock().unwrap_or_else(PoisonError::into_inner);
                        if seen.len() < STALLS_MAX {
                            seen.push(stall);
                        }
                    }
                }
            })?;
        Ok(Self {
            seen,
            end,
            thread: Some(thread),
        })
    }

    fn seen(&self) -> Vec<Hiccup> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Notices when the harness does not get to run.
#[derive(Debug)]
pub(super) struct HiccupMeter(Watch);

impl HiccupMeter {
    /// Starts to watch.
    pub(super) fn start(clock: Clock) -> std::io::Result<Self> {
        let look = |due: Nanos, now: Nanos| {
            let late = now.saturating_sub(due);
            (late >= LATE_MIN).then_some(Hiccup { at: due, late })
        };
        Watch::start("hiccups", clock, SLEEP, look).map(Self)
    }

    /// Everything noticed so far.
    pub(super) fn seen(&self) -> Vec<Hiccup> {
        self.0.seen()
    }
}

/// Notices when a target does not get to run.
#[derive(Debug)]
pub(super) struct StarvationMeter(Watch);

impl StarvationMeter {
    /// Starts to watch these processes.
    pub(super) fn start(clock: Clock, targets: Vec<i32>) -> std::io::Result<Self> {
        let mut waits = waits::Waits::of(targets);
        let look = move |due: Nanos, now: Nanos| {
            let late = waits.longest_since_last_look();
            let at = due.saturating_sub(LOOK);
            // What was waited for cannot be longer than the time in which it was.
            (late >= WAIT_MIN).then_some(Hiccup {
                at,
                late: late.min(now.saturating_sub(at)),
            })
        };
        Watch::start("starvation", clock, LOOK, look).map(Self)
    }

    /// Everything noticed so far.
    pub(super) fn seen(&self) -> Vec<Hiccup> {
        self.0.seen()
    }
}
