//! What it costs to record a call, without making it: instructions, by callgrind, and nanoseconds.
//!
//! The program is `harness/shaketable/examples/record_cost.rs`: `record_cost CALLS WHAT` records so
//! many calls as the engine does and prints `recorded CALLS calls in NANOSECONDS ns`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Row;
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::load::generators::Generator;
use crate::bench::process::Process;
use crate::bench::ratio::Bound;
use crate::bench::row::{About, Entry, Metric, OURS, Stand, Target};
use crate::bench::{Bench, builds, tools};
use crate::steps;

const EXAMPLE: &str = "harness/shaketable/examples/record_cost.rs";

/// Calls by the clock.
const CALLS: u32 = 2_000_000;
/// Calls under callgrind: the difference of the two runs leaves out the start and the end.
const FEW: u32 = 20_000;
const MANY: u32 = 120_000;
/// Under valgrind all is fifty times slower.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is recorded, in the program's words.
const WAYS: [&str; 2] = ["figures", "calls"];

pub(super) const ABOUT: About = About {
    name: "recording",
    title: "recording one call (the reading of clocks too): instructions by callgrind, time by the \
            clock, of calls that are not made; by the recorder of `shaketable load`, which keeps \
            figures, and by that of suites, which keeps every call",
    ways: &WAYS,
    metrics: &[
        Metric::shown("instructions/call", 1),
        Metric::shown("ns/call", 1),
    ],
    targets: &[Target {
        metric: 1,
        way: None,
        against: None,
        bound: Bound::AtMost(100.0),
    }],
    wants_calm: true,
};

struct Recording {
    program: PathBuf,
    valgrind: Option<PathBuf>,
}

pub(super) fn open(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    if !steps::root().join(EXAMPLE).is_file() {
        return Err(BenchError::Measure(format!("there is no {EXAMPLE}")));
    }
    builds::release(&["--package", "shaketable", "--example", "record_cost"])?;
    Ok(Box::new(Recording {
        program: builds::release_dir()?.join("examples/record_cost"),
        valgrind: tools::find("valgrind"),
    }))
}

impl Row for Recording {
    fn entries<'a>(&'a self, bench: &'a Bench, _: &'a [Box<dyn Generator>]) -> Vec<Entry<'a>> {
        let entry = |what| Entry {
            peer: OURS.to_owned(),
            way: what,
            stand: Ok(Box::new(Recorded {
                row: self,
                bench,
                what,
            })),
        };
        WAYS.into_iter().map(entry).collect()
    }
}

struct Recorded<'a> {
    row: &'a Recording,
    bench: &'a Bench,
    what: &'static str,
}

impl Recorded<'_> {
    /// Runs a program to its end on a processor of its own; gives what it said.
    fn said(&self, program: &Path, args: &[String]) -> Result<String, BenchError> {
        let apart = Apart::take()?;
        let mut process = apart.start(|| Process::start(OURS, &self.bench.dir, program, args))?;
        let status = process.wait(PATIENCE)?;
        if status.success() {
            Ok(process.said())
        } else {
            Err(process.failed(&format!("it ended with {status}")))
        }
    }

    /// Instructions of a whole run.
    fn instructions(&self, valgrind: &Path, calls: u32) -> Result<f64, BenchError> {
        let args = [
            "--tool=callgrind".to_owned(),
            "--callgrind-out-file=/dev/null".to_owned(),
            self.row.program.display().to_string(),
            calls.to_string(),
            self.what.to_owned(),
        ];
        let said = self.said(valgrind, &args)?;
        collected(&said).ok_or_else(|| BenchError::Measure(format!("valgrind said: {said}")))
    }
}

impl Stand for Recorded<'_> {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let instructions = match &self.row.valgrind {
            None => f64::NAN,
            Some(valgrind) => {
                let few = self.instructions(valgrind, FEW)?;
                let many = self.instructions(valgrind, MANY)?;
                (many - few) / f64::from(MANY - FEW)
            }
        };
        let said = self.said(
            &self.row.program,
            &[CALLS.to_string(), self.what.to_owned()],
        )?;
        let nanos = nanos_each(&said)
            .ok_or_else(|| BenchError::Measure(format!("record_cost said: {said}")))?;
        Ok(vec![instructions, nanos])
    }
}

fn collected(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("Collected : "))?;
    line.rsplit_once(": ")?.1.trim().parse().ok()
}

fn nanos_each(said: &str) -> Option<f64> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("recorded "))?;
    let (calls, nanos) = line.strip_suffix(" ns")?.split_once(" calls in ")?;
    Some(nanos.parse::<f64>().ok()? / calls.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_and_the_example_say_is_understood() {
        let said = "==71== Callgrind\nrecorded 20000 calls in 300000 ns\n==71== Events    : Ir\n\
                    ==71== Collected : 123456\n==71== \n";
        assert_eq!(collected(said), Some(123_456.0));
        assert_eq!(nanos_each(said), Some(15.0));
        assert_eq!(collected("==71== Command: x\n"), None);
        assert_eq!(nanos_each("recorded many calls"), None);
    }
}
