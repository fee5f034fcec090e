//! `latency`: the answer comes late.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::HumanDuration;

/// How late, and how much it varies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Added to every answer.
    pub delay: HumanDuration,
    /// The delay varies evenly by up to this much, either way.
    #[serde(default)]
    pub jitter: HumanDuration,
}

impl From<HumanDuration> for Params {
    fn from(delay: HumanDuration) -> Self {
        Self {
            delay,
            jitter: HumanDuration::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    delay: Duration,
    jitter: Duration,
}

impl Known for Latency {
    type Params = Short<HumanDuration, Params>;
    const NAME: &'static str = "latency";
    const SUMMARY: &'static str = "the callee works as ever, its answer arrives later";
    const EXAMPLE: &'static str = "latency: { delay: 3s, jitter: 500ms }";

    fn new(Short(_, Params { delay, jitter }): Self::Params) -> Result<Self, String> {
        if jitter > delay {
            return Err(format!(
                "the jitter {jitter} is larger than the delay {delay}"
            ));
        }
        Ok(Self {
            delay: delay.0,
            jitter: jitter.0,
        })
    }
}

impl Fault for Latency {
    fn treat(&self, dice: &mut Dice, treatment: &mut Treatment) {
        let lowest = self.delay.saturating_sub(self.jitter);
        treatment.delay += lowest + (self.jitter * 2).mul_f64(dice.roll());
    }

    fn delay(&self) -> Option<Duration> {
        Some(self.delay.saturating_sub(self.jitter))
    }

    fn describe(&self) -> String {
        let delay = HumanDuration(self.delay);
        if self.jitter.is_zero() {
            format!("latency {delay}")
        } else {
            format!("latency {delay} ± {}", HumanDuration(self.jitter))
        }
    }
}
