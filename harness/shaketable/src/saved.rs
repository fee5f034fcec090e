//! An experiment's directory: its recording, and the checks that it was judged by, so that it can
//! be judged again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{self, Check};
use crate::judge::judge;
use crate::record::{self, ReadError, Recording};
use crate::report::{ExperimentReport, PhaseReport};
use crate::suite::Experiment;

/// The file of an experiment's recording.
const RECORDING: &str = "recording.jsonl";
/// The file of its checks.
const CHECKS: &str = "checks.json";

/// Why a directory could not be judged again.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The recording.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// The checks.
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

/// Keeps a recording and the checks of its experiment.
pub fn write(recording: &Recording, experiment: &Experiment, dir: &Path) -> io::Result<()> {
    let entry = |entry: &crate::suite::CheckEntry| Entry {
        check: entry.kind.name.to_owned(),
        params: entry.params.clone(),
    };
    let mut entries: Vec<Entry> = experiment.checks.iter().map(entry).collect();
    if !entries.iter().any(|entry| entry.check == check::ALWAYS) {
        entries.push(Entry {
            check: check::ALWAYS.to_owned(),
            params: Value::Object(serde_json::Map::new()),
        });
    }
    std::fs::write(dir.join(CHECKS), serde_json::to_vec_pretty(&entries)?)?;
    record::write(recording, &dir.join(RECORDING))
}

/// The experiments below a run's directory, in the order of their names; the directory itself if
/// it is an experiment's.
pub fn experiments(dir: &Path) -> Result<Vec<PathBuf>, SavedError> {
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

/// Judges an experiment's recording again: by the checks that `other` has for its name, or by
/// those it was judged by.
pub fn judge_again(
    dir: &Path,
    other: impl Fn(&str) -> Option<Vec<Arc<dyn Check>>>,
) -> Result<(Recording, ExperimentReport), SavedError> {
    let recording = record::read(&dir.join(RECORDING))?;
    let checks = match other(&recording.experiment) {
        Some(checks) => checks,
        None => kept_checks(&dir.join(CHECKS))?,
    };
    let report = ExperimentReport {
        name: recording.experiment.clone(),
        verdicts: judge(checks.iter().map(AsRef::as_ref), &recording),
        error: None,
        interrupted: recording.interrupted,
        unreverted: Vec::new(),
        faults: recording
            .faults
            .iter()
            .map(|fault| format!("{} on {}", fault.says, recording.edges[fault.edge]))
            .collect(),
        phases: PhaseReport::of(&recording),
        ready_s: recording
            .services
            .iter()
            .map(|service| service.ready_after)
            .max()
            .unwrap_or_default() as f64
            / 1e9,
        wall_s: recording.end as f64 / 1e9,
        calls: recording.calls.len() as u64,
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
