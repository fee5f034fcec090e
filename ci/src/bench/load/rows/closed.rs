//! The closed loop: as fast as one nginx answers, everything recorded.

use super::{Loaded, Place, Row};
use crate::bench::Bench;
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::load::generators::{Generator, H2LOAD, K6, OHA, RAW_HYPER, WRK};
use crate::bench::load::run::run;
use crate::bench::load::task::Task;
use crate::bench::nginx::{Speaks, serve_http};
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, ONE_WAY, OURS, Target};
use crate::bench::running::Running;

/// At once.
const CALLS: usize = 64;

const METRICS: [Metric; 5] = [
    Metric::compared("requests/s", 0),
    Metric::compared("CPU s/100k", 3),
    Metric::shown("p50 ms", 2),
    Metric::shown("p99 ms", 2),
    Metric::shown("nginx busy %", 0),
];

/// Our processor time for each request in proportion to a peer's.
const fn cpu(against: &'static str, at_most: f64) -> Target {
    Target {
        metric: 1,
        way: None,
        against: Some(against),
        bound: Bound::AtMost(at_most),
    }
}

pub(super) const HTTP1: About = About {
    name: "closed",
    title: "closed loop over HTTP/1.1: 64 kept connections to one nginx worker (31 bytes), generator \
            and nginx on a processor each; where nginx is busy all the time it limits the requests, and \
            only the processor time tells generators apart",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[cpu(WRK, 1.0)],
    wants_calm: true,
};

pub(super) const HTTP2: About = About {
    name: "closed-h2",
    title: "closed loop over HTTP/2 without TLS: 64 streams on one connection to one nginx worker (31 \
            bytes), generator and nginx on a processor each",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[cpu(RAW_HYPER, 1.05)],
    wants_calm: true,
};

pub(super) const TLS: About = About {
    name: "closed-tls",
    title: "closed loop over HTTP/1.1 and TLS 1.3: 64 kept connections to one nginx worker (31 bytes), \
            generator and nginx on a processor each",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[cpu(RAW_HYPER, 1.05)],
    wants_calm: true,
};

struct Closed {
    service: Running,
    speaks: Speaks,
}

fn open(bench: &Bench, speaks: Speaks) -> Result<Box<dyn Row>, BenchError> {
    let _apart = Apart::take()?;
    Ok(Box::new(Closed {
        service: serve_http(bench, 1, speaks)?,
        speaks,
    }))
}

pub(super) fn http1(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, Speaks::Http1)
}

pub(super) fn http2(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, Speaks::Http2)
}

pub(super) fn tls(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, Speaks::Tls)
}

impl Loaded for Closed {
    fn places(&self, bench: &Bench) -> Vec<Place> {
        let task = Task::closed(self.service.address, bench.seconds, CALLS);
        let task = task.speaking(self.speaks);
        let who: &[&str] = match self.speaks {
            Speaks::Http1 => &[OURS, WRK, RAW_HYPER, H2LOAD, OHA, K6],
            Speaks::Http2 => &[OURS, RAW_HYPER, H2LOAD, OHA],
            Speaks::Tls => &[OURS, RAW_HYPER, WRK, H2LOAD, OHA],
        };
        who.iter().map(|name| Place::of(name, task)).collect()
    }

    fn measure(
        &self,
        bench: &Bench,
        generator: &dyn Generator,
        task: &Task,
    ) -> Result<Vec<f64>, BenchError> {
        let before = self.service.cpu_seconds()?;
        let run = run(bench, generator, task)?;
        let busy = (self.service.cpu_seconds()? - before) / run.took.as_secs_f64();
        let told = run.told;
        Ok(vec![
            told.per_second,
            run.cpu_seconds / told.answered * 100_000.0,
            told.p50_ms,
            told.p99_ms,
            busy * 100.0,
        ])
    }
}
