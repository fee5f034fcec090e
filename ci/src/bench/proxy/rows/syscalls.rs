//! System calls for each request, by `strace`: not a row like the others, for it slows down what it
//! counts; only the counts mean something. For whoever makes the proxy faster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::bench::error::BenchError;
use crate::bench::nginx::{Speaks, serve_http};
use crate::bench::process::Process;
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::running::Running;
use crate::bench::{Bench, proc, table, tools, wrk};
use crate::steps::tell;

/// On the command line.
pub(crate) const NAME: &str = "syscalls";

/// Rarer ones have to do with the start and the end.
const WORTH_SHOWING: f64 = 0.005;
/// How long `strace` may take to attach, and to detach.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls for each request, by name.
type Counts = BTreeMap<String, f64>;

/// A table: a line for each system call, a column for each proxy.
pub(crate) fn count(bench: &Bench, peers: &[Box<dyn Peer>]) -> Result<String, BenchError> {
    let service = serve_http(bench, bench.cores, Speaks::Http1)?;
    let mut head = vec!["calls for each request".to_owned()];
    let mut columns: Vec<Counts> = Vec::new();
    for job in [Job::Bytes, Job::Http] {
        for peer in peers.iter().filter(|peer| peer.can(job)) {
            let name = format!(
                "{} {}",
                peer.name(),
                if job.is_http() { "http" } else { "tcp" }
            );
            let counted = peer
                .start(bench, job, service.address)
                .and_then(|proxy| trace(bench, &proxy));
            match counted {
                Ok(counts) => {
                    head.push(name);
                    columns.push(counts);
                }
                Err(why) => tell(&format!("  {name} is left out: failed to {why}")),
            }
        }
    }
    let mut names: Vec<&String> = columns.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let mut lines = vec![head];
    for name in names {
        let calls: Vec<f64> = columns
            .iter()
            .map(|counts| counts.get(name).copied().unwrap_or(0.0))
            .collect();
        if calls.iter().any(|calls| *calls >= WORTH_SHOWING) {
            let mut line = vec![name.clone()];
            line.extend(calls.iter().map(|calls| format!("{calls:.2}")));
            lines.push(line);
        }
    }
    let mut sums = vec!["all".to_owned()];
    sums.extend(
        columns
            .iter()
            .map(|counts| format!("{:.2}", counts.values().sum::<f64>())),
    );
    lines.push(sums);
    Ok(table::draw(lines))
}

fn trace(bench: &Bench, proxy: &Running) -> Result<Counts, BenchError> {
    let program = tools::find("strace").ok_or_else(|| BenchError::Start {
        name: "strace".to_owned(),
        why: "it is not on PATH".to_owned(),
    })?;
    let Some(process) = &proxy.process else {
        return Err(BenchError::Measure("there is no proxy".to_owned()));
    };
    // By now it has all its threads and processes, and its memory.
    wrk::run(bench, proxy.address, 1, false)?;
    let threads = proc::threads(process.group())?;
    let mut args = vec!["-f".to_owned(), "-c".to_owned()];
    args.extend(threads.iter().map(|thread| format!("--attach={thread}")));
    let mut strace = Process::start("strace", &bench.dir, &program, args)?;
    let deadline = Instant::now() + PATIENCE;
    while !threads.iter().all(|thread| proc::is_traced(*thread)) {
        if Instant::now() > deadline {
            let why = format!("strace did not attach; it said: {}", strace.said());
            return Err(BenchError::Measure(why));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let load = wrk::run(bench, proxy.address, bench.seconds, false)?;
    strace.signal(Signal::SIGINT);
    strace.wait(PATIENCE)?;
    let calls = parse(&strace.said());
    Ok(calls
        .into_iter()
        .map(|(name, calls)| (name, calls / load.requests))
        .collect())
}

/// The lines of `strace -c`: share, seconds, microseconds a call, calls, perhaps errors, name.
fn parse(said: &str) -> Counts {
    said.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let ([_, _, _, calls, name] | [_, _, _, calls, _, name]) = fields[..] else {
                return None;
            };
            (name != "total").then_some((name.to_owned(), calls.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_the_fourth_column_with_errors_or_without() {
        let said = "strace: Process 17 attached\n\
            % time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
             61.30    0.004903           4      1204           sendto\n\
             38.70    0.003095           2      1300        96 recvfrom\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.007998           3      2504        96 total\n";
        let counts = parse(said);
        let expected = [("recvfrom", 1300.0), ("sendto", 1204.0)];
        assert_eq!(counts, expected.map(|(n, c)| (n.to_owned(), c)).into());
    }
}
