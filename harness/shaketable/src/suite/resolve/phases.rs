//! The phases of an experiment: the suite's, with what the experiment changes.

use std::time::Duration;

use shaketable_faults::units::HumanDuration;

use super::Reader;
use crate::suite::model::Phases;
use crate::suite::path::{Path, steps};

/// How long a phase may be.
const PHASE_MAX: Duration = Duration::from_hours(1);

/// The phases of an experiment, as far as they are written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    pub(super) warm_up: Option<Duration>,
    pub(super) baseline: Option<Duration>,
    pub(super) fault: Option<Duration>,
    pub(super) recovery: Option<Duration>,
}

impl Given {
    /// What is written, and of the rest what stands here.
    pub(super) fn or(&self, rest: Phases) -> Phases {
        Phases {
            warm_up: self.warm_up.unwrap_or(rest.warm_up),
            baseline: self.baseline.unwrap_or(rest.baseline),
            fault: self.fault.unwrap_or(rest.fault),
            recovery: self.recovery.unwrap_or(rest.recovery),
        }
    }
}

impl Reader<'_> {
    /// The phases of an experiment.
    pub(super) fn phases(&mut self, experiment: &Path) -> Given {
        let mut given = Given::default();
        for path in [steps!["phases"], experiment.then("phases")] {
            for (key, time) in [
                ("warm_up", &mut given.warm_up),
                ("baseline", &mut given.baseline),
                ("fault", &mut given.fault),
                ("recovery", &mut given.recovery),
            ] {
                let path = path.then(key);
                let Some(HumanDuration(written)) = self.part(&path) else {
                    continue;
                };
                self.above_zero(&path, written);
                if written > PHASE_MAX {
                    self.complain(
                        &path,
                        "a phase takes at most 1h",
                        "write a shorter duration",
                    );
                }
                *time = Some(written);
            }
        }
        given
    }
}
