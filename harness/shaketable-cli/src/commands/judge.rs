//! `shaketable judge`: a saved run, judged again.

use std::path::Path;

use shaketable::saved;

use super::suites;
use crate::args::VolumeArgs;
use crate::exit::{self, Exit};
use crate::terminal::{complain, report as terminal_report};

pub(super) fn judge(run: &Path, suite: Option<&Path>, volume: VolumeArgs) -> Exit {
    let suite = match suite.map(suites::load).transpose() {
        Ok(suite) => suite,
        Err(exit) => return exit,
    };
    match saved::judge_again(run, suite.as_ref()) {
        Ok(report) => {
            for experiment in &report.experiments {
                terminal_report::experiment(experiment, volume);
            }
            terminal_report::summary(&report, None);
            Exit(report.outcome.exit_code())
        }
        Err(error) => {
            complain(&format!("failed to {error}"));
            exit::USAGE
        }
    }
}
