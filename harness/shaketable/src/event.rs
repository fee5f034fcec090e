//! The one stream of events that a run tells its story by. Every report is made from it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::record::Phase;
use crate::report::{ExperimentReport, Report};

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A run begins.
    RunBegan {
        /// The suite.
        suite: String,
        /// The seed of every random decision.
        seed: u64,
        /// How many experiments there will be.
        experiments: usize,
        /// Where its files go.
        out: PathBuf,
    },
    /// An experiment begins.
    ExperimentBegan {
        /// Its name.
        experiment: String,
        /// How long its phases are meant to take in all.
        planned: Duration,
    },
    /// A service is ready.
    ServiceReady {
        /// Which.
        service: String,
        /// How long it took.
        after: Duration,
    },
    /// A phase begins.
    PhaseBegan {
        /// Which.
        phase: Phase,
        /// How long it is meant to take.
        planned: Duration,
    },
    /// A phase goes on, because a verdict needs more.
    PhaseExtended {
        /// Which.
        phase: Phase,
        /// What is not decided yet.
        why: String,
    },
    /// A fault is in force.
    FaultInjected {
        /// What and where: `latency 3s on order -> inventory`.
        fault: String,
    },
    /// A fault could not be put in force: nothing will have met it.
    FaultFailed {
        /// What and where.
        fault: String,
        /// Why not.
        why: String,
    },
    /// The faults are gone.
    FaultsLifted,
    /// How the load goes, about twice a second.
    Progress {
        /// The phase.
        phase: Phase,
        /// How much of it is over, 0 to 1.
        done: f64,
        /// Calls that ended since the last report.
        ended: usize,
        /// How many of them were good.
        good: usize,
        /// Calls that are under way.
        in_flight: usize,
    },
    /// A target died by itself.
    ServiceDied {
        /// Which.
        service: String,
        /// How.
        how: String,
    },
    /// A service met a bound that it has, so that not everything went as written.
    LimitMet {
        /// Which.
        service: String,
        /// The bound, and how often.
        limit: String,
    },
    /// Something went wrong on an edge, or with a caller's HTTP proxy, that no fault is to blame for.
    Trouble {
        /// The edge, or whose HTTP proxy.
        about: String,
        /// What happened.
        what: String,
        /// How often.
        times: u64,
    },
    /// An experiment has been judged.
    ExperimentEnded(Box<ExperimentReport>),
    /// The run is over.
    RunEnded(Box<Report>),
}

/// The sending end of the stream.
#[derive(Clone, Debug)]
pub struct Events(mpsc::UnboundedSender<Event>);

/// A stream; whoever renders the run reads its receiving end.
pub fn stream() -> (Events, mpsc::UnboundedReceiver<Event>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Events(sender), receiver)
}

impl Events {
    /// Tells. That nobody listens is no error.
    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }
}
