//! `packet_loss`: pieces are lost and never sent again.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Loss};
use super::{Fault, Known, Level, Short, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::Percent;

/// How many.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The share of the pieces (what was read at once) that is lost.
    pub rate: Percent,
    /// How much the chance depends on whether the piece before was lost; not at all when left
    /// out.
    #[serde(default)]
    pub correlation: Percent,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl From<Percent> for Params {
    fn from(rate: Percent) -> Self {
        Self {
            rate,
            correlation: Percent::default(),
            direction: Direction::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct PacketLoss(Params);

impl Known for PacketLoss {
    type Params = Short<Percent, Params>;
    const NAME: &'static str = "packet_loss";
    const SUMMARY: &'static str =
        "pieces of the stream are lost for good, which TCP never does but broken middleboxes do";
    const EXAMPLE: &'static str = "packet_loss: { rate: 5%, correlation: 50% }";
    const SPEAKS: Speaks = Speaks::Bytes;

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for PacketLoss {
    fn level(&self) -> Level {
        Level::Bytes
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.0.direction.each(treatment, |flow| {
            flow.loss = Some(Loss {
                rate: self.0.rate.0,
                correlation: self.0.correlation.0,
            });
        });
    }

    fn varies(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!(
            "lose {} of the pieces{}",
            self.0.rate,
            self.0.direction.suffix()
        )
    }
}
