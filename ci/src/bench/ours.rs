//! How our own proxy is built and started: the one place that knows its command line.
//!
//! It is the example `pass` of the data plane, a process with one proxy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{BenchError, Doing};
use super::job::{Job, LATENCY, MISSED_RULES};
use super::peers::{Peer, Running};
use super::process::Process;
use super::{Bench, ports};
use crate::steps;

/// In tables.
pub(crate) const NAME: &str = "ours";

/// Builds it with optimisation and gives where it is.
pub(crate) fn build() -> Result<PathBuf, BenchError> {
    let args = [
        "build",
        "--release",
        "--package",
        "shaketable-faults",
        "--example",
        "pass",
    ];
    steps::cargo(&args, &[]).doing("build the proxy")?;
    // This program lies in `TARGET/PROFILE/`.
    let this = std::env::current_exe().doing("find the target directory")?;
    let target = this.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join("release/examples/pass"))
}

/// The state of the source that [`build`] builds.
pub(crate) fn version() -> String {
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(steps::root())
        .output();
    described
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// Our proxy, this build or another.
pub(crate) struct Ours {
    name: &'static str,
    version: String,
    program: PathBuf,
}

impl Ours {
    /// A build of it.
    pub(crate) fn new(name: &'static str, version: String, program: PathBuf) -> Self {
        Self {
            name,
            version,
            program,
        }
    }
}

fn arguments(job: Job, listen: SocketAddr, upstream: SocketAddr) -> Vec<String> {
    let protocol = if job.is_http() { "http" } else { "tcp" };
    let mut args: Vec<String> = ["--protocol", protocol].map(str::to_owned).to_vec();
    let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
    add("--listen", listen.to_string());
    add("--upstream", upstream.to_string());
    match job {
        Job::Bytes | Job::Bulk | Job::Held | Job::Http => {}
        Job::HttpMissed => add("--missing", MISSED_RULES.to_string()),
        Job::LateBytes | Job::LateHttp => {
            add("--fault", format!("latency={}ms", LATENCY.as_millis()));
        }
        Job::Limited(rate) => add("--fault", format!("bandwidth={}kB", rate / 1000)),
    }
    args
}

impl Peer for Ours {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn can(&self, _: Job) -> bool {
        true
    }

    fn start(&self, bench: &Bench, job: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let address = ports::free()?;
        let args = arguments(job, address, upstream);
        let process = Process::start(self.name, &bench.dir, &self.program, args)?;
        Ok(Running {
            address,
            process: Some(process.says("listens on")?),
        })
    }
}
