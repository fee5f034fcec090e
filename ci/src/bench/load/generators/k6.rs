//! `k6`: virtual users that run JavaScript; its open loop drops what no user is free for.

use std::path::{Path, PathBuf};

use super::{Generator, K6, cannot};
use crate::bench::error::{BenchError, Doing};
use crate::bench::load::task::{Pace, Task, Told};
use crate::bench::nginx::Speaks;
use crate::bench::{Bench, tools};

/// Virtual users where a row names no number.
const USERS: usize = 50;

struct K6Load {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Generator>, String> {
    let program = tools::k6();
    if program.is_file() {
        Ok(Box::new(K6Load { program }))
    } else {
        Err("its Python package is not installed".to_owned())
    }
}

/// A script whose last line is ours to read.
fn script(task: &Task) -> String {
    let (seconds, url) = (task.seconds, task.url());
    let scenario = match task.pace {
        Pace::Closed(users) => {
            format!("executor: 'constant-vus', vus: {users}, duration: '{seconds}s'")
        }
        Pace::Open(per_second) => {
            let users = task.connections.unwrap_or(USERS);
            format!(
                "executor: 'constant-arrival-rate', rate: {per_second}, timeUnit: '1s', \
                 duration: '{seconds}s', preAllocatedVUs: {users}, maxVUs: {users}"
            )
        }
    };
    format!(
        r"import http from 'k6/http';
export const options = {{
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {{ load: {{ {scenario} }} }},
}};
export default function () {{ http.get('{url}'); }}
export function handleSummary(data) {{
  const sent = data.metrics.http_reqs.values;
  const failed = data.metrics.http_req_failed.values.passes;
  const took = data.metrics.http_req_duration.values;
  return {{ stdout: `measured ${{sent.count}} ${{failed}} ${{sent.rate}} ${{took.med}} ${{took['p(95)']}} ${{took['p(99)']}} ${{took.max}}\n` }};
}}
"
    )
}

impl Generator for K6Load {
    fn name(&self) -> &str {
        K6
    }

    fn version(&self) -> String {
        tools::version(&self.program, "version")
    }

    fn program(&self) -> &Path {
        &self.program
    }

    fn args(&self, bench: &Bench, task: &Task) -> Result<Vec<String>, BenchError> {
        if task.speaks != Speaks::Http1 {
            return Err(cannot(K6, "anything but HTTP/1.1 here"));
        }
        let path = bench.dir.join("k6.js");
        std::fs::write(&path, script(task)).doing("write k6's script")?;
        // Otherwise it would serve an API and tell its makers that it was used.
        let args = ["run", "--quiet", "--no-color", "--no-usage-report"];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend(["--address=".to_owned(), path.display().to_string()]);
        Ok(args)
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        parse(said).ok_or_else(|| BenchError::Measure(format!("k6 said: {said}")))
    }
}

fn parse(said: &str) -> Option<Told> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("measured "))?;
    let numbers: Vec<f64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [sent, failed, per_second, p50_ms, p95_ms, p99_ms, max_ms] = numbers[..] else {
        return None;
    };
    Some(Told {
        answered: sent - failed,
        failed,
        per_second,
        p50_ms,
        p95_ms,
        p99_ms,
        max_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_our_script_is_found_among_its_own() {
        let said = "time=\"2026-01-01\" level=warning msg=\"Insufficient VUs\"\n\
                    measured 2000 3 999.66 0.1375 0.56 10.93 23.79\n";
        let told = parse(said).unwrap();
        assert_eq!((told.answered, told.failed), (1997.0, 3.0));
        assert!((told.p99_ms - 10.93).abs() < 1e-9);
        assert_eq!(parse("measured 2000 undefined"), None);
    }

    #[test]
    fn an_open_loop_has_a_rate_and_as_many_users_as_connections() {
        let task = Task::open(([127, 0, 0, 1], 80).into(), 10, 1000).on(64);
        let script = script(&task);
        assert!(script.contains("rate: 1000, timeUnit: '1s', duration: '10s'"));
        assert!(script.contains("maxVUs: 64"), "{script}");
    }
}
