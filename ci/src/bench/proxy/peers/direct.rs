//! No proxy at all: what the two ends can do by themselves, so that it is seen when they are what
//! limits a row.

use std::net::SocketAddr;

use super::Peer;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::proxy::job::Job;
use crate::bench::running::Running;

pub(super) const NAME: &str = "direct";

/// See above.
pub(super) struct Direct;

impl Peer for Direct {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        "no proxy".to_owned()
    }

    fn can(&self, job: Job) -> bool {
        matches!(job, Job::Bytes | Job::Bulk)
    }

    fn start(&self, _: &Bench, _: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        Ok(Running {
            address: upstream,
            process: None,
        })
    }
}
