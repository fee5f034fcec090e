//! How exact a limited bandwidth is: four limits, what came through of each.

use std::time::Duration;

use super::Row;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::proxy::ends::pouring::{Pouring, rate};
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, ONE_WAY, Stand, Target};
use crate::bench::running::Running;

const fn share(name: &'static str) -> Metric {
    Metric::shown(name, 3)
}

const fn exact(metric: usize) -> Target {
    Target {
        metric,
        way: None,
        against: None,
        bound: Bound::Within(1.0, 0.02),
    }
}

/// Bytes per second.
const LIMITS: [u64; 4] = [100_000, 1_000_000, 10_000_000, 100_000_000];

pub(super) const JOB: Job = Job::Limited(LIMITS[0]);

pub(super) const ABOUT: About = About {
    name: "bandwidth",
    title: "what comes through of a limited bandwidth on 1 connection, in proportion to the limit, \
            over a second or more after the first bytes",
    ways: ONE_WAY,
    metrics: &[
        share("of 100 KB/s"),
        share("of 1 MB/s"),
        share("of 10 MB/s"),
        share("of 100 MB/s"),
    ],
    targets: &[exact(0), exact(1), exact(2), exact(3)],
    wants_calm: true,
};

struct Bandwidth {
    pouring: Pouring,
}

pub(super) fn open(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Bandwidth {
        pouring: Pouring::start()?,
    }))
}

impl Row for Bandwidth {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        _: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        let start = |limit| peer.start(bench, Job::Limited(limit), self.pouring.address);
        let proxies = LIMITS
            .into_iter()
            .map(|limit| Ok((limit, start(limit)?)))
            .collect::<Result<_, BenchError>>()?;
        Ok(Box::new(Limited {
            window: bench.window().max(Duration::from_secs(1)),
            proxies,
        }))
    }
}

/// A proxy for each limit.
struct Limited {
    window: Duration,
    proxies: Vec<(u64, Running)>,
}

impl Stand for Limited {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        self.proxies
            .iter()
            .map(|(limit, proxy)| Ok(rate(proxy.address, self.window)? / *limit as f64))
            .collect()
    }
}
