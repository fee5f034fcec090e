//! nginx: as a TCP proxy it is a peer, and it is the service that answers HTTP in the rows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::{BenchError, Doing};
use super::process::Process;
use super::running::Running;
use super::{Bench, ports, tools};

/// On `PATH` and in tables.
pub(crate) const NAME: &str = "nginx";

/// Where Debian puts the module.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// What the service answers.
pub(crate) const BODY: &str = "thirty-one bytes as the answer\n";

/// What the service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 from the first byte on, without TLS.
    Http2,
    /// HTTP/1.1 over TLS 1.3.
    Tls,
}

/// Where the program is.
pub(crate) fn program() -> Result<PathBuf, BenchError> {
    tools::find(NAME).ok_or_else(|| BenchError::Start {
        name: "nginx".to_owned(),
        why: "it is not on PATH".to_owned(),
    })
}

/// A service that answers every path with [`BODY`] and never ends a connection by itself.
pub(crate) fn serve_http(
    bench: &Bench,
    workers: usize,
    speaks: Speaks,
) -> Result<Running, BenchError> {
    let address = ports::free()?;
    let body = BODY.trim_end();
    let (protocol, more) = match speaks {
        Speaks::Http1 => ("", String::new()),
        Speaks::Http2 => ("http2", String::new()),
        Speaks::Tls => ("ssl", vouch(bench)?),
    };
    let server = format!(
        "http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server {{
        listen {address} {protocol} reuseport backlog=4096;
        {more}
        location / {{ default_type text/plain; return 200 \"{body}\\n\"; }}
    }}
}}
"
    );
    start(bench, &program()?, "service", address, workers, &server)
}

/// Where the certificate of the service is that speaks TLS; it vouches for itself.
pub(crate) fn certificate(bench: &Bench) -> PathBuf {
    bench.dir.join("service.pem")
}

/// Makes a certificate; gives the lines of the configuration.
fn vouch(bench: &Bench) -> Result<String, BenchError> {
    let doing = "make a certificate";
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).doing(doing)?;
    let (certificate, key) = (certificate(bench), bench.dir.join("service.key"));
    std::fs::write(&certificate, made.cert.pem()).doing(doing)?;
    std::fs::write(&key, made.signing_key.serialize_pem()).doing(doing)?;
    Ok(format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3;",
        certificate.display(),
        key.display()
    ))
}

/// Starts one without a log.
pub(crate) fn start(
    bench: &Bench,
    program: &Path,
    name: &str,
    address: SocketAddr,
    workers: usize,
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
worker_processes {workers};
worker_rlimit_nofile {descriptors};
pid {dir}/nginx-{port}.pid;
error_log stderr crit;
events {{ worker_connections {connections}; }}
{what}",
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
