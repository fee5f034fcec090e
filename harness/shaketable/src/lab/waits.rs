//! How long the threads of processes waited for a processor, as Linux counts it in
//! `/proc/PID/task/TID/schedstat` (its second number, in nanoseconds; Documentation/scheduler/
//! sched-stats). Elsewhere nothing is seen, and nothing is claimed.

use std::collections::HashMap;
use std::fs;

use shaketable_faults::observe::Nanos;

/// The waits of some processes' threads.
#[derive(Debug)]
pub(super) struct Waits {
    processes: Vec<i32>,
    /// The count of each thread at the last look.
    last: HashMap<(i32, String), Nanos>,
}

impl Waits {
    pub(super) fn of(processes: Vec<i32>) -> Self {
        Self {
            processes,
            last: HashMap::new(),
        }
    }

    /// The longest that any thread has waited since the last look; new threads count from the next.
    pub(super) fn longest_since_last_look(&mut self) -> Nanos {
        let mut longest = 0;
        let mut counts = HashMap::with_capacity(self.last.len());
        for process in &self.processes {
            let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
                continue;
            };
            for thread in threads.flatten() {
                let key = (*process, thread.file_name().to_string_lossy().into_owned());
                let Some(count) = waited(&thread.path().join("schedstat")) else {
                    continue;
                };
                if let Some(before) = self.last.get(&key) {
                    longest = longest.max(count.saturating_sub(*before));
                }
                counts.insert(key, count);
            }
        }
        self.last = counts;
        longest
    }
}

fn waited(schedstat: &std::path::Path) -> Option<Nanos> {
    fs::read_to_string(schedstat)
        .ok()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
