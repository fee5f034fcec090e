//! `slow_accept`: a connection stands still before it is served.

use super::{Fault, Known, Level, Treatment};
use crate::dice::Dice;
use crate::units::HumanDuration;

/// The time that a new connection waits.
#[derive(Clone, Copy, Debug)]
pub struct SlowAccept(HumanDuration);

impl Known for SlowAccept {
    type Params = HumanDuration;
    const NAME: &'static str = "slow_accept";
    const SUMMARY: &'static str = "a new connection is taken up so late; until then nothing is read from it and the callee knows nothing of it";
    const EXAMPLE: &'static str = "slow_accept: 500ms";

    fn new(delay: HumanDuration) -> Result<Self, String> {
        Ok(Self(delay))
    }
}

impl Fault for SlowAccept {
    fn level(&self) -> Level {
        Level::Connection
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.connection.opens_late += self.0.0;
    }

    fn delay(&self) -> Option<std::time::Duration> {
        None
    }

    fn describe(&self) -> String {
        format!("slow accept {}", self.0)
    }
}
