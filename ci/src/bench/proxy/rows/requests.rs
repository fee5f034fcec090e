//! HTTP under load: `wrk`, a proxy, nginx.

use super::Row;
use crate::bench::error::BenchError;
use crate::bench::nginx::{Speaks, serve_http};
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, ONE_WAY, Stand, Target};
use crate::bench::running::Running;
use crate::bench::{Bench, wrk};

const METRICS: [Metric; 4] = [
    Metric::compared("requests/s", 0),
    Metric::shown("p50 ms", 2),
    Metric::shown("p99 ms", 2),
    Metric::compared("CPU s/100k", 2),
];
const PER_SECOND: usize = 0;
const CPU: usize = 3;

/// Ours in proportion to a peer's.
const fn against(peer: &'static str, metric: usize, bound: Bound) -> Target {
    Target {
        metric,
        way: None,
        against: Some(peer),
        bound,
    }
}

pub(super) const KEEP_ALIVE: About = About {
    name: "keep-alive",
    title: "small HTTP answers (31 bytes) on 64 kept connections",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[
        against("haproxy", PER_SECOND, Bound::AtLeast(0.95)),
        against("haproxy", CPU, Bound::AtMost(1.05)),
        against("toxiproxy", PER_SECOND, Bound::AtLeast(1.35)),
    ],
    wants_calm: true,
};

pub(super) const NEW_CONNECTIONS: About = About {
    name: "new",
    title: "small HTTP answers, a new connection for each, 64 at once",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[
        against("haproxy", PER_SECOND, Bound::AtLeast(0.92)),
        against("toxiproxy", PER_SECOND, Bound::AtLeast(3.5)),
    ],
    wants_calm: true,
};

pub(super) const HTTP: About = About {
    name: "http",
    title: "small HTTP answers on 64 kept connections, understood as HTTP: ours with 20 faults that \
            do not hit, Envoy with its fault filter at 0 %, Toxiproxy as it is",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &[
        against("envoy", PER_SECOND, Bound::AtLeast(1.8)),
        against("toxiproxy", PER_SECOND, Bound::AtLeast(1.2)),
    ],
    wants_calm: true,
};

/// nginx, and whether each request has a connection of its own.
struct Requests {
    service: Running,
    new_connections: bool,
}

fn open(bench: &Bench, new_connections: bool) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Requests {
        service: serve_http(bench, bench.cores, Speaks::Http1)?,
        new_connections,
    }))
}

pub(super) fn keep_alive(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, false)
}

pub(super) fn new_connections(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, true)
}

pub(super) fn http(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(bench, false)
}

impl Row for Requests {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        let proxy = peer.start(bench, job, self.service.address)?;
        // Whatever it does only once is not measured.
        wrk::run(bench, proxy.address, 1, self.new_connections)?;
        Ok(Box::new(Loaded {
            bench,
            proxy,
            new_connections: self.new_connections,
        }))
    }
}

struct Loaded<'a> {
    bench: &'a Bench,
    proxy: Running,
    new_connections: bool,
}

impl Stand for Loaded<'_> {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let before = self.proxy.cpu_seconds()?;
        let (address, seconds) = (self.proxy.address, self.bench.seconds);
        let load = wrk::run(self.bench, address, seconds, self.new_connections)?;
        let cpu = self.proxy.cpu_seconds()? - before;
        let cpu_per_100k = cpu / load.requests * 100_000.0;
        Ok(vec![
            load.per_second,
            load.p50_ms,
            load.p99_ms,
            cpu_per_100k,
        ])
    }
}
