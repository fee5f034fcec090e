//! `HAProxy` in TCP mode.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Peer, Running};
use crate::bench::error::{BenchError, Doing};
use crate::bench::job::Job;
use crate::bench::process::Process;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "haproxy";

struct Haproxy {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    let program = tools::find(NAME).ok_or("haproxy is not on PATH")?;
    Ok(Box::new(Haproxy { program }))
}

/// A thread a core, which is its default too; no logs, no statistics, long timeouts. Splicing is
/// off, as it is by default: its documentation leaves it to who knows the kernel.
fn config(cores: usize, listen: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global
    nbthread {cores}
    maxconn 8000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen edge
    bind {listen}
    server callee {upstream}
"
    )
}

impl Peer for Haproxy {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        tools::version(&self.program, "-v")
    }

    fn can(&self, job: Job) -> bool {
        job == Job::Bytes
    }

    fn start(&self, bench: &Bench, _: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let address = ports::free()?;
        let path = bench.dir.join(format!("haproxy-{}.cfg", address.port()));
        std::fs::write(&path, config(bench.cores, address, upstream))
            .doing("write haproxy's configuration")?;
        let args = ["-db".as_ref(), "-f".as_ref(), path.as_os_str()];
        let process = Process::start(NAME, &bench.dir, &self.program, args)?;
        Ok(Running {
            address,
            process: Some(process.ready(address)?),
        })
    }
}
