//! hyper's client without an engine around it: `ci/examples/raw_hyper.rs`.

use std::path::{Path, PathBuf};

use super::{Generator, RAW_HYPER, cannot};
use crate::bench::error::BenchError;
use crate::bench::load::task::{Pace, Task, Told};
use crate::bench::nginx::{Speaks, certificate};
use crate::bench::{Bench, builds};

struct RawHyper {
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Generator>, String> {
    let built = builds::release(&["--package", "ci", "--example", "raw_hyper"]);
    built
        .and_then(|()| builds::release_dir())
        .map(|dir| -> Box<dyn Generator> {
            let program = dir.join("examples/raw_hyper");
            Box::new(RawHyper { program })
        })
        .map_err(|why| why.to_string())
}

impl Generator for RawHyper {
    fn name(&self) -> &str {
        RAW_HYPER
    }

    fn version(&self) -> String {
        "one connection each, nothing recorded".to_owned()
    }

    fn program(&self) -> &Path {
        &self.program
    }

    fn args(&self, bench: &Bench, task: &Task) -> Result<Vec<String>, BenchError> {
        let Pace::Closed(users) = task.pace else {
            return Err(cannot(RAW_HYPER, "an open loop"));
        };
        let connections = task.connections.unwrap_or(users);
        Ok(vec![
            task.to.to_string(),
            task.seconds.to_string(),
            connections.to_string(),
            (users / connections).to_string(),
            match task.speaks {
                Speaks::Http1 => "http1".to_owned(),
                Speaks::Http2 => "http2".to_owned(),
                Speaks::Tls => certificate(bench).display().to_string(),
            },
        ])
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        parse(said).ok_or_else(|| BenchError::Measure(format!("raw hyper said: {said}")))
    }
}

fn parse(said: &str) -> Option<Told> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("measured "))?;
    let (answers, micros) = line.split_once(' ')?;
    let (answers, micros): (f64, f64) = (answers.parse().ok()?, micros.parse().ok()?);
    Some(Told::counts(answers, 0.0, answers / micros * 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_line_is_understood() {
        let told = parse("measured 300000 2000000\n").unwrap();
        assert!((told.per_second - 150_000.0).abs() < 1e-9);
        assert_eq!(parse("usage: raw_hyper"), None);
    }
}
