//! An experiment's directory: its recording and the checks that it was judged by, so that it can be
//! judged again, and the histograms of what its calls took.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{self, Check};
use crate::judge::judge;
use crate::load::histograms;
use crate::record::{self, ReadError, Recording};
use crate::report::{self, ExperimentReport, LoadReport, PhaseReport, Report, RunOutcome, json};
use crate::suite::{CheckEntry, Suite};

/// The file of an experiment's recording.
const RECORDING: &str = "recording.jsonl";
/// The file of its checks.
const CHECKS: &str = "checks.json";
/// The file of its histograms, for other tools; nothing here reads it.
const LATENCY: &str = "latency.hlog";

/// Why a directory could not be judged again.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The recording.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// The checks, or the run's report.
    #[error("read {path}: {what}")]
    Checks {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// There is nothing in it.
    #[error("{0} holds no recording; give the directory of a run (or of one of its experiments)")]
    Empty(String),
    /// The directory itself.
    #[error("read {path}: {source}")]
    Io {
        /// The directory.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// A check as it is kept.
#[derive(Serialize, Deserialize)]
struct Entry {
    check: String,
    params: Value,
}

/// Keeps a recording, the checks of its experiment and the histograms of what its calls took.
/// `zero` is the moment from which the recording's clock counts.
pub fn write(
    recording: &Recording,
    zero: SystemTime,
    checks: &[CheckEntry],
    dir: &Path,
) -> io::Result<()> {
    let entry = |entry: &CheckEntry| Entry {
        check: entry.kind.name.to_owned(),
        params: entry.params.clone(),
    };
    let entries: Vec<Entry> = checks.iter().map(entry).collect();
    std::fs::write(dir.join(CHECKS), serde_json::to_vec_pretty(&entries)?)?;
    histograms::write_recording(recording, zero, &dir.join(LATENCY))?;
    record::write(recording, &dir.join(RECORDING))
}

/// The recording in an experiment's directory.
pub fn recording(dir: &Path) -> Result<Recording, SavedError> {
    Ok(record::read(&dir.join(RECORDING))?)
}

/// Judges a run again, or one experiment of it: by the checks of a suite's experiments of the same
/// names, or by those that it was judged by. What else is known of the run (an experiment that
/// could not be run, a fault that was not reverted) stays as it was.
pub fn judge_again(dir: &Path, suite: Option<&Suite>) -> Result<Report, SavedError> {
    if let Some(mut report) = report_of(dir)? {
        for experiment in &mut report.experiments {
            let own = experiment
                .dir
                .file_name()
                .map_or_else(|| dir.to_owned(), |name| dir.join(name));
            if own.join(RECORDING).is_file() {
                let judged = judge_experiment(&own, suite)?.1;
                experiment.verdicts = judged.verdicts;
                experiment.load = judged.load;
            }
        }
        let outcomes = report.experiments.iter().map(ExperimentReport::outcome);
        let interrupted =
            (report.outcome == RunOutcome::Interrupted).then_some(RunOutcome::Interrupted);
        report.outcome = RunOutcome::of(outcomes.chain(interrupted));
        return Ok(report);
    }
    let mut experiments = Vec::new();
    let mut head = (String::new(), 0);
    for own in experiments_in(dir)? {
        let (recording, experiment) = judge_experiment(&own, suite)?;
        head = (recording.suite, recording.seed);
        experiments.push(experiment);
    }
    Ok(Report {
        version: report::VERSION,
        tool: report::tool(),
        suite: head.0,
        file: dir.display().to_string(),
        seed: head.1,
        outcome: RunOutcome::of(experiments.iter().map(ExperimentReport::outcome)),
        experiments,
    })
}

/// The report of a run that came to its end.
fn report_of(dir: &Path) -> Result<Option<Report>, SavedError> {
    let path = dir.join(json::FILE);
    let wrong = |what: String| SavedError::Checks {
        path: path.display().to_string(),
        what,
    };
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| wrong(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The experiments below a directory, in the order of their names; the directory itself if it is
/// an experiment's.
fn experiments_in(dir: &Path) -> Result<Vec<PathBuf>, SavedError> {
    let io = |source| SavedError::Io {
        path: dir.display().to_string(),
        source,
    };
    if dir.join(RECORDING).is_file() {
        return Ok(vec![dir.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.join(RECORDING).is_file() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        Err(SavedError::Empty(dir.display().to_string()))
    } else {
        Ok(found)
    }
}

fn judge_experiment(
    dir: &Path,
    suite: Option<&Suite>,
) -> Result<(Recording, ExperimentReport), SavedError> {
    let recording = record::read(&dir.join(RECORDING))?;
    let same_name =
        suite.and_then(|suite| Some((suite, suite.experiments.get(&recording.experiment)?)));
    let checks = match same_name {
        Some((suite, experiment)) => suite
            .checks_of(experiment)
            .into_iter()
            .map(|entry| entry.check)
            .collect(),
        None => kept_checks(&dir.join(CHECKS))?,
    };
    let faults = recording
        .faults
        .iter()
        .map(|fault| recording.fault_text(fault));
    let ready = recording
        .services
        .iter()
        .map(|service| service.ready_after)
        .max()
        .unwrap_or_default();
    let report = ExperimentReport {
        name: recording.experiment.clone(),
        verdicts: judge(checks.iter().map(AsRef::as_ref), &recording),
        error: None,
        interrupted: recording.interrupted,
        unreverted: Vec::new(),
        faults: faults.collect(),
        phases: PhaseReport::of(&recording),
        ready_s: ready as f64 / 1e9,
        wall_s: recording.end as f64 / 1e9,
        calls: recording.calls.len() as u64,
        load: LoadReport::of(&recording),
        dir: dir.to_owned(),
    };
    Ok((recording, report))
}

fn kept_checks(path: &Path) -> Result<Vec<Arc<dyn Check>>, SavedError> {
    let wrong = |what: String| SavedError::Checks {
        path: path.display().to_string(),
        what,
    };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let entries: Vec<Entry> =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let build = |entry: Entry| {
        let kind = check::find(&entry.check)
            .ok_or_else(|| wrong(format!("there is no check `{}`", entry.check)))?;
        (kind.build)(&entry.params).map_err(|error| wrong(format!("{}: {error}", entry.check)))
    };
    entries.into_iter().map(build).collect()
}
