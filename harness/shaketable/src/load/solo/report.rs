//! What a load did, in figures, and what speaks against believing them.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use indexmap::IndexMap;
use serde::Serialize;

use super::super::histograms::Times;
use super::super::spec::Pacing;
use crate::record::{Nanos, Outcome};

/// Beyond this lateness (99th percentile) the load was not what was asked for: 10 ms, as of the
/// checks that rest on time.
const LATENESS_MAX_MS: f64 = 10.0;
/// Below this share of what was due the load was another.
const SENT_MIN: f64 = 0.99;
/// Beyond this share of a processor the engine's one thread was itself the limit.
const CPU_MAX: f64 = 0.9;

/// What was measured up to a moment.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Calls that were due.
    pub scheduled: u64,
    /// Calls that were made.
    pub sent: u64,
    /// Calls that were due and not made.
    pub missed: u64,
    /// Calls under way.
    pub in_flight: u64,
    /// The most that were.
    pub in_flight_max: u64,
    /// Calls that got what they asked for.
    pub good: u64,
    /// Answers that were not what they should be.
    pub wrong: u64,
    /// What calls took; those that have no answer count with their age.
    pub times: Times,
    /// How late calls were taken up.
    pub lateness: Histogram<u64>,
    /// Calls that waited for a connection.
    pub queued: u64,
    /// The longest of that.
    pub longest_queue: Nanos,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// Calls without an answer, with an example of each kind.
    pub errors: BTreeMap<Outcome, (u64, String)>,
}

/// What a load took of the processors.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// By the process, all in all.
    pub all: Duration,
    /// By the engine's thread, without what it only waited awake.
    pub engine: Duration,
}

/// What a load did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// For how long it was measured.
    pub seconds: f64,
    /// How calls were paced: `precise` or `lowcpu`.
    pub pacing: Pacing,
    /// Calls that were due.
    pub scheduled: u64,
    /// Calls that were made.
    pub sent: u64,
    /// Calls that were due and not made, because too many were under way.
    pub missed: u64,
    /// Calls that got an answer.
    pub answered: u64,
    /// Calls that got what they asked for.
    pub good: u64,
    /// Calls without an answer, and answers that are not what they should be, by kind.
    pub errors: IndexMap<String, ErrorKind>,
    /// Answers a second.
    pub throughput: f64,
    /// From the moment at which calls were due. A call without an answer counts with its age.
    pub latency_ms: Figures,
    /// From the moment at which calls were sent: what a tool says that forgets its own waiting.
    pub service_ms: Figures,
    /// How late calls were sent.
    pub lateness_ms: Figures,
    /// Calls that waited for a connection.
    pub queued: QueueSeen,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// The most calls that were under way at once.
    pub in_flight_max: u64,
    /// What the load itself used of the processors.
    pub cpu_s: f64,
    /// What speaks against believing the times.
    pub doubts: Vec<String>,
}

/// One kind of error.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorKind {
    /// How many.
    pub count: u64,
    /// What the first of them met.
    pub example: String,
}

/// Calls that waited for a connection.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueueSeen {
    /// How many.
    pub calls: u64,
    /// The longest wait.
    pub longest_ms: f64,
}

/// The percentiles of a time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The arithmetic mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Figures {
    /// The figures of a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        Self {
            mean: histogram.mean() / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e6,
        }
    }
}

impl Report {
    /// Sums up what was seen in so much time, for which the load used so much of the processors.
    pub fn of(seen: &Seen, took: Duration, used: Used, pacing: Pacing) -> Self {
        let seconds = took.as_secs_f64().max(1e-9);
        let answered: u64 = seen.statuses.values().sum();
        let mut errors: IndexMap<String, ErrorKind> = IndexMap::new();
        for (outcome, (count, example)) in &seen.errors {
            let kind = ErrorKind {
                count: *count,
                example: example.clone(),
            };
            errors.insert(outcome.name().to_owned(), kind);
        }
        let lateness_ms = Figures::of(&seen.lateness);
        let mut doubts = Vec::new();
        if lateness_ms.p99 > LATENESS_MAX_MS {
            doubts.push(format!(
                "calls were sent up to {:.1} ms late (p99)",
                lateness_ms.p99
            ));
        }
        if (seen.sent as f64) < SENT_MIN * seen.scheduled as f64 {
            doubts.push(format!(
                "{} of {} calls were due and not sent",
                seen.missed, seen.scheduled
            ));
        }
        let busy = used.engine.as_secs_f64() / seconds;
        if busy > CPU_MAX {
            doubts.push(format!(
                "the load itself kept {:.0} % of a processor busy",
                busy * 100.0
            ));
        }
        if let Some((count, _)) = seen.errors.get(&Outcome::Exhausted) {
            doubts.push(format!(
                "this machine had no descriptor or port left for {count} calls"
            ));
        }
        Self {
            seconds,
            pacing,
            scheduled: seen.scheduled,
            sent: seen.sent,
            missed: seen.missed,
            answered,
            good: seen.good,
            errors,
            throughput: answered as f64 / seconds,
            latency_ms: Figures::of(&seen.times.latency),
            service_ms: Figures::of(&seen.times.service),
            lateness_ms,
            queued: QueueSeen {
                calls: seen.queued,
                longest_ms: seen.longest_queue as f64 / 1e6,
            },
            statuses: seen.statuses.clone(),
            in_flight_max: seen.in_flight_max,
            cpu_s: used.all.as_secs_f64(),
            doubts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Recorder;
    use crate::load::solo::Meter;
    use crate::record::Call;
    use shaketable_faults::observe::Clock;

    const MS: Nanos = 1_000_000;

    /// Calls at 0, 10, 20 … ms, each of which takes 5 ms.
    fn metered(calls: u64, change: impl Fn(u64, &mut Call)) -> Seen {
        let meter = Meter::new(Clock::start(), 100 * MS, None);
        for index in 0..calls {
            let intended = index * 10 * MS;
            let mut call = Call::begun(0, false, intended, intended);
            let number = meter.begin(&call).unwrap();
            (call.end, call.status) = (Some(intended + 5 * MS), Some(200));
            call.outcome = Outcome::Answered;
            change(index, &mut call);
            meter.end(number, &call, Some("an example"));
        }
        meter.seen()
    }

    fn used(all_ms: u64, engine_ms: u64) -> Used {
        Used {
            all: Duration::from_millis(all_ms),
            engine: Duration::from_millis(engine_ms),
        }
    }

    fn report(seen: &Seen) -> Report {
        Report::of(
            seen,
            Duration::from_secs(1),
            // Awake nearly all the time, which is not to be busy.
            used(950, 100),
            Pacing::Precise,
        )
    }

    #[test]
    fn the_warm_up_is_not_measured() {
        let report = report(&metered(110, |_, _| {}));
        assert_eq!((report.sent, report.answered, report.good), (100, 100, 100));
        assert!((report.latency_ms.p99 - 5.0).abs() < 0.01, "{report:?}");
        assert!(report.doubts.is_empty() && report.errors.is_empty());
    }

    #[test]
    fn an_error_has_its_kind_and_an_example_and_its_time_counts() {
        let seen = metered(110, |index, call| {
            if index >= 100 {
                (call.outcome, call.status) = (Outcome::TimedOut, None);
                call.end = Some(call.intended + 1_000 * MS);
            }
        });
        let report = report(&seen);
        assert_eq!(report.errors["timed out"].count, 10);
        assert_eq!(report.errors["timed out"].example, "an example");
        assert_eq!(report.answered, 90);
        assert!(report.latency_ms.p95 > 900.0);
    }

    #[test]
    fn a_generator_that_was_not_up_to_it_says_so() {
        let late = metered(110, |_, call| call.sent += 11 * MS);
        assert_eq!(
            report(&late).doubts,
            ["calls were sent up to 11.0 ms late (p99)"]
        );
        let seen = metered(110, |_, _| {});
        let busy = Report::of(
            &seen,
            Duration::from_secs(1),
            used(960, 950),
            Pacing::LowCpu,
        );
        assert_eq!(
            busy.doubts,
            ["the load itself kept 95 % of a processor busy"]
        );
        let mut missed = metered(110, |_, _| {});
        (missed.missed, missed.scheduled) = (2, 102);
        assert_eq!(
            report(&missed).doubts,
            ["2 of 102 calls were due and not sent"]
        );
    }
}
