//! Envoy, as a TCP proxy and as an HTTP proxy with its fault filter.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Peer;
use crate::bench::error::{BenchError, Doing};
use crate::bench::process::Process;
use crate::bench::proxy::job::{Job, LATENCY};
use crate::bench::running::Running;
use crate::bench::{Bench, ports, tools};

pub(super) const NAME: &str = "envoy";

struct Envoy {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Peer>, String> {
    let installed = tools::envoy();
    let program = if installed.is_file() {
        installed
    } else {
        tools::find(NAME).ok_or("envoy is not installed")?
    };
    Ok(Box::new(Envoy { program }))
}

/// The share of exchanges that the fault filter hits, in percent: all or none, but it always draws.
fn percentage(job: Job) -> u32 {
    if job == Job::LateHttp { 100 } else { 0 }
}

/// The one filter of the listener.
fn filter(job: Job) -> String {
    if !job.is_http() {
        return r#"{ "name": "tcp", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "edge", "cluster": "callee" } }"#
            .to_owned();
    }
    let (percent, delay) = (percentage(job), LATENCY.as_secs_f64());
    // No access log, no tracing, no request ids: less than most run it with.
    format!(
        r#"{{ "name": "http", "typed_config": {{
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "edge",
            "generate_request_id": false,
            "route_config": {{ "virtual_hosts": [ {{
                "name": "all", "domains": ["*"],
                "routes": [ {{ "match": {{ "prefix": "/" }}, "route": {{ "cluster": "callee" }} }} ]
            }} ] }},
            "http_filters": [
                {{ "name": "fault", "typed_config": {{
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                    "delay": {{ "fixed_delay": "{delay}s", "percentage": {{ "numerator": {percent} }} }},
                    "abort": {{ "http_status": 503, "percentage": {{ "numerator": 0 }} }}
                }} }},
                {{ "name": "router", "typed_config": {{
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                }} }}
            ] }} }}"#
    )
}

/// Limits are out of the way: Envoy's own circuit breaker stops at 1,024 connections.
fn config(job: Job, listen: SocketAddr, upstream: SocketAddr) -> String {
    let filter = filter(job);
    let address = |address: SocketAddr| {
        let (ip, port) = (address.ip(), address.port());
        format!(r#"{{ "socket_address": {{ "address": "{ip}", "port_value": {port} }} }}"#)
    };
    let (listen, upstream) = (address(listen), address(upstream));
    format!(
        r#"{{ "static_resources": {{
    "listeners": [ {{
        "name": "edge", "address": {listen},
        "filter_chains": [ {{ "filters": [ {filter} ] }} ]
    }} ],
    "clusters": [ {{
        "name": "callee", "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {{ "thresholds": [ {{
            "max_connections": 1000000, "max_pending_requests": 1000000,
            "max_requests": 1000000, "max_retries": 1000000
        }} ] }},
        "load_assignment": {{ "cluster_name": "callee", "endpoints": [ {{
            "lb_endpoints": [ {{ "endpoint": {{ "address": {upstream} }} }} ]
        }} ] }}
    }} ]
}} }}
"#
    )
}

impl Peer for Envoy {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> String {
        tools::version(&self.program, "--version")
    }

    fn can(&self, job: Job) -> bool {
        !matches!(job, Job::LateBytes | Job::Limited(_))
    }

    fn start(&self, bench: &Bench, job: Job, upstream: SocketAddr) -> Result<Running, BenchError> {
        let address = ports::free()?;
        let path = bench.dir.join(format!("envoy-{}.json", address.port()));
        std::fs::write(&path, config(job, address, upstream))
            .doing("write Envoy's configuration")?;
        let cores = bench.cores.to_string();
        let args = [
            "--config-path".as_ref(),
            path.as_os_str(),
            "--concurrency".as_ref(),
            cores.as_ref(),
            "--log-level".as_ref(),
            "error".as_ref(),
            "--disable-hot-restart".as_ref(),
        ];
        let process = Process::start(NAME, &bench.dir, &self.program, args)?;
        Ok(Running {
            address,
            process: Some(process.ready(address)?),
        })
    }
}
