//! Memory with many calls in flight at once.

use std::time::Duration;

use super::{Loaded, Place, Row};
use crate::bench::Bench;
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::load::generators::{Generator, H2LOAD, OHA, WRK};
use crate::bench::load::run::run;
use crate::bench::load::server::{Manner, Server};
use crate::bench::load::task::Task;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, OURS, Target};

/// How long the target sleeps before each answer.
const SLEEP: Duration = Duration::from_secs(1);
/// By then all connections are there and have been used more than once.
const SECONDS: u64 = 4;
const CALLS: u16 = 10_000;
const QUICK_CALLS: u16 = 1000;
/// Other files than connections.
const OTHER_DESCRIPTORS: u64 = 200;
/// In the open loop what is in flight varies a little around what is asked for.
const ENOUGH: f64 = 0.95;

pub(super) const ABOUT: About = About {
    name: "in-flight",
    title: "the most memory of the generator (MB of 1,000,000 bytes), with 10,000 calls in flight to a \
            target that sleeps for 1 s: 10,000 a second in the open loop, 10,000 users in the closed one \
            (k6, at some 270 KB a user, is left out)",
    ways: &["open", "closed"],
    metrics: &[
        Metric::compared("peak MB", 1),
        Metric::shown("in flight", 0),
        Metric::shown("CPU s/100k", 2),
    ],
    targets: &[Target {
        metric: 0,
        way: None,
        against: None,
        bound: Bound::AtMost(100.0),
    }],
    wants_calm: false,
};

struct Sleeping {
    target: Server,
    calls: u16,
}

pub(super) fn open(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    let calls = if bench.quick { QUICK_CALLS } else { CALLS };
    let (needed, allowed) = (u64::from(calls) + OTHER_DESCRIPTORS, bench.descriptors);
    if allowed < needed {
        let why = format!("a process may have {allowed} descriptors, and {needed} are needed");
        return Err(BenchError::Measure(why));
    }
    let _apart = Apart::take()?;
    Ok(Box::new(Sleeping {
        target: Server::start(Manner::Late(SLEEP))?,
        calls,
    }))
}

impl Loaded for Sleeping {
    fn places(&self, _: &Bench) -> Vec<Place> {
        let to = self.target.address;
        let closed = Task::closed(to, SECONDS, self.calls.into());
        // As many a second as there shall be in flight, for each stays for a second.
        let open = Task::open(to, SECONDS, self.calls.into());
        vec![
            Place::in_way(OURS, "open", open),
            Place::in_way(OURS, "closed", closed),
            Place::in_way(WRK, "closed", closed),
            Place::in_way(H2LOAD, "closed", closed),
            Place::in_way(OHA, "closed", closed),
        ]
    }

    fn measure(
        &self,
        bench: &Bench,
        generator: &dyn Generator,
        task: &Task,
    ) -> Result<Vec<f64>, BenchError> {
        self.target.take();
        let run = run(bench, generator, task)?;
        let most = self.target.take().in_flight_max as f64;
        if most < ENOUGH * f64::from(self.calls) {
            let why = format!("there were at most {most} calls in flight");
            return Err(BenchError::Measure(why));
        }
        Ok(vec![
            run.peak_bytes as f64 / 1e6,
            most,
            run.cpu_seconds / run.told.answered * 100_000.0,
        ])
    }
}
