//! What is sent, and when: the load as data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, brief};

use super::arrival::{Moments, Spacing};
use super::client::Target;
use super::script::Script;
use crate::record::Phase;

/// The load of one experiment.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What all its randomness depends on.
    pub seed: u64,
    /// The upper half of the trace ids of its calls; never zero.
    pub trace_base: u64,
    /// What tells the ids that its templates make up from those of another run with the same seed. (Trace
    /// ids stay the same: by them the proxies decide whom a fault hits.)
    pub salt: u64,
    /// How exactly calls are sent when they are due.
    pub pacing: Pacing,
    /// Where calls go.
    pub targets: Vec<Target>,
    /// What is sent, side by side.
    pub streams: Vec<Stream>,
}

/// Calls that arrive in one way.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name, unique in the load.
    pub name: String,
    /// The phase with which it begins.
    pub starts: Phase,
    /// How long after the beginning of that.
    pub after: Duration,
    /// For how long calls arrive; until the load ends when it is left out.
    pub lasts: Option<Duration>,
    /// Whether it begins anew each time that its phase comes.
    pub again: bool,
    /// How many calls arrive at most.
    pub calls: Option<u64>,
    /// How they arrive.
    pub arrival: Arrival,
    /// How many may be under way at once; what is due beyond that is missed, and counted.
    pub in_flight: usize,
    /// What they do, by weight; never empty.
    pub scripts: Vec<Arc<Script>>,
}

/// How calls arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// When they are due, whatever became of the earlier ones (an open model).
    Open(Moments),
    /// So many users, each of whom makes a call, waits for its end, thinks, and makes the next (a
    /// closed model): a target that is slow gets fewer calls.
    Users {
        /// How many.
        users: usize,
        /// How long each waits between its calls.
        think: Duration,
    },
    /// One at a time; the next when nothing is under way on any edge, so that every exchange
    /// belongs to a known call.
    Serial,
}

impl fmt::Display for Arrival {
    /// `100/s`, `20 users`, `50 at once`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(Moments::Rate(profile, spacing)) => match spacing {
                Spacing::Even => write!(f, "{profile}"),
                Spacing::Jitter => write!(f, "{profile}, jittered"),
                Spacing::Poisson => write!(f, "{profile}, Poisson"),
            },
            Self::Open(Moments::Recorded(moments)) => match moments.last() {
                Some(last) if *last > 0 => {
                    let over = brief(Duration::from_nanos(*last));
                    write!(f, "{} recorded moments over {over}", moments.len())
                }
                _ => write!(f, "{} at once", moments.len()),
            },
            Self::Users { users: 1, think } if think.is_zero() => write!(f, "1 user"),
            Self::Users { users, think } if think.is_zero() => write!(f, "{users} users"),
            Self::Users { users, think } => {
                write!(f, "{users} users who think {}", HumanDuration(*think))
            }
            Self::Serial => write!(f, "one at a time"),
        }
    }
}

/// How exactly calls are sent when they are due. What they are late is always recorded, and counts
/// as latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// To some ten microseconds; costs a wake-up for every call, and above 4,000 calls a second a
    /// whole processor.
    Precise,
    /// To a millisecond: what is due within one is sent together.
    LowCpu,
    /// Precise where the streams together never ask for more than 2,000 calls a second.
    #[default]
    Auto,
}

impl Pacing {
    /// Up to so many calls a second a wake-up for each costs little.
    const PRECISE_MAX: f64 = 2_000.0;

    /// The choice that is made for these streams: never `Auto`.
    #[must_use]
    pub fn chosen(self, streams: &[Stream]) -> Self {
        let peak: f64 = streams
            .iter()
            .filter_map(|stream| match &stream.arrival {
                Arrival::Open(moments) => moments.peak(),
                Arrival::Users { .. } | Arrival::Serial => None,
            })
            .sum();
        match self {
            Self::Auto if peak <= Self::PRECISE_MAX => Self::Precise,
            Self::Auto => Self::LowCpu,
            chosen => chosen,
        }
    }
}
