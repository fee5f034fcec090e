//! The stages of an experiment: its phases as they are planned, one after the other.

use std::time::Duration;

use crate::check::recipe::Kinds;
use crate::record::Phase;

/// One phase as it is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which.
    pub phase: Phase,
    /// For how long.
    pub lasts: Lasts,
    /// The faults that are in force, as places in the experiment's list. Those of the stage before
    /// that are not among them are lifted.
    pub faults: Vec<usize>,
}

/// How long a phase lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// So long, under the load; up to three times as long where a verdict needs it.
    Time(Duration),
    /// Until so many calls of each kind have been made, one at a time.
    Calls {
        /// How many.
        each: usize,
        /// Of which kinds.
        of: Kinds,
        /// How long to call on under the fault, when the caller has turned away from the edge; nothing
        /// where the fault is lifted until it comes back.
        watch: Option<Duration>,
    },
    /// Until calls, made one at a time, come out as they did before the fault.
    Settled,
}

/// What a call that is made alone takes, for estimates.
const CALL: Duration = Duration::from_millis(100);

impl Stage {
    /// How long it takes, about.
    pub fn planned(&self) -> Duration {
        match self.lasts {
            Lasts::Time(time) => time,
            Lasts::Calls { each, .. } => CALL * u32::try_from(each).unwrap_or(u32::MAX),
            Lasts::Settled => CALL * 2,
        }
    }
}

/// How long each phase takes under load; none is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// Until the system has settled.
    pub warm_up: Duration,
    /// Left alone.
    pub baseline: Duration,
    /// With the faults active.
    pub fault: Duration,
    /// After they have been taken away.
    pub recovery: Duration,
}

impl Phases {
    /// The stages of an experiment in which all faults, of which there are so many, are in force
    /// together.
    pub fn stages(&self, faults: usize) -> Vec<Stage> {
        let stage = |phase, time, faults| Stage {
            phase,
            lasts: Lasts::Time(time),
            faults,
        };
        vec![
            stage(Phase::WarmUp, self.warm_up, Vec::new()),
            stage(Phase::Baseline, self.baseline, Vec::new()),
            stage(Phase::Fault, self.fault, (0..faults).collect()),
            stage(Phase::Recovery, self.recovery, Vec::new()),
        ]
    }
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            warm_up: Duration::from_secs(1),
            baseline: Duration::from_secs(3),
            fault: Duration::from_secs(5),
            recovery: Duration::from_secs(5),
        }
    }
}
