//! What is measured of proxies: one kind of row a file.

mod bandwidth;
mod bulk;
mod echo;
mod idle;
mod latency;
mod requests;
pub(crate) mod syscalls;

use super::job::Job;
use super::peers::Peer;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::row::{About, Entry, Stand};

/// The ways of a row in which proxies both pass bytes and understand HTTP.
const TCP_AND_HTTP: &[&str] = &["tcp", "http"];

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

/// Every row, in the order in which they are measured, and what the proxies do in it: a job for each
/// of its ways.
pub(crate) const ROWS: [(About, &[Job], Open); 10] = [
    (requests::KEEP_ALIVE, &[Job::Bytes], requests::keep_alive),
    (
        requests::NEW_CONNECTIONS,
        &[Job::Bytes],
        requests::new_connections,
    ),
    (bulk::FOUR, &[Job::Bulk], bulk::four),
    (bulk::ONE, &[Job::Bulk], bulk::one),
    (echo::ABOUT, &[Job::Bytes], echo::open),
    (idle::ABOUT, &idle::JOBS, idle::open),
    (requests::HTTP, &[Job::HttpMissed], requests::http),
    (latency::LOW, &latency::JOBS, latency::low),
    (latency::BUSY, &latency::JOBS, latency::busy),
    (bandwidth::ABOUT, &[bandwidth::JOB], bandwidth::open),
];

/// Every proxy in its place, where it can do what is asked.
pub(crate) fn entries<'a>(
    bench: &'a Bench,
    row: &'a dyn Row,
    about: &About,
    jobs: &[Job],
    peers: &'a [Box<dyn Peer>],
) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for (job, way) in jobs.iter().zip(about.ways) {
        for peer in peers.iter().filter(|peer| peer.can(*job)) {
            entries.push(Entry {
                peer: peer.name().to_owned(),
                way,
                stand: row.stand(bench, peer.as_ref(), *job),
            });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_job_for_each_of_its_ways() {
        for (about, jobs, _) in ROWS {
            assert_eq!(jobs.len(), about.ways.len(), "{}", about.name);
        }
    }
}
