//! `slow_close`: the end of a connection is told late.

use super::flow::Direction;
use super::{Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::HumanDuration;

/// The time between the last byte and the FIN.
#[derive(Clone, Copy, Debug)]
pub struct SlowClose(HumanDuration);

impl Known for SlowClose {
    type Params = HumanDuration;
    const NAME: &'static str = "slow_close";
    const SUMMARY: &'static str = "the end of either side's stream is passed on so much later";
    const EXAMPLE: &'static str = "slow_close: 2s";
    const SPEAKS: Speaks = Speaks::Bytes;

    fn new(delay: HumanDuration) -> Result<Self, String> {
        Ok(Self(delay))
    }
}

impl Fault for SlowClose {
    fn level(&self) -> Level {
        Level::Bytes
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        Direction::Both.each(treatment, |flow| flow.closes_late += self.0.0);
    }

    fn describe(&self) -> String {
        format!("close {} late", self.0)
    }
}
