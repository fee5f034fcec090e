//! Bulk: as many bytes as go through.

use std::time::{Duration, Instant};

use super::Row;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::proxy::ends::pouring::{Draining, Pouring};
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, ONE_WAY, Stand, Target};
use crate::bench::running::Running;

const METRICS: [Metric; 2] = [Metric::compared("MB/s", 0), Metric::compared("CPU s/GB", 3)];

const TARGETS: [Target; 2] = [
    Target {
        metric: 0,
        way: None,
        against: Some("haproxy"),
        bound: Bound::AtLeast(1.05),
    },
    Target {
        metric: 1,
        way: None,
        against: Some("haproxy"),
        bound: Bound::AtMost(0.8),
    },
];

pub(super) const FOUR: About = About {
    name: "bulk",
    title: "bytes without end on 4 connections",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &TARGETS,
    wants_calm: true,
};

pub(super) const ONE: About = About {
    name: "bulk-one",
    title: "bytes without end on 1 connection",
    ways: ONE_WAY,
    metrics: &METRICS,
    targets: &TARGETS,
    wants_calm: true,
};

/// Windows grow and buffers are made before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

struct Bulk {
    pouring: Pouring,
    connections: usize,
}

pub(super) fn four(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(4)
}

pub(super) fn one(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(1)
}

fn open(connections: usize) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Bulk {
        pouring: Pouring::start()?,
        connections,
    }))
}

impl Row for Bulk {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        Ok(Box::new(Drained {
            window: bench.window(),
            proxy: peer.start(bench, job, self.pouring.address)?,
            connections: self.connections,
        }))
    }
}

struct Drained {
    window: Duration,
    proxy: Running,
    connections: usize,
}

impl Stand for Drained {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let draining = Draining::start(self.proxy.address, self.connections)?;
        std::thread::sleep(WARM_UP);
        let (cpu, bytes) = (self.proxy.cpu_seconds()?, draining.bytes()?);
        let start = Instant::now();
        std::thread::sleep(self.window);
        let bytes = (draining.bytes()? - bytes) as f64;
        let elapsed = start.elapsed().as_secs_f64();
        let cpu = self.proxy.cpu_seconds()? - cpu;
        if bytes == 0.0 {
            return Err(BenchError::Measure("nothing came through".to_owned()));
        }
        Ok(vec![bytes / elapsed / 1e6, cpu / (bytes / 1e9)])
    }
}
