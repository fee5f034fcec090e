//! Load by `wrk`: what it is told, and what it says. `wrk2` understands the same.

use std::net::SocketAddr;
use std::path::PathBuf;
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
    io.write(string.format("measured %d %d %d %d %d %d %d\n",
        summary.requests, summary.duration, latency:percentile(50),
        latency:percentile(95), latency:percentile(99), latency.max,
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
    /// All but five in a hundred took no longer, in milliseconds.
    pub(crate) p95_ms: f64,
    /// All but one in a hundred took no longer, in milliseconds.
    pub(crate) p99_ms: f64,
    /// None took longer, in milliseconds.
    pub(crate) max_ms: f64,
    /// Not answered, or not well.
    pub(crate) errors: f64,
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
    let mut args = vec![
        format!("--connections={CONNECTIONS}"),
        format!("--threads={}", bench.cores),
        format!("--duration={seconds}s"),
        format!("--script={}", script(bench)?.display()),
    ];
    if new_connections {
        args.push("--header=Connection: close".to_owned());
    }
    args.push(format!("http://{address}/stock/A1"));
    let mut wrk = Process::start("wrk", &bench.dir, &program, args)?;
    wrk.wait(Duration::from_secs(seconds + 20))?;
    let load = parse(&wrk.said())?;
    // One in a thousand may meet a connection that was just being closed.
    if load.requests == 0.0 || load.errors > load.requests / 1000.0 {
        let Load {
            requests, errors, ..
        } = load;
        let why = format!("{errors} errors beside {requests} answers");
        return Err(BenchError::Measure(why));
    }
    Ok(load)
}

/// Where the script is that makes it print what [`parse`] reads.
pub(crate) fn script(bench: &Bench) -> Result<PathBuf, BenchError> {
    let script = bench.dir.join("wrk.lua");
    std::fs::write(&script, SCRIPT).doing("write wrk's script")?;
    Ok(script)
}

/// What the script made it print.
pub(crate) fn parse(said: &str) -> Result<Load, BenchError> {
    let numbers: Vec<f64> = said
        .lines()
        .find_map(|line| line.strip_prefix("measured "))
        .map(|line| line.split(' ').filter_map(|n| n.parse().ok()).collect())
        .unwrap_or_default();
    let [requests, micros, p50, p95, p99, max, errors] = numbers[..] else {
        return Err(BenchError::Measure(format!("wrk said: {said}")));
    };
    Ok(Load {
        requests,
        per_second: requests / micros * 1e6,
        p50_ms: p50 / 1000.0,
        p95_ms: p95 / 1000.0,
        p99_ms: p99 / 1000.0,
        max_ms: max / 1000.0,
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_our_script_is_found_among_its_own() {
        let said = "Running 3s test @ http://x/\n  2 threads\nmeasured 150000 3000000 900 2000 4500 9000 1\n";
        let load = parse(said).unwrap();
        assert_eq!((load.per_second, load.p99_ms), (50_000.0, 4.5));
        assert_eq!((load.max_ms, load.errors), (9.0, 1.0));
    }

    #[test]
    fn what_is_no_result_is_an_error() {
        assert!(parse("measured 1000 3000000 900").is_err());
        assert!(parse("unable to connect").is_err());
    }
}
