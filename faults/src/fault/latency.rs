//! `latency`: bytes come late. It is a delay line: it delays, it does not lower the throughput.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Delay, Direction, Spread};
use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::HumanDuration;

/// How late, and how much it varies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Added to every answer; where bytes are not read as HTTP, to every piece that comes.
    pub delay: HumanDuration,
    /// How much the delay varies.
    #[serde(default)]
    pub jitter: HumanDuration,
    /// How the variation is spread; evenly when left out.
    #[serde(default)]
    pub distribution: Spread,
    /// `up` delays requests before the callee gets them.
    #[serde(default)]
    pub direction: Direction,
    /// What becomes of what is held back when the fault ends.
    #[serde(default)]
    pub when_lifted: WhenLifted,
}

/// What becomes of what a fault holds back when it is lifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenLifted {
    /// It goes on at once.
    #[default]
    Release,
    /// It is dropped, and its connection reset.
    Drop,
}

impl From<HumanDuration> for Params {
    fn from(delay: HumanDuration) -> Self {
        Self {
            delay,
            jitter: HumanDuration::default(),
            distribution: Spread::default(),
            direction: Direction::default(),
            when_lifted: WhenLifted::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    delay: Delay,
    direction: Direction,
}

impl Known for Latency {
    type Params = Short<HumanDuration, Params>;
    const NAME: &'static str = "latency";
    const SUMMARY: &'static str = "the callee works as ever, its answer arrives later";
    const EXAMPLE: &'static str = "latency: { delay: 3s, jitter: 500ms }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        let Params { delay, jitter, .. } = params;
        if jitter > delay && params.distribution == Spread::Uniform {
            return Err(format!(
                "the jitter {jitter} is larger than the delay {delay}"
            ));
        }
        Ok(Self {
            delay: Delay {
                base: delay.0,
                jitter: jitter.0,
                spread: params.distribution,
                dropped_when_lifted: params.when_lifted == WhenLifted::Drop,
            },
            direction: params.direction,
        })
    }
}

impl Fault for Latency {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.direction
            .each(treatment, |flow| flow.delays.push(self.delay));
    }

    fn varies(&self) -> bool {
        !self.delay.jitter.is_zero()
    }

    fn delay(&self) -> Option<Duration> {
        let Delay { base, jitter, .. } = self.delay;
        Some(match self.delay.spread {
            Spread::Uniform => base.saturating_sub(jitter),
            // Three standard deviations below the middle lies 0.1%.
            Spread::Normal => base.saturating_sub(jitter * 3),
            Spread::Pareto => base,
        })
    }

    fn describe(&self) -> String {
        let Delay { base, jitter, .. } = self.delay;
        let (delay, jitter) = (HumanDuration(base), HumanDuration(jitter));
        let varied = match self.delay.spread {
            _ if jitter.0.is_zero() => String::new(),
            Spread::Uniform => format!(" ± {jitter}"),
            Spread::Normal => format!(" ± {jitter} (normal)"),
            Spread::Pareto => format!(" + {jitter} (pareto)"),
        };
        format!("latency {delay}{varied}{}", self.direction.suffix())
    }
}
