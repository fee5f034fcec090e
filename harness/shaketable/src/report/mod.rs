//! What a run found, as data. Each rendering of it for one reader is a file beside this one.

pub mod json;
mod load;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{State, Verdict};
use crate::record::{Phase, PhaseMark, Recording};
pub use load::{CallErrors, LoadReport};

/// The version of the report's form; it changes when a reader would have to.
pub const VERSION: u32 = 1;

/// The program that writes reports.
pub fn tool() -> String {
    concat!("shaketable ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Everything that a run found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The program that wrote it: `shaketable 0.1.0`.
    pub tool: String,
    /// The suite's name.
    pub suite: String,
    /// The suite's file, as it was given.
    pub file: String,
    /// The seed of every random decision.
    pub seed: u64,
    /// How the run came out.
    pub outcome: RunOutcome,
    /// The experiments, in order.
    pub experiments: Vec<ExperimentReport>,
}

/// How a run came out; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// All checks passed.
    Passed,
    /// A check failed.
    Failed,
    /// The environment is wrong: a target did not get ready, a program is missing.
    Broken,
    /// Some check could not be decided, and none failed.
    Inconclusive,
    /// A fault could not be reverted.
    Unreverted,
    /// The user ended it.
    Interrupted,
}

/// What one experiment found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentReport {
    /// Its name.
    pub name: String,
    /// The verdicts, in the order of the suite.
    pub verdicts: Vec<Verdict>,
    /// What kept it from being run, where something did.
    pub error: Option<String>,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// The faults that could not be reverted.
    pub unreverted: Vec<String>,
    /// The faults, each with its edge.
    pub faults: Vec<String>,
    /// How long each phase took.
    pub phases: Vec<PhaseReport>,
    /// From the first process until all were ready, in seconds.
    pub ready_s: f64,
    /// The whole experiment, from before the first process until after the last, in seconds.
    pub wall_s: f64,
    /// Calls made by the load.
    pub calls: u64,
    /// How the load did.
    #[serde(default)]
    pub load: LoadReport,
    /// The experiment's directory, with the recording and the services' logs.
    pub dir: PathBuf,
}

/// How long a phase took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PhaseReport {
    /// Which.
    pub phase: Phase,
    /// Its length in seconds.
    pub length_s: f64,
}

impl PhaseReport {
    /// The phases that a recording went through.
    pub fn of(recording: &Recording) -> Vec<Self> {
        let length = |mark: &PhaseMark| (mark.until - mark.from) as f64 / 1e9;
        recording
            .phases
            .iter()
            .map(|mark| Self {
                phase: mark.phase,
                length_s: length(mark),
            })
            .collect()
    }
}

impl ExperimentReport {
    /// How it came out. Where several hold the gravest counts.
    pub fn outcome(&self) -> RunOutcome {
        if !self.unreverted.is_empty() {
            RunOutcome::Unreverted
        } else if self.interrupted {
            RunOutcome::Interrupted
        } else if self.error.is_some() {
            RunOutcome::Broken
        } else {
            match crate::judge::overall(&self.verdicts) {
                State::Pass => RunOutcome::Passed,
                State::Inconclusive => RunOutcome::Inconclusive,
                State::Fail => RunOutcome::Failed,
            }
        }
    }
}

impl RunOutcome {
    /// The outcome of many.
    pub fn of(outcomes: impl IntoIterator<Item = Self>) -> Self {
        outcomes
            .into_iter()
            .max_by_key(|outcome| outcome.gravity())
            .unwrap_or(Self::Passed)
    }

    fn gravity(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Inconclusive => 1,
            Self::Failed => 2,
            Self::Broken => 3,
            Self::Interrupted => 4,
            Self::Unreverted => 5,
        }
    }

    /// The exit code that stands for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Broken => 3,
            Self::Inconclusive => 5,
            Self::Unreverted => 6,
            Self::Interrupted => 130,
        }
    }
}
