//! nginx as a TCP proxy: its stream module.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Peer;
use crate::bench::error::BenchError;
use crate::bench::nginx::{self, NAME};
use crate::bench::proxy::job::Job;
use crate::bench::running::Running;
use crate::bench::{Bench, ports, tools};

struct Nginx {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    let program = tools::find(NAME).ok_or("nginx is not on PATH")?;
    Ok(Box::new(Nginx { program }))
}

impl Peer for Nginx {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        tools::version(&self.program, "-v")
    }

    fn can(&self, job: Job) -> bool {
        matches!(job, Job::Bytes | Job::Bulk | Job::Held | Job::Limited(_))
    }

    fn start(&self, bench: &Bench, job: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let limit = match job {
            Job::Limited(rate) => format!("proxy_download_rate {rate};"),
            _ => String::new(),
        };
        let address = ports::free()?;
        // Each worker has its own queue of new connections, so that they spread evenly.
        let proxy = format!(
            "stream {{
    server {{
        listen {address} reuseport backlog=4096;
        proxy_pass {upstream};
        proxy_timeout 1h;
        {limit}
    }}
}}
"
        );
        // A worker a core.
        nginx::start(bench, &self.program, NAME, address, bench.cores, &proxy)
    }
}
