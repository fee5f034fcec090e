//! The open loop at a constant rate: what it costs, and how even the requests come.

use super::{Loaded, Place, Row};
use crate::bench::Bench;
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::load::gaps::Gaps;
use crate::bench::load::generators::{Generator, H2LOAD, K6, OHA, WRK2};
use crate::bench::load::run::run;
use crate::bench::load::server::{Manner, Server};
use crate::bench::load::task::{Pacing, Task};
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, OURS, Target};

/// Each peer may have so many; a divisor of both rates, for h2load counts for each connection.
const CONNECTIONS: usize = 50;
/// How long one measurement takes.
const SECONDS: u64 = 10;
const QUICK_SECONDS: u64 = 1;

const LOW_CPU: &str = "lowcpu";
const PRECISE: &str = "precise";

const METRICS: [Metric; 6] = [
    Metric::compared("CPU s", 2),
    Metric::shown("p50 ms", 2),
    Metric::shown("p99 ms", 2),
    Metric::shown("CV", 2),
    Metric::shown("p99 gap us", 0),
    Metric::shown("arrived %", 1),
];

/// Our processor time in proportion to wrk2's.
const CPU: Target = Target {
    metric: 0,
    way: Some(LOW_CPU),
    against: Some(WRK2),
    bound: Bound::AtMost(1.0),
};

/// How even our requests come.
const fn variation(at_most: f64) -> Target {
    Target {
        metric: 3,
        way: Some(PRECISE),
        against: None,
        bound: Bound::AtMost(at_most),
    }
}

pub(super) const FAST: About = About {
    name: "open-5000",
    title: "open loop at 5,000/s on at most 50 connections; CPU of the whole run, percentiles as the \
            generator tells them; CV (standard deviation by mean) and p99 of the gaps between requests \
            by the kernel's stamps at the target (even: 0 and 200 us; Poisson: 1)",
    ways: &[LOW_CPU, PRECISE],
    metrics: &METRICS,
    targets: &[CPU, variation(0.35)],
    wants_calm: true,
};

pub(super) const SLOW: About = About {
    name: "open-1000",
    title: "open loop at 1,000/s on at most 50 connections; as above (even: 0 and 1,000 us)",
    ways: &[LOW_CPU, PRECISE],
    metrics: &METRICS,
    targets: &[CPU, variation(0.15)],
    wants_calm: true,
};

struct Constant {
    target: Server,
    per_second: u32,
}

fn open(per_second: u32) -> Result<Box<dyn Row>, BenchError> {
    let _apart = Apart::take()?;
    Ok(Box::new(Constant {
        target: Server::start(Manner::AtOnce)?,
        per_second,
    }))
}

pub(super) fn fast(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(5000)
}

pub(super) fn slow(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(1000)
}

impl Loaded for Constant {
    fn places(&self, bench: &Bench) -> Vec<Place> {
        let seconds = if bench.quick { QUICK_SECONDS } else { SECONDS };
        let task = Task::open(self.target.address, seconds, self.per_second).on(CONNECTIONS);
        vec![
            Place::in_way(OURS, LOW_CPU, task.paced(Pacing::LowCpu)),
            Place::in_way(OURS, PRECISE, task.paced(Pacing::Precise)),
            Place::of(WRK2, task),
            Place::of(H2LOAD, task),
            Place::of(OHA, task),
            Place::of(K6, task),
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
        let arrivals = self.target.take().arrivals;
        let asked = u64::from(self.per_second) * task.seconds;
        let arrived = arrivals.len() as f64 / asked as f64;
        let gaps = Gaps::of(arrivals)
            .ok_or_else(|| BenchError::Measure("too few requests came".to_owned()))?;
        Ok(vec![
            run.cpu_seconds,
            run.told.p50_ms,
            run.told.p99_ms,
            gaps.variation,
            gaps.p99_us,
            arrived * 100.0,
        ])
    }
}
