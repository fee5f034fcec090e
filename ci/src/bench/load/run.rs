//! One run of a generator, on a processor of its own.

use std::time::{Duration, Instant};

use super::generators::Generator;
use super::task::{Task, Told};
use crate::bench::cores::Apart;
use crate::bench::error::BenchError;
use crate::bench::process::Process;
use crate::bench::{Bench, proc, process};

/// How much longer than its task a generator may run.
const PATIENCE: Duration = Duration::from_secs(45);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// In the generator's own words.
    pub(super) told: Told,
    /// Processor time of the whole process, start and end too.
    pub(super) cpu_seconds: f64,
    /// The most memory that it had in RAM, as far as it was looked at.
    pub(super) peak_bytes: u64,
    /// From start to end.
    pub(super) took: Duration,
}

/// Lets a generator do something, while this thread and the target keep off its processor.
pub(super) fn run(
    bench: &Bench,
    generator: &dyn Generator,
    task: &Task,
) -> Result<Run, BenchError> {
    let args = generator.args(bench, task)?;
    let apart = Apart::take()?;
    let before = process::ended_cpu_seconds()?;
    let start = Instant::now();
    let mut process =
        apart.start(|| Process::start(generator.name(), &bench.dir, generator.program(), args))?;
    let at_most = Duration::from_secs(task.seconds) + PATIENCE;
    let mut peak_bytes = 0;
    let status = loop {
        if let Some(status) = process.ended()? {
            break status;
        }
        let now = proc::peak_resident_bytes(process.group());
        peak_bytes = peak_bytes.max(now.unwrap_or_default());
        if start.elapsed() > at_most {
            return Err(process.failed(&format!("it did not end within {at_most:?}")));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let took = start.elapsed();
    let cpu_seconds = process::ended_cpu_seconds()? - before;
    // What it tells counts even if it says no to what it saw.
    let told = match generator.told(&process.said()) {
        Err(_) if !status.success() => {
            return Err(process.failed(&format!("it ended with {status}")));
        }
        told => told?.sound()?,
    };
    Ok(Run {
        told,
        cpu_seconds,
        peak_bytes,
        took,
    })
}
