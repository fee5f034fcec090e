//! What is done to the bytes that travel in one direction.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Break, Treatment};
use crate::dice::Dice;

/// What is done to the bytes of one direction. The default leaves them untouched.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// How late they come; the delays add up.
    pub delays: Vec<Delay>,
    /// How many pass in a second; the smallest counts.
    pub rates: Vec<Rate>,
    /// They come in small pieces.
    pub slice: Option<Slice>,
    /// They stop after so many.
    pub stop: Option<Stop>,
    /// The share of the bytes in which a bit is wrong.
    pub corrupt: f64,
    /// Pieces that are lost.
    pub loss: Option<Loss>,
    /// They are taken and thrown away.
    pub mute: Option<Mute>,
    /// They are taken and thrown away where the connection begins with a TLS handshake.
    pub stall_tls: bool,
    /// How much later than its last byte the end of the stream is passed on.
    pub closes_late: Duration,
    /// The connection ends so long after the first byte of this direction (or after the fault
    /// began to hold, where bytes have passed before); from that byte on nothing more passes.
    pub breaks: Option<(Duration, Break)>,
}

impl Flow {
    /// Whether nothing at all is done.
    pub fn is_plain(&self) -> bool {
        self.delays.is_empty()
            && self.rates.is_empty()
            && self.slice.is_none()
            && self.stop.is_none()
            && self.corrupt == 0.0
            && self.loss.is_none()
            && self.mute.is_none()
            && !self.stall_tls
            && self.closes_late.is_zero()
            && self.breaks.is_none()
    }

    /// How late the next piece comes.
    pub fn delay(&self, dice: &mut Dice) -> Duration {
        self.delays.iter().map(|delay| delay.sample(dice)).sum()
    }

    /// Limits the flow; of two limits the earlier one counts.
    pub fn stop_at(&mut self, stop: Stop) {
        if self.stop.is_none_or(|before| stop.after < before.after) {
            self.stop = Some(stop);
        }
    }
}

/// The direction of bytes on an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the caller to the callee.
    Up,
    /// From the callee to the caller.
    #[default]
    Down,
    /// Both.
    Both,
}

impl Direction {
    /// Does something to the flows of this direction.
    pub fn each(self, treatment: &mut Treatment, mut change: impl FnMut(&mut Flow)) {
        if self != Self::Down {
            change(&mut treatment.up);
        }
        if self != Self::Up {
            change(&mut treatment.down);
        }
    }

    /// How it reads behind the name of a fault; the usual one goes without saying.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Up => " (up)",
            Self::Down => "",
            Self::Both => " (both ways)",
        }
    }
}

/// How delays are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Evenly between `delay - jitter` and `delay + jitter`.
    #[default]
    Uniform,
    /// The bell curve around `delay` with the standard deviation `jitter`; never below zero.
    Normal,
    /// At least `delay`, with a long tail: a Pareto distribution (shape 3) whose mean lies
    /// `jitter` above `delay`.
    Pareto,
}

/// How late bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The delay without its variation.
    pub base: Duration,
    /// How much it varies.
    pub jitter: Duration,
    /// How the variation is spread.
    pub spread: Spread,
    /// What becomes of what is held back when the fault is lifted: `true` drops it, and the
    /// connection with it; `false` lets it go at once.
    pub dropped_when_lifted: bool,
}

/// The longest delay that is ever drawn.
const DELAY_MAX: Duration = Duration::from_hours(24);

impl Delay {
    /// Draws a delay.
    pub fn sample(&self, dice: &mut Dice) -> Duration {
        if self.jitter.is_zero() {
            return self.base;
        }
        let (base, jitter) = (self.base.as_secs_f64(), self.jitter.as_secs_f64());
        let seconds = match self.spread {
            Spread::Uniform => base + jitter * (2.0 * dice.roll() - 1.0),
            // Box and Muller, 1958.
            Spread::Normal => {
                let radius = (-2.0 * (1.0 - dice.roll()).ln()).sqrt();
                base + jitter * radius * (std::f64::consts::TAU * dice.roll()).cos()
            }
            // With shape 3 the scale s has the mean 1.5 s: s = 2 jitter gives the tail beyond s
            // the mean jitter.
            Spread::Pareto => {
                let scale = 2.0 * jitter;
                base + scale * ((1.0 - dice.roll()).powf(-1.0 / 3.0) - 1.0)
            }
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).map_or(DELAY_MAX, |d| d.min(DELAY_MAX))
    }
}

/// How many bytes pass in a second.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Bytes in a second; with 0 none pass, and none are lost.
    pub bytes: u64,
    /// Until when the line is taken, where all connections share one.
    pub shared: Option<Arc<SharedLine>>,
}

/// A line that several connections share.
#[derive(Debug, Default)]
pub struct SharedLine(Mutex<Option<Instant>>);

impl SharedLine {
    /// Changes the moment from which the line is free.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Option<Instant>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Small pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The size of a piece in bytes; at least 1.
    pub size: u64,
    /// By how much the size varies either way; below `size`.
    pub variation: u64,
    /// The time between two pieces.
    pub gap: Duration,
}

/// An early end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// So many bytes still pass: on bytes counted from when the fault holds, on HTTP in the body.
    pub after: u64,
    /// What happens then.
    pub then: Then,
}

/// What happens when a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection ends.
    Break(Break),
    /// This direction ends (FIN), the other goes on.
    HalfClose,
    /// Nothing comes any more until the fault is lifted; then the connection is reset.
    Silence,
    /// Nothing comes for so long, then the rest.
    Pause(Duration),
}

/// Lost pieces. TCP would send them again; this is what a broken middlebox does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The share of the pieces that is lost.
    pub rate: f64,
    /// How much the chance depends on whether the piece before was lost, 0 to 1.
    pub correlation: f64,
}

/// Bytes that vanish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    /// How the connection ends when the fault is lifted and bytes have been lost.
    pub when_lifted: Break,
    /// Whether it ends then though nothing was lost.
    pub ends_all: bool,
    /// Whether the end of the stream is told nevertheless.
    pub tells_end: bool,
}

impl Mute {
    /// Nothing gets through, not even an end; who lost bytes is cut off when it is lifted.
    pub fn new(when_lifted: Break) -> Self {
        Self {
            when_lifted,
            ends_all: false,
            tells_end: false,
        }
    }
}
