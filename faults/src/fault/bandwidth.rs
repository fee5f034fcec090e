//! `bandwidth`: bytes pass slowly.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Rate, SharedLine};
use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// How slowly.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many bytes pass in a second.
    pub per_second: Size,
    /// Whether all connections of the edge share this, or each has it for itself.
    #[serde(default)]
    pub shared: bool,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl From<Size> for Params {
    fn from(per_second: Size) -> Self {
        Self {
            per_second,
            shared: false,
            direction: Direction::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Debug)]
pub struct Bandwidth {
    per_second: Size,
    up: Rate,
    down: Rate,
    direction: Direction,
}

impl Known for Bandwidth {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "bandwidth";
    const SUMMARY: &'static str =
        "so many bytes pass in a second, for each connection or for all (on HTTP: of the bodies)";
    const EXAMPLE: &'static str = "bandwidth: { per_second: 100KB, shared: true }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if params.per_second.0 == 0 {
            return Err("nothing passes at 0 bytes a second; see `mute` and `freeze`".to_owned());
        }
        let rate = || Rate {
            bytes: params.per_second.0,
            shared: params.shared.then(|| Arc::new(SharedLine::default())),
        };
        Ok(Self {
            per_second: params.per_second,
            up: rate(),
            down: rate(),
            direction: params.direction,
        })
    }
}

impl Fault for Bandwidth {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        if self.direction != Direction::Down {
            treatment.up.rates.push(self.up.clone());
        }
        if self.direction != Direction::Up {
            treatment.down.rates.push(self.down.clone());
        }
    }

    fn describe(&self) -> String {
        let all = if self.down.shared.is_some() {
            " for all connections"
        } else {
            ""
        };
        format!(
            "bandwidth {}/s{all}{}",
            self.per_second,
            self.direction.suffix()
        )
    }
}
