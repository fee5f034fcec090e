//! `shaketable judge`: a saved run, judged again.

use std::path::Path;
use std::sync::Arc;

use shaketable::check::Check;
use shaketable::report::{self, ExperimentReport, Report, RunOutcome};
use shaketable::saved;

use super::suites;
use crate::args::VolumeArgs;
use crate::exit::{self, Exit};
use crate::terminal::{complain, report as terminal_report};

pub(super) fn judge(run: &Path, suite: Option<&Path>, volume: VolumeArgs) -> Exit {
    let other = match suite.map(suites::load).transpose() {
        Ok(other) => other,
        Err(exit) => return exit,
    };
    let experiments = match saved::experiments(run) {
        Ok(experiments) => experiments,
        Err(error) => {
            complain(&format!("failed to {error}"));
            return exit::USAGE;
        }
    };
    let mut whole = Report {
        version: report::VERSION,
        tool: concat!("shaketable ", env!("CARGO_PKG_VERSION")).to_owned(),
        suite: String::new(),
        file: suite.unwrap_or(run).display().to_string(),
        seed: 0,
        outcome: RunOutcome::Passed,
        experiments: Vec::new(),
    };
    for dir in experiments {
        let checks = |name: &str| -> Option<Vec<Arc<dyn Check>>> {
            other
                .as_ref()?
                .experiments
                .get(name)
                .map(shaketable::suite::Experiment::all_checks)
        };
        match saved::judge_again(&dir, checks) {
            Ok((recording, experiment)) => {
                (whole.suite, whole.seed) = (recording.suite, recording.seed);
                whole.experiments.push(experiment);
            }
            Err(error) => {
                complain(&format!("failed to {error}"));
                return exit::USAGE;
            }
        }
    }
    whole.outcome = RunOutcome::of(whole.experiments.iter().map(ExperimentReport::outcome));
    for experiment in &whole.experiments {
        terminal_report::experiment(experiment, volume);
    }
    terminal_report::summary(&whole, None);
    Exit(whole.outcome.exit_code())
}
