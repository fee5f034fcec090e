//! Memory: connections that were used once and now stand idle.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{Row, TCP_AND_HTTP};
use crate::bench::error::{BenchError, Doing};
use crate::bench::nginx::{self, Speaks, serve_http};
use crate::bench::process::Process;
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Metric, Stand, Target};
use crate::bench::running::Running;
use crate::bench::{Bench, proc};

pub(super) const ABOUT: About = About {
    name: "idle",
    title: "memory for each connection that passed one small HTTP exchange and stands idle \
            (KB of 1,000 bytes; growth of the process's resident memory, without the kernel's; socat has a process for each)",
    ways: TCP_AND_HTTP,
    metrics: &[Metric::compared("KB/connection", 2)],
    targets: &[Target {
        metric: 0,
        way: None,
        against: None,
        bound: Bound::AtMost(3.0),
    }],
    wants_calm: false,
};

pub(super) const JOBS: [Job; 2] = [Job::Held, Job::Http];

/// How many connections; fewer where it only matters whether it works.
const CONNECTIONS: usize = 5000;
const QUICK_CONNECTIONS: usize = 1000;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What was freed has been given back by then.
const SETTLE: Duration = Duration::from_millis(500);

struct Idle {
    service: Running,
}

pub(super) fn open(bench: &Bench) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Idle {
        service: serve_http(bench, bench.cores, Speaks::Http1)?,
    }))
}

impl Row for Idle {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        Ok(Box::new(Fresh {
            bench,
            peer,
            job,
            upstream: self.service.address,
        }))
    }
}

/// Starts anew for each sample, for memory that was once needed is rarely given back.
struct Fresh<'a> {
    bench: &'a Bench,
    peer: &'a dyn Peer,
    job: Job,
    upstream: SocketAddr,
}

impl Stand for Fresh<'_> {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let proxy = self.peer.start(self.bench, self.job, self.upstream)?;
        let resident = || {
            std::thread::sleep(SETTLE);
            let group = proxy.process.as_ref().map_or(0, Process::group);
            proc::resident_bytes(group)
        };
        // What is made at the first use belongs to no connection.
        exchange(proxy.address)?;
        let before = resident()?;
        let count = if self.bench.quick {
            QUICK_CONNECTIONS
        } else {
            CONNECTIONS
        };
        // One after the other, so that none finds more work under way than its own.
        let kept: Vec<TcpStream> = (0..count)
            .map(|_| exchange(proxy.address))
            .collect::<Result<_, _>>()?;
        let grown = resident()?.saturating_sub(before);
        drop(kept);
        Ok(vec![grown as f64 / 1000.0 / count as f64])
    }
}

/// Opens a connection, passes one exchange, and keeps it open.
fn exchange(address: SocketAddr) -> Result<TcpStream, BenchError> {
    let doing = "pass one exchange on a new connection";
    let mut stream = TcpStream::connect(address).doing(doing)?;
    stream.set_read_timeout(Some(PATIENCE)).doing(doing)?;
    stream
        .write_all(b"GET /stock/A1 HTTP/1.1\r\nHost: callee\r\n\r\n")
        .doing(doing)?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(nginx::BODY.as_bytes()) {
        match stream.read(&mut piece).doing(doing)? {
            0 => {
                let why = format!("{doing}: it was closed");
                return Err(BenchError::Measure(why));
            }
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(stream)
}
