//! Load by `wrk`: what it is told, and what it says.

use std::net::SocketAddr;
use std::time::Duration;

use super::error::{BenchError, Doing};
use super::process::Process;
use super::{Bench, tools};

/// Connections at once.
const CONNECTIONS: u32 = 64;

/// Makes it print exact numbers for us. It has no `request` function, so no Lua runs under load.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("measured %d %d %d %d %d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// What a run gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// Answered.
    pub(crate) requests: f64,
    /// Answered each second.
    pub(crate) per_second: f64,
    /// Half of them took no longer, in milliseconds.
    pub(crate) p50_ms: f64,
    /// All but one in a hundred took no longer, in milliseconds.
    pub(crate) p99_ms: f64,
}

/// Asks as fast as it gets answers; with a new connection for each request, or not.
pub(crate) fn run(
    bench: &Bench,
    address: SocketAddr,
    seconds: u64,
    new_connections: bool,
) -> Result<Load, BenchError> {
    let program = tools::find("wrk").ok_or_else(|| BenchError::Start {
        name: "wrk".to_owned(),
        why: "it is not on PATH".to_owned(),
    })?;
    let script = bench.dir.join("wrk.lua");
    std::fs::write(&script, SCRIPT).doing("write wrk's script")?;
    let mut args = vec![
        format!("--connections={CONNECTIONS}"),
        format!("--threads={}", bench.cores),
        format!("--duration={seconds}s"),
        format!("--script={}", script.display()),
    ];
    if new_connections {
        args.push("--header=Connection: close".to_owned());
    }
    args.push(format!("http://{address}/stock/A1"));
    let mut wrk = Process::start("wrk", &bench.dir, &program, args)?;
    wrk.wait(Duration::from_secs(seconds + 20))?;
    parse(&wrk.said())
}

fn parse(said: &str) -> Result<Load, BenchError> {
    let numbers: Vec<f64> = said
        .lines()
        .find_map(|line| line.strip_prefix("measured "))
        .map(|line| line.split(' ').filter_map(|n| n.parse().ok()).collect())
        .unwrap_or_default();
    let [requests, micros, p50, p99, errors] = numbers[..] else {
        return Err(BenchError::Measure(format!("wrk said: {said}")));
    };
    // One in a thousand may meet a connection that was just being closed.
    if requests == 0.0 || errors > requests / 1000.0 {
        let why = format!("{errors} errors beside {requests} answers");
        return Err(BenchError::Measure(why));
    }
    Ok(Load {
        requests,
        per_second: requests / micros * 1e6,
        p50_ms: p50 / 1000.0,
        p99_ms: p99 / 1000.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_our_script_is_found_among_its_own() {
        let said = "Running 3s test @ http://x/\n  2 threads\nmeasured 150000 3000000 900 4500 0\n";
        let load = parse(said).unwrap();
        assert_eq!((load.per_second, load.p99_ms), (50_000.0, 4.5));
    }

    #[test]
    fn a_run_with_errors_is_none() {
        assert!(parse("measured 1000 3000000 900 4500 2").is_err());
        assert!(parse("measured 0 3000000 0 0 0").is_err());
        assert!(parse("unable to connect").is_err());
    }
}
