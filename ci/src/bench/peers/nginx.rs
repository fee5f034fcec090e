//! nginx as a TCP proxy (its stream module), and as the service that answers HTTP in the rows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Peer, Running};
use crate::bench::error::{BenchError, Doing};
use crate::bench::job::Job;
use crate::bench::process::Process;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "nginx";

/// Where Debian puts the module.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// What the service answers.
pub(crate) const BODY: &str = "thirty-one bytes as the answer\n";

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
        start(bench, &self.program, NAME, address, &proxy)
    }
}

/// A service that answers every path with [`BODY`] and never ends a connection by itself.
pub(crate) fn serve_http(bench: &Bench) -> Result<Running, BenchError> {
    let program = tools::find(NAME).ok_or_else(|| BenchError::Start {
        name: "the service behind the proxies".to_owned(),
        why: "nginx is not on PATH".to_owned(),
    })?;
    let address = ports::free()?;
    let body = BODY.trim_end();
    let server = format!(
        "http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server {{
        listen {address} reuseport backlog=4096;
        location / {{ default_type text/plain; return 200 \"{body}\\n\"; }}
    }}
}}
"
    );
    start(bench, &program, "service", address, &server)
}

/// Starts one with a worker a core and no log.
fn start(
    bench: &Bench,
    program: &Path,
    name: &str,
    address: SocketAddr,
    what: &str,
) -> Result<Running, BenchError> {
    let (dir, port) = (bench.dir.display(), address.port());
    let module = if Path::new(STREAM_MODULE).is_file() {
        format!("load_module {STREAM_MODULE};")
    } else {
        String::new()
    };
    let config = format!(
        "{module}
daemon off;
worker_processes {cores};
worker_rlimit_nofile {descriptors};
pid {dir}/nginx-{port}.pid;
error_log stderr crit;
events {{ worker_connections {connections}; }}
{what}",
        cores = bench.cores,
        descriptors = bench.descriptors,
        connections = bench.descriptors.min(16_000),
    );
    let path = bench.dir.join(format!("nginx-{port}.conf"));
    std::fs::write(&path, config).doing("write nginx's configuration")?;
    let args = [
        "-e".as_ref(),
        "stderr".as_ref(),
        "-p".as_ref(),
        bench.dir.as_os_str(),
        "-c".as_ref(),
        path.as_os_str(),
    ];
    let process = Process::start(name, &bench.dir, program, args)?;
    Ok(Running {
        address,
        process: Some(process.ready(address)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_length_that_the_row_claims() {
        assert_eq!(BODY.len(), 31);
    }
}
