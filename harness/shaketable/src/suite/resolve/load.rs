//! The load of an experiment: the suite's, with what the experiment changes.

use std::time::Duration;

use shaketable_faults::units::{HumanDuration, Rate};

use super::Reader;
use crate::suite::model::Load;
use crate::suite::near;
use crate::suite::path::{Path, steps};

/// After how long the load gives a call up.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Reader<'_> {
    /// Checks the suite's load, which no experiment may use as it is.
    pub(super) fn general_load(&mut self) {
        let general = steps!["load"];
        self.requests(&general, &general);
        self.timeout(&general.then("timeout"));
    }

    fn timeout(&mut self, path: &Path) -> Duration {
        let timeout: Option<HumanDuration> = self.part(path);
        let timeout = timeout.map_or(TIMEOUT, |timeout| timeout.0);
        self.above_zero(path, timeout);
        timeout
    }

    /// The load of an experiment.
    pub(super) fn load(&mut self, experiment: &Path) -> Option<Load> {
        let (general, own) = (steps!["load"], experiment.then("load"));
        if !self.has(&general) && !self.has(&own) {
            if !self.meant_load(&steps![]) && !self.meant_load(experiment) {
                let help = "add `load:` with a rate and a request, here or at the top of the suite";
                self.complain_of_key(experiment, "this experiment has no load", help);
            }
            return None;
        }
        let sound = !self.errors.under(&general) && !self.errors.under(&own);
        let requests = self.requests(&general, &own);
        if requests.is_empty() && sound {
            let help = "add `request` or `requests`, here or to the suite's load";
            self.complain_of_key(&own, "the load of this experiment has no requests", help);
        }
        let place = |key: &str| {
            let changed = own.then(key);
            if self.has(&changed) {
                changed
            } else {
                general.then(key)
            }
        };
        let (rate, timeout) = (place("rate"), place("timeout"));
        if !self.has(&rate) && sound {
            let help = "add `rate: 100/s`, here or to the suite's load";
            self.complain_of_key(&own, "the load of this experiment has no rate", help);
        }
        let rate: Option<Rate> = self.part(&rate);
        let timeout = self.timeout(&timeout);
        Some(Load {
            rate: rate?,
            timeout,
            requests,
        })
    }

    /// Whether an unknown key of the map was probably meant to be the load.
    fn meant_load(&self, map: &Path) -> bool {
        let keys = self.keys(map);
        keys.iter().any(|key| near::near(key, ["load"]).is_some())
    }
}
