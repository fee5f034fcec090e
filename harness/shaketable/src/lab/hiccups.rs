//! Notices when the machine does not let the harness run: a thread that sleeps and looks how much
//! too late it wakes up (the idea of Gil Tene's jHiccup).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use shaketable_faults::observe::Clock;

use crate::record::Hiccup;

/// How long it sleeps.
const SLEEP: Duration = Duration::from_millis(2);
/// What is worth a record.
const LATE_MIN: u64 = 5_000_000;
/// The most hiccups that are kept.
const HICCUPS_MAX: usize = 1_000_000;

/// The watching thread. Dropping it ends it.
#[derive(Debug)]
pub(super) struct HiccupMeter {
    seen: Arc<Mutex<Vec<Hiccup>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HiccupMeter {
    /// Starts to watch.
    pub(super) fn start(clock: Clock) -> std::io::Result<Self> {
        let seen: Arc<Mutex<Vec<Hiccup>>> = Arc::default();
        let end = Arc::new(AtomicBool::new(false));
        let (record, ended) = (Arc::clone(&seen), Arc::clone(&end));
        let thread = std::thread::Builder::new()
            .name("hiccups".to_owned())
            .spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let due = clock.now() + 2_000_000;
                    std::thread::sleep(SLEEP);
                    let late = clock.now().saturating_sub(due);
                    if late >= LATE_MIN {
                        let mut seen = record.lock().unwrap_or_else(PoisonError::into_inner);
                        if seen.len() < HICCUPS_MAX {
                            seen.push(Hiccup { at: due, late });
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

    /// Everything noticed so far.
    pub(super) fn seen(&self) -> Vec<Hiccup> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for HiccupMeter {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
