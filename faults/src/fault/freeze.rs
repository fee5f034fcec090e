//! `freeze`: nothing moves, as on a stopped process.

use super::{Fault, Hang, Known, Level, On, Treatment};
use crate::dice::Dice;

/// Connections stand still until the fault ends, and then go on with all that was sent meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Freeze;

impl Known for Freeze {
    type Params = On;
    const NAME: &'static str = "freeze";
    const SUMMARY: &'static str = "connections stand still and go on when the fault ends; nothing is lost (`where: { connection: reused }`: those that were there)";
    const EXAMPLE: &'static str = "freeze: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for Freeze {
    fn level(&self) -> Level {
        Level::Connection
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.connection.frozen = true;
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        "freeze".to_owned()
    }
}
