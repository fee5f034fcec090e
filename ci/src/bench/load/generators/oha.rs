//! `oha`: closed and open loop; in the open one its latency counts from the sending, unless it is told
//! to correct it.

use std::path::{Path, PathBuf};

use super::json::Document;
use super::{Generator, OHA};
use crate::bench::error::BenchError;
use crate::bench::load::task::{Pace, Task, Told};
use crate::bench::nginx::Speaks;
use crate::bench::{Bench, tools};

/// What it takes where a row names no number.
const CONNECTIONS: usize = 50;

/// Its word for what is under way when the time is over.
const AT_THE_END: &str = "aborted due to deadline";

struct Oha {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Generator>, String> {
    let program = tools::oha();
    if program.is_file() {
        Ok(Box::new(Oha { program }))
    } else {
        Err("cargo has not built it".to_owned())
    }
}

impl Generator for Oha {
    fn name(&self) -> &str {
        OHA
    }

    fn version(&self) -> String {
        tools::version(&self.program, "--version")
    }

    fn program(&self) -> &Path {
        &self.program
    }

    fn args(&self, _: &Bench, task: &Task) -> Result<Vec<String>, BenchError> {
        let connections = task.connections.unwrap_or(CONNECTIONS);
        let mut args = vec![
            "--no-tui".to_owned(),
            "--output-format=json".to_owned(),
            format!("-z{}s", task.seconds),
            format!("-c{connections}"),
        ];
        match task.pace {
            Pace::Closed(users) if task.speaks == Speaks::Http2 => {
                args.extend(["--http2".to_owned(), format!("-p{}", users / connections)]);
            }
            Pace::Closed(_) => {}
            Pace::Open(per_second) => args.push(format!("-q{per_second}")),
        }
        if task.speaks == Speaks::Tls {
            args.push("--insecure".to_owned());
        }
        if task.corrected {
            args.push("--latency-correction".to_owned());
        }
        args.push(task.url());
        Ok(args)
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        let document = Document::find(said)
            .ok_or_else(|| BenchError::Measure(format!("oha printed no JSON: {said}")))?;
        Ok(read(&document))
    }
}

fn read(document: &Document) -> Told {
    let sum = |pointer: &str, counts: fn(&str) -> bool| -> f64 {
        let members = document.members(pointer);
        let counted = members.filter(|(name, _)| counts(name));
        counted
            .map(|(_, value)| value.as_f64().unwrap_or(f64::NAN))
            .sum()
    };
    let millis = |pointer: &str| document.number(pointer) * 1000.0;
    let (statuses, errors) = ("/statusCodeDistribution", "/errorDistribution");
    Told {
        answered: sum(statuses, |status| status.starts_with('2')),
        failed: sum(statuses, |status| !status.starts_with('2'))
            + sum(errors, |error| error != AT_THE_END),
        per_second: document.number("/summary/requestsPerSec"),
        p50_ms: millis("/latencyPercentiles/p50"),
        p95_ms: millis("/latencyPercentiles/p95"),
        p99_ms: millis("/latencyPercentiles/p99"),
        max_ms: millis("/summary/slowest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_milliseconds_and_the_end_of_the_run_is_no_error() {
        let said = r#"{
            "summary": { "successRate": 1.0, "slowest": 0.0123, "requestsPerSec": 1000.25 },
            "latencyPercentiles": { "p50": 0.000135, "p95": 0.00366, "p99": 0.0066, "p99.9": 0.011 },
            "statusCodeDistribution": { "200": 1990, "503": 4 },
            "errorDistribution": { "aborted due to deadline": 64, "connection closed": 2 }
        }"#;
        let told = read(&Document::find(said).unwrap());
        assert_eq!((told.answered, told.failed), (1990.0, 6.0));
        assert!((told.p99_ms - 6.6).abs() < 1e-9);
        assert!((told.max_ms - 12.3).abs() < 1e-9);
        assert!((told.per_second - 1000.25).abs() < 1e-9);
    }
}
