//! The phases of an experiment: the suite's, with what the experiment changes.

use std::time::Duration;

use shaketable_faults::units::HumanDuration;

use super::Reader;
use crate::suite::model::Phases;
use crate::suite::path::{Path, steps};

/// How long a phase may be.
const PHASE_MAX: Duration = Duration::from_hours(1);

impl Reader<'_> {
    /// The phases of an experiment.
    pub(super) fn phases(&mut self, experiment: &Path) -> Phases {
        let mut phases = Phases::default();
        for path in [steps!["phases"], experiment.then("phases")] {
            for (key, time) in [
                ("warm_up", &mut phases.warm_up),
                ("baseline", &mut phases.baseline),
                ("fault", &mut phases.fault),
                ("recovery", &mut phases.recovery),
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
                *time = written;
            }
        }
        phases
    }
}
