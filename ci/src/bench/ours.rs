//! How our own proxy is built and started: the one place that knows its command line.
//!
//! It is what users start, `shaketable proxy`; faults are put into it through its API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{BenchError, Doing};
use super::job::{Job, LATENCY, MISSED_RULES};
use super::peers::{Peer, Running};
use super::process::Process;
use super::{Bench, control, ports};
use crate::steps;

/// In tables.
pub(crate) const NAME: &str = "ours";

/// Builds it with optimisation and gives where it is.
pub(crate) fn build() -> Result<PathBuf, BenchError> {
    let args = ["build", "--release", "--package", "shaketable-cli"];
    steps::cargo(&args, &[]).doing("build the proxy")?;
    // This program lies in `TARGET/PROFILE/`.
    let this = std::env::current_exe().doing("find the target directory")?;
    let target = this.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join("release/shaketable"))
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

/// The toxics that make it do a job, as JSON.
fn toxics(job: Job) -> Vec<String> {
    match job {
        Job::Bytes | Job::Bulk | Job::Held | Job::Http => Vec::new(),
        Job::HttpMissed => (0..MISSED_RULES)
            .map(|number| {
                format!(
                    r#"{{"name":"missed {number}","type":"latency","attributes":{{"latency":1000}},"where":{{"path":"/never/*"}}}}"#
                )
            })
            .collect(),
        Job::LateBytes | Job::LateHttp => {
            let latency = LATENCY.as_millis();
            vec![format!(
                r#"{{"type":"latency","attributes":{{"latency":{latency}}}}}"#
            )]
        }
        Job::Limited(rate) => vec![format!(
            r#"{{"type":"bandwidth","attributes":{{"rate":{}}}}}"#,
            rate / 1000
        )],
    }
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
        let (api, address) = (ports::free()?, ports::free()?);
        let protocol = if job.is_http() { "http" } else { "tcp" };
        let args = [
            "proxy".to_owned(),
            format!("--port={}", api.port()),
            format!("--listen={address}"),
            format!("--upstream={upstream}"),
            format!("--protocol={protocol}"),
            "--name=edge".to_owned(),
        ];
        let process =
            Process::start(self.name, &bench.dir, &self.program, args)?.says("http://")?;
        for toxic in toxics(job) {
            control::post(api, "/proxies/edge/toxics", &toxic)?;
        }
        Ok(Running {
            address,
            process: Some(process.ready(address)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hit_is_said_so_often_under_different_names() {
        let mut missed = toxics(Job::HttpMissed);
        missed.dedup();
        assert_eq!(missed.len(), MISSED_RULES);
        assert!(missed[19].contains(r#""name":"missed 19""#));
        assert!(toxics(Job::Http).is_empty());
    }
}
