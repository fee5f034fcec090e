//! Toxiproxy, where its server is on `PATH`: no package registry has it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Peer;
use crate::bench::error::BenchError;
use crate::bench::process::Process;
use crate::bench::proxy::control;
use crate::bench::proxy::job::{Job, LATENCY};
use crate::bench::running::Running;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "toxiproxy";

struct Toxiproxy {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    let program = tools::find("toxiproxy-server").ok_or("toxiproxy-server is not on PATH")?;
    Ok(Box::new(Toxiproxy { program }))
}

/// The toxic that does the job, as JSON.
fn toxic(job: Job) -> Option<String> {
    let (kind, attributes) = match job {
        Job::LateBytes | Job::LateHttp => {
            let latency = LATENCY.as_millis();
            ("latency", format!(r#""latency":{latency}"#))
        }
        Job::Limited(rate) => ("bandwidth", format!(r#""rate":{}"#, rate / 1000)),
        Job::Bytes | Job::Bulk | Job::Held | Job::Http | Job::HttpMissed => return None,
    };
    Some(format!(
        r#"{{"type":"{kind}","attributes":{{{attributes}}}}}"#
    ))
}

impl Peer for Toxiproxy {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        tools::version(&self.program, "--version")
    }

    /// It knows no HTTP. Where rules that do not hit are asked for it passes bytes, for that is
    /// what its users have instead.
    fn can(&self, job: Job) -> bool {
        !matches!(job, Job::Http | Job::LateHttp)
    }

    fn start(&self, bench: &Bench, job: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let (api, address) = (ports::free()?, ports::free()?);
        let port = api.port().to_string();
        let args = ["-host", "127.0.0.1", "-port", &port];
        let process = Process::start(NAME, &bench.dir, &self.program, args)?.ready(api)?;
        let proxy = format!(r#"{{"name":"edge","listen":"{address}","upstream":"{upstream}"}}"#);
        control::post(api, "/proxies", &proxy)?;
        if let Some(toxic) = toxic(job) {
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
    fn toxics_are_written_in_the_units_of_the_api() {
        let latency = r#"{"type":"latency","attributes":{"latency":50}}"#;
        assert_eq!(toxic(Job::LateBytes).as_deref(), Some(latency));
        let bandwidth = r#"{"type":"bandwidth","attributes":{"rate":10000}}"#;
        assert_eq!(toxic(Job::Limited(10_000_000)).as_deref(), Some(bandwidth));
        assert_eq!(toxic(Job::Bytes), None);
    }
}
