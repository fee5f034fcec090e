//! How our own proxy is started: the one place that knows its command line.
//!
//! It is what users start, `shaketable proxy`; faults are put into it through its API.

use std::net::SocketAddr;

use super::control;
use super::job::{Job, LATENCY, MISSED_RULES};
use super::peers::Peer;
use crate::bench::builds::Build;
use crate::bench::error::BenchError;
use crate::bench::process::Process;
use crate::bench::running::Running;
use crate::bench::{Bench, ports};

/// Our proxy, this build or another.
pub(super) struct Ours(pub(super) Build);

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
        self.0.name
    }

    fn version(&self) -> String {
        self.0.version.clone()
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
            Process::start(self.0.name, &bench.dir, &self.0.program, args)?.says("http://")?;
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
