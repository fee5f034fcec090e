//! socat, a process for each connection.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Peer;
use crate::bench::error::BenchError;
use crate::bench::process::Process;
use crate::bench::proxy::job::Job;
use crate::bench::running::Running;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "socat";

struct Socat {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    let program = tools::find(NAME).ok_or("socat is not on PATH")?;
    Ok(Box::new(Socat { program }))
}

impl Peer for Socat {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        tools::version(&self.program, "-V")
    }

    fn can(&self, job: Job) -> bool {
        matches!(job, Job::Bytes | Job::Bulk)
    }

    /// With a buffer of 64 KiB, for its own of 8 KiB is meant for terminals.
    fn start(&self, bench: &Bench, _: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let address = ports::free()?;
        let port = address.port();
        let args = [
            "-b65536".to_owned(),
            format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,nodelay,backlog=4096"),
            format!("TCP:{upstream},nodelay"),
        ];
        let process = Process::start(NAME, &bench.dir, &self.program, args)?;
        Ok(Running {
            address,
            process: Some(process.ready(address)?),
        })
    }
}
