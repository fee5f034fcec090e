//! `HAProxy` in TCP mode, as it comes; and for bulk once more with the bytes spliced in the kernel,
//! which it does only when told to.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Peer;
use crate::bench::error::{BenchError, Doing};
use crate::bench::process::Process;
use crate::bench::proxy::job::Job;
use crate::bench::running::Running;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "haproxy";

pub(super) const SPLICING: &str = "haproxy-splice";

struct Haproxy {
    program: PathBuf,
    splicing: bool,
}

fn make(splicing: bool) -> Result<Box<dyn Peer>, String> {
    let program = tools::find(NAME).ok_or("haproxy is not on PATH")?;
    Ok(Box::new(Haproxy { program, splicing }))
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    make(false)
}

pub(super) fn find_splicing() -> Result<Box<dyn Peer>, String> {
    make(true)
}

/// A thread a core, which is its default too; no logs, no statistics, long timeouts. Each connection
/// that is allowed needs two descriptors at once, and half of one for a pipe.
fn config(cores: usize, listen: SocketAddr, upstream: SocketAddr, splicing: bool) -> String {
    let splice = if splicing {
        "option splice-response"
    } else {
        ""
    };
    format!(
        "global
    nbthread {cores}
    maxconn 6000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    {splice}
listen edge
    bind {listen}
    server callee {upstream}
"
    )
}

impl Peer for Haproxy {
    fn name(&self) -> &str {
        if self.splicing { SPLICING } else { NAME }
    }

    fn version(&self) -> String {
        tools::version(&self.program, "-v")
    }

    fn can(&self, job: Job) -> bool {
        job == Job::Bulk || !self.splicing && matches!(job, Job::Bytes | Job::Held)
    }

    fn start(&self, bench: &Bench, _: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let address = ports::free()?;
        let path = bench.dir.join(format!("haproxy-{}.cfg", address.port()));
        std::fs::write(&path, config(bench.cores, address, upstream, self.splicing))
            .doing("write haproxy's configuration")?;
        let args = ["-db".as_ref(), "-f".as_ref(), path.as_os_str()];
        let process = Process::start(self.name(), &bench.dir, &self.program, args)?;
        Ok(Running {
            address,
            process: Some(process.ready(address)?),
        })
    }
}
