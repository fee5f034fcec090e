//! `wrk`, which knows only the closed loop, and `wrk2`, which knows only the open one and speaks like
//! `wrk`. `wrk2` is in no package registry; who has built it puts it on `PATH` under this name.

use std::path::{Path, PathBuf};

use super::{Generator, WRK, WRK2, cannot};
use crate::bench::error::BenchError;
use crate::bench::load::task::{Pace, Task, Told};
use crate::bench::{Bench, tools, wrk};

/// What it takes where a row names no number.
const CONNECTIONS: usize = 50;

struct Wrk {
    name: &'static str,
    program: PathBuf,
}

pub(super) fn find() -> Result<Box<dyn Generator>, String> {
    let program = tools::find(WRK).ok_or("wrk is not on PATH")?;
    Ok(Box::new(Wrk { name: WRK, program }))
}

pub(super) fn find_wrk2() -> Result<Box<dyn Generator>, String> {
    let program = tools::find(WRK2).ok_or("wrk2 is not on PATH")?;
    Ok(Box::new(Wrk {
        name: WRK2,
        program,
    }))
}

impl Generator for Wrk {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> String {
        tools::version(&self.program, "-v")
    }

    fn program(&self) -> &Path {
        &self.program
    }

    fn args(&self, bench: &Bench, task: &Task) -> Result<Vec<String>, BenchError> {
        let rate = match (self.name, task.pace) {
            (WRK, Pace::Closed(_)) => None,
            (WRK2, Pace::Open(per_second)) => Some(format!("--rate={per_second}")),
            (_, Pace::Open(_)) => return Err(cannot(self.name, "an open loop")),
            (_, Pace::Closed(_)) => return Err(cannot(self.name, "a closed loop")),
        };
        let connections = task.connections.unwrap_or(CONNECTIONS);
        let mut args = vec![
            format!("--connections={connections}"),
            "--threads=1".to_owned(),
            format!("--duration={}s", task.seconds),
            // Beyond it counts as failed; the target's stall is shorter.
            "--timeout=30s".to_owned(),
            format!("--script={}", wrk::script(bench)?.display()),
        ];
        args.extend(rate);
        args.push(task.url());
        Ok(args)
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        let load = wrk::parse(said)?;
        Ok(Told {
            answered: load.requests,
            failed: load.errors,
            per_second: load.per_second,
            p50_ms: load.p50_ms,
            p95_ms: load.p95_ms,
            p99_ms: load.p99_ms,
            max_ms: load.max_ms,
        })
    }
}
