//! Measures calls as they end: histograms and counts, whose size does not grow with the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shaketable_faults::observe::Clock;

use super::super::histograms::{Log, Times, Windows};
use super::super::recorder::Recorder;
use super::report::Seen;
use crate::record::{Call, Nanos, Outcome, Worth};

/// The length of a window in the log.
const WINDOW: Nanos = 1_000_000_000;

/// A recorder that keeps figures, and no calls.
#[derive(Debug)]
pub struct Meter {
    clock: Clock,
    /// What was meant to be sent before is warm-up.
    from: Nanos,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The number of the next call.
    next: u64,
    begun: u64,
    ended: u64,
    missed: u64,
    in_flight_max: u64,
    /// What calls took that were sent when they were due: latency and service time are the same.
    prompt: Times,
    /// What the others took.
    times: Times,
    /// How late those were taken up.
    lateness: Times,
    queued: u64,
    longest_queue: Nanos,
    /// How often each status came, at its place; few in a run, and most calls have the same.
    statuses: Vec<u64>,
    good: u64,
    wrong: u64,
    errors: BTreeMap<Outcome, (u64, String)>,
    /// The log with its windows, and what went wrong with it.
    log: Option<(Windows, Log<BufWriter<File>>)>,
    log_error: Option<io::Error>,
    drained: Nanos,
}

impl Meter {
    /// Measures what is meant to be sent from a moment on; with a log where one is wanted.
    pub fn new(
        clock: Clock,
        from: Nanos,
        log: Option<(Vec<String>, Log<BufWriter<File>>)>,
    ) -> Self {
        let log = log.map(|(classes, log)| (Windows::new(WINDOW, classes), log));
        let kept = Kept {
            log,
            ..Kept::default()
        };
        Self {
            clock,
            from,
            kept: Mutex::new(kept),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been measured up to now.
    pub fn seen(&self) -> Seen {
        let kept = self.lock();
        let (mut times, mut lateness) = (kept.times.clone(), kept.lateness.latency.clone());
        // All of them are of one kind, and grow as they need to.
        let _ = times.latency.add(&kept.prompt.latency);
        let _ = times.service.add(&kept.prompt.latency);
        let _ = lateness.record_n(0, kept.prompt.latency.len());
        Seen {
            scheduled: kept.begun + kept.missed,
            sent: kept.begun,
            missed: kept.missed,
            in_flight: kept.begun - kept.ended,
            in_flight_max: kept.in_flight_max,
            good: kept.good,
            wrong: kept.wrong,
            times,
            lateness,
            queued: kept.queued,
            longest_queue: kept.longest_queue,
            statuses: kept.statuses(),
            errors: kept.errors.clone(),
        }
    }

    /// Writes what is left of the log.
    pub fn finish(&self) -> io::Result<()> {
        let mut kept = self.lock();
        if let Some(error) = kept.log_error.take() {
            return Err(error);
        }
        match kept.log.take() {
            Some((windows, mut log)) => {
                windows.finish(&mut log)?;
                log.end()?;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Recorder for Meter {
    fn begin(&self, call: &Call) -> Option<u64> {
        let mut kept = self.lock();
        let number = kept.next;
        kept.next += 1;
        if call.intended >= self.from {
            kept.begun += 1;
            kept.in_flight_max = kept.in_flight_max.max(kept.begun - kept.ended);
        }
        Some(number)
    }

    fn end(&self, _: u64, call: &Call, why: Option<&str>) {
        if call.intended < self.from {
            return;
        }
        let now = call.end.unwrap_or_else(|| self.clock.now());
        let mut kept = self.lock();
        kept.ended += 1;
        kept.record(call, now);
        if let Some(status) = call.status {
            kept.answered(status);
        }
        kept.good += u64::from(call.is_good());
        kept.wrong += u64::from(call.worth == Some(Worth::Wrong));
        if call.outcome != Outcome::Answered {
            let why = why.unwrap_or("the load ended before it did");
            let errors = kept.errors.entry(call.outcome);
            errors.or_insert_with(|| (0, why.to_owned())).0 += 1;
        }
    }

    fn miss(&self, call: &Call) {
        if call.intended >= self.from {
            self.lock().missed += 1;
        }
    }
}

impl Kept {
    fn answered(&mut self, status: u16) {
        let place = usize::from(status);
        if place >= self.statuses.len() {
            self.statuses.resize(place + 1, 0);
        }
        self.statuses[place] += 1;
    }

    fn statuses(&self) -> BTreeMap<u16, u64> {
        let seen = (0..).zip(&self.statuses);
        seen.filter(|(_, count)| **count > 0)
            .map(|(status, count)| (status, *count))
            .collect()
    }

    fn record(&mut self, call: &Call, now: Nanos) {
        let (latency, service) = (call.latency(now), call.service_time(now));
        if latency == service {
            self.prompt.record_latency(latency);
        } else {
            self.times.record(latency, service);
            let late = call.sent.saturating_sub(call.intended);
            self.lateness.record_latency(late);
        }
        if call.queued > 0 {
            self.queued += 1;
            self.longest_queue = self.longest_queue.max(call.queued);
        }
        let due = now >= self.drained + WINDOW;
        if let Some((windows, log)) = &mut self.log {
            windows.record(call.class, None, call.intended, latency, service);
            if due {
                self.drained = now;
                if let Err(error) = windows.drain(log) {
                    self.log_error.get_or_insert(error);
                }
            }
        }
    }
}
