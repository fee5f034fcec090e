//! A plan: a suite with everything decided that can be decided before anything starts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::check;
use crate::check::answers::process_survival::ProcessSurvival;
use crate::suite::{CheckEntry, Experiment, Position, Service, Start, Suite};

/// What is going to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The suite, with the experiments that were selected.
    pub suite: Suite,
    /// The suite's file, as it was given.
    pub file: String,
    /// The seed of every random decision.
    pub seed: u64,
    /// What tells the ids of this run from those of another with the same seed: 0, so that they are the
    /// same, where every service is started anew. One that was running already may remember them: it would
    /// take the first order of this run for a repetition of that run's.
    pub salt: u64,
}

/// The filter left nothing over.
#[derive(Debug, thiserror::Error)]
#[error("nothing was selected: no experiment of `{suite}` contains `{filter}`; there are {}", .names.join(", "))]
pub struct NothingSelected {
    /// The suite.
    pub suite: String,
    /// The filter.
    pub filter: String,
    /// The experiments that there are.
    pub names: Vec<String>,
}

impl Plan {
    /// Decides the seed (given, else the suite's, else a fresh one) and selects the experiments
    /// whose name contains the filter.
    pub fn resolve(
        mut suite: Suite,
        file: &str,
        seed: Option<u64>,
        filter: Option<&str>,
    ) -> Result<Self, NothingSelected> {
        if let Some(filter) = filter {
            let names: Vec<String> = suite.experiments.keys().cloned().collect();
            let wanted = filter.to_lowercase();
            suite
                .experiments
                .retain(|name, _| name.to_lowercase().contains(&wanted));
            if suite.experiments.is_empty() {
                return Err(NothingSelected {
                    suite: suite.name,
                    filter: filter.to_owned(),
                    names,
                });
            }
        }
        let seed = seed.or(suite.seed).unwrap_or_else(fresh_seed);
        let remembers = |service: &Service| matches!(service.start, Start::Address(_));
        let salt = if suite.services.values().any(remembers) {
            fresh()
        } else {
            0
        };
        Ok(Self {
            suite,
            file: file.to_owned(),
            seed,
            salt,
        })
    }

    /// How long the phases of all experiments are meant to take.
    pub fn planned(&self) -> Duration {
        self.suite
            .experiments
            .values()
            .map(Experiment::planned)
            .sum()
    }
}

impl Suite {
    /// An experiment's checks, and the one that always holds, unless the experiment names it
    /// itself or there is no process of ours that it could watch.
    pub fn checks_of(&self, experiment: &Experiment) -> Vec<CheckEntry> {
        let mut checks = experiment.checks.clone();
        let named = checks.iter().any(|entry| entry.kind.name == check::ALWAYS);
        let ours = self
            .services
            .values()
            .any(crate::suite::Service::is_started);
        if let Some(kind) = check::find(check::ALWAYS)
            && !named
            && ours
        {
            let check = Arc::new(ProcessSurvival::default());
            let params = serde_json::Value::Object(serde_json::Map::new());
            checks.push(CheckEntry {
                kind,
                params,
                check,
                at: Position::default(),
            });
        }
        checks
    }
}

/// Short enough to be typed again.
fn fresh_seed() -> u64 {
    fresh() % 1_000_000
}

/// A number that nobody had before.
fn fresh() -> u64 {
    RandomState::new().build_hasher().finish()
}
