//! `h2load`: closed loop, and an open one in which each connection counts for itself. It tells no
//! percentiles.

use std::path::{Path, PathBuf};

use super::{Generator, H2LOAD};
use crate::bench::error::BenchError;
use crate::bench::load::task::{Pace, Task, Told};
use crate::bench::nginx::Speaks;
use crate::bench::{Bench, tools};

/// What it takes where a row names no number.
const CONNECTIONS: usize = 50;

struct H2load {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Generator>, String> {
    let program = tools::find(H2LOAD).ok_or("h2load is not on PATH")?;
    Ok(Box::new(H2load { program }))
}

impl Generator for H2load {
    fn name(&self) -> &str {
        H2LOAD
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
            format!("--clients={connections}"),
            "--threads=1".to_owned(),
            format!("--duration={}", task.seconds),
        ];
        match task.pace {
            Pace::Closed(users) if task.speaks == Speaks::Http2 => {
                args.push(format!("--max-concurrent-streams={}", users / connections));
            }
            Pace::Closed(_) => args.push("--h1".to_owned()),
            Pace::Open(per_second) => {
                let each = f64::from(per_second) / connections as f64;
                args.extend(["--h1".to_owned(), format!("--rps={each}")]);
            }
        }
        args.push(task.url());
        Ok(args)
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        parse(said).ok_or_else(|| BenchError::Measure(format!("h2load said: {said}")))
    }
}

fn parse(said: &str) -> Option<Told> {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let number = |text: &str, unit: &str| {
        let word = text.split(", ").find_map(|part| part.strip_suffix(unit))?;
        word.trim().parse::<f64>().ok()
    };
    let per_second = number(line("finished in ")?, " req/s")?;
    let requests = line("requests:")?;
    Some(Told::counts(
        number(requests, " succeeded")?,
        number(requests, " failed")?,
        per_second,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_lines_are_understood() {
        let said = "Application protocol: http/1.1\n\nfinished in 2.01s, 21852.00 req/s, 3.73MB/s\n\
            requests: 43704 total, 43768 started, 43704 done, 43701 succeeded, 3 failed, 0 errored, 0 timeout\n\
            status codes: 43704 2xx, 0 3xx, 0 4xx, 0 5xx\n";
        let told = parse(said).unwrap();
        assert_eq!((told.answered, told.failed), (43_701.0, 3.0));
        assert!((told.per_second - 21_852.0).abs() < 1e-9);
        assert!(told.p99_ms.is_nan(), "it does not say");
        assert_eq!(parse("finished in 2.01s, 0.00 req/s, 0B/s\n"), None);
    }
}
