//! What is measured: one kind of row a file.

mod bandwidth;
mod bulk;
mod echo;
mod idle;
mod latency;
mod requests;
pub(crate) mod syscalls;

use super::Bench;
use super::error::BenchError;
use super::job::Job;
use super::peers::Peer;
use super::ratio::Bound;

/// A number that a row gives for each proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// With its unit.
    pub(crate) name: &'static str,
    /// Digits after the point.
    pub(crate) decimals: usize,
    /// Whether ours is shown in proportion to the others'.
    pub(crate) compared: bool,
}

/// What is asked of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Of which metric of the row.
    pub(crate) metric: usize,
    /// In proportion to this peer's, or as it is.
    pub(crate) against: Option<&'static str>,
    /// How much.
    pub(crate) bound: Bound,
}

/// A row's words and its aims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    /// On the command line.
    pub(crate) name: &'static str,
    /// What is measured, and how.
    pub(crate) title: &'static str,
    /// What the proxies do in it; each proxy that can do several is measured in each.
    pub(crate) jobs: &'static [Job],
    /// What comes out, in this order.
    pub(crate) metrics: &'static [Metric],
    /// What is asked of ours.
    pub(crate) targets: &'static [Target],
    /// Whether others who use the processors falsify it.
    pub(crate) wants_calm: bool,
}

/// One proxy, ready to be measured again and again.
pub(crate) trait Stand {
    /// Measures once; gives a value for each metric.
    fn sample(&mut self) -> Result<Vec<f64>, BenchError>;
}

/// A row while it is measured. It owns what stands behind the proxies.
pub(crate) trait Row {
    /// Starts one proxy in its place.
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError>;
}

/// Gets a row ready.
type Open = fn(&Bench) -> Result<Box<dyn Row>, BenchError>;

/// Every row, in the order in which they are measured.
pub(crate) const ROWS: [(About, Open); 10] = [
    (requests::KEEP_ALIVE, requests::keep_alive),
    (requests::NEW_CONNECTIONS, requests::new_connections),
    (bulk::FOUR, bulk::four),
    (bulk::ONE, bulk::one),
    (echo::ABOUT, echo::open),
    (idle::ABOUT, idle::open),
    (requests::HTTP, requests::http),
    (latency::LOW, latency::low),
    (latency::BUSY, latency::busy),
    (bandwidth::ABOUT, bandwidth::open),
];
