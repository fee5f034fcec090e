//! A target that stalls once, and who tells the truth about it.

use std::time::Duration;

use super::{Loaded, Place, Row};
use crate::bench::Bench;
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::load::generators::{Generator, K6, OHA, WRK};
use crate::bench::load::run::run;
use crate::bench::load::server::{Manner, Server};
use crate::bench::load::task::Task;
use crate::bench::ratio::{Bound, percentile};
use crate::bench::row::{About, Metric, OURS, Target};

const PER_SECOND: u32 = 1000;
const CONNECTIONS: usize = 64;
/// How long a run takes; a tenth of it is the stall.
const SECONDS: u64 = 20;
const QUICK_SECONDS: u64 = 2;

/// So many calls more or fewer than were due still are those of the schedule: each shifts what the
/// others waited by a millisecond.
const ODD_CALLS: u64 = 3;

const CAPPED: &str = "64 connections";
const FREE: &str = "no cap";

/// A metric of ours is within this share of the truth.
const fn true_within(metric: usize, share: f64) -> Target {
    Target {
        metric,
        way: None,
        against: None,
        bound: Bound::Within(1.0, share),
    }
}

pub(super) const ABOUT: About = About {
    name: "stall",
    title: "open loop at 1,000/s to a target that stalls once, for a tenth of the run; what the \
            generator tells in proportion to the truth: the calls of the schedule, and what a watch at \
            the target says of their times, each from when the call was due to its answer, so with the \
            time that the target takes to catch up. p95 pure: in proportion to that of a target that \
            catches up in no time (of 20 s: p95 1,000, p99 1,800, max 2,000 ms), which is also the truth \
            about who does not make the calls of the schedule (wrk: 64 connections, closed loop)",
    ways: &[CAPPED, FREE],
    metrics: &[
        Metric::shown("calls", 4),
        Metric::shown("p95", 4),
        Metric::shown("p99", 4),
        Metric::shown("max", 4),
        Metric::shown("p95 pure", 4),
    ],
    targets: &[
        true_within(0, 0.0),
        true_within(1, 0.01),
        true_within(2, 0.01),
        true_within(3, 0.01),
    ],
    wants_calm: true,
};

/// What an honest generator tells, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Truth {
    p95: f64,
    p99: f64,
    max: f64,
}

impl Truth {
    /// Of a stall in a run, with calls at a constant rate: those that fall into it wait from no time
    /// to all of it, each as often, and all others do not wait.
    fn of(seconds: u64, stall: Duration) -> Self {
        let stall_ms = stall.as_secs_f64() * 1000.0;
        let share = stall.as_secs_f64() / seconds as f64;
        // The longest `above` of all calls are among those that waited.
        let longer = |above: f64| stall_ms * (1.0 - above / share).max(0.0);
        Self {
            p95: longer(0.05),
            p99: longer(0.01),
            max: stall_ms,
        }
    }

    /// What a watch at the target says: the calls are due one after the other from the first arrival
    /// on, and whichever is answered next is the one that has been due for longest. Nothing where
    /// they were not as many as were due.
    fn seen(arrivals: &[u64], mut answers: Vec<u64>, calls: u64) -> Option<Self> {
        let first = arrivals.iter().min()?;
        if calls.abs_diff(answers.len() as u64) > ODD_CALLS {
            return None;
        }
        answers.sort_unstable();
        let gap_ns = 1_000_000_000 / u64::from(PER_SECOND);
        let due = (0..).map(|nth| first + nth * gap_ns);
        let mut waited: Vec<f64> = answers
            .iter()
            .zip(due)
            .map(|(answer, due)| answer.saturating_sub(due) as f64 / 1e6)
            .collect();
        waited.sort_by(f64::total_cmp);
        Some(Self {
            p95: percentile(&waited, 0.95),
            p99: percentile(&waited, 0.99),
            max: percentile(&waited, 1.0),
        })
    }
}

struct Stalling {
    target: Server,
    seconds: u64,
    /// If it caught up in no time.
    pure: Truth,
}

pub(super) fn open(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    let seconds = if bench.quick { QUICK_SECONDS } else { SECONDS };
    let length = Duration::from_secs(seconds) / 10;
    let manner = Manner::StallsOnce {
        after: Duration::from_secs(seconds) * 9 / 20,
        length,
    };
    let _apart = Apart::take()?;
    Ok(Box::new(Stalling {
        target: Server::start(manner)?,
        seconds,
        pure: Truth::of(seconds, length),
    }))
}

impl Loaded for Stalling {
    fn places(&self, _: &Bench) -> Vec<Place> {
        let free = Task::open(self.target.address, self.seconds, PER_SECOND);
        let task = free.on(CONNECTIONS);
        let closed = Task::closed(self.target.address, self.seconds, CONNECTIONS);
        vec![
            Place::in_way(OURS, CAPPED, task),
            Place::in_way(OURS, FREE, free),
            Place::of(OHA, task),
            Place::in_way(OHA, "corrected", task.corrected()),
            Place::of(K6, task),
            Place::of(WRK, closed),
        ]
    }

    fn measure(
        &self,
        bench: &Bench,
        generator: &dyn Generator,
        task: &Task,
    ) -> Result<Vec<f64>, BenchError> {
        self.target.take();
        let told = run(bench, generator, task)?.told;
        let seen = self.target.take();
        if !seen.stalled {
            let why = "the load ended before the target stalled";
            return Err(BenchError::Measure(why.to_owned()));
        }
        let calls = self.seconds * u64::from(PER_SECOND);
        let pure = self.pure;
        let truth = Truth::seen(&seen.arrivals, seen.answers, calls).unwrap_or(pure);
        Ok(vec![
            told.answered / calls as f64,
            told.p95_ms / truth.p95,
            told.p99_ms / truth.p99,
            told.max_ms / truth.max,
            told.p95_ms / pure.p95,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_is_that_of_calls_that_wait_for_the_end_of_the_stall() {
        let truth = Truth::of(20, Duration::from_secs(2));
        let mut waited: Vec<f64> = (0..20_000)
            .map(|ms| {
                f64::from(if (9000..11_000).contains(&ms) {
                    11_000 - ms
                } else {
                    0
                })
            })
            .collect();
        waited.sort_by(f64::total_cmp);
        let near = |told: f64, by_hand: f64| (told - by_hand).abs() <= 1.0;
        assert!(near(truth.p95, percentile(&waited, 0.95)), "{truth:?}");
        assert!(near(truth.p99, percentile(&waited, 0.99)), "{truth:?}");
        assert!(near(truth.max, percentile(&waited, 1.0)), "{truth:?}");
    }

    #[test]
    fn the_watch_at_the_target_counts_from_when_calls_were_due() {
        const MS: u64 = 1_000_000;
        // 100 calls; those of the last 20 ms are answered at once at the end, in any order.
        let at = |nth: u64| 5 * MS + nth * MS;
        let mut answers: Vec<u64> = (0..80).map(at).collect();
        answers.extend((80..100).rev().map(|nth| at(100) + nth));
        let arrivals = [7 * MS, 5 * MS];
        let few = answers[..90].to_vec();
        let truth = Truth::seen(&arrivals, answers, 100).unwrap();
        assert!((truth.p95 - 15.0).abs() < 0.1, "{truth:?}");
        assert!((truth.max - 20.0).abs() < 0.1, "{truth:?}");
        assert!(Truth::seen(&arrivals, few, 100).is_none());
        assert!(Truth::seen(&[], Vec::new(), 100).is_none());
    }
}
