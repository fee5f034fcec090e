//! What the machine itself makes of a deadline: threads that sleep until it, and nothing else.

use std::thread;
use std::time::{Duration, Instant};

use crate::bench::error::BenchError;
use crate::bench::proxy::lane::Lane;

/// Threads that each sleep again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleeping {
    /// How many.
    pub(crate) threads: usize,
    /// How long each time.
    pub(crate) each: Duration,
    /// Until when they go on.
    pub(crate) window: Duration,
}

impl Sleeping {
    /// How much later than asked each sleep ended, in milliseconds, sorted. They sleep where the
    /// proxy would work, while this thread is as busy as it is when it measures.
    pub(crate) fn measure(self, lane: &Lane) -> Result<Vec<f64>, BenchError> {
        let end = Instant::now() + self.window;
        let late = thread::scope(|scope| {
            let sleepers: Vec<_> = (0..self.threads)
                .map(|_| {
                    scope.spawn(|| {
                        lane.leave()?;
                        let mut late = Vec::new();
                        while Instant::now() < end {
                            let due = Instant::now() + self.each;
                            thread::sleep(self.each);
                            late.push(due.elapsed().as_secs_f64() * 1000.0);
                        }
                        Ok(late)
                    })
                })
                .collect();
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            sleepers
                .into_iter()
                .map(|sleeper| {
                    let why = || BenchError::Measure("a sleeping thread panicked".to_owned());
                    sleeper.join().map_err(|_| why())?
                })
                .collect::<Result<Vec<Vec<f64>>, BenchError>>()
        })?;
        let mut late = late.concat();
        late.sort_by(f64::total_cmp);
        Ok(late)
    }
}
