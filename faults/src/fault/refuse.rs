//! `refuse`: nothing listens.

use super::{Answer, Fault, Known, On, Treatment};
use crate::dice::Dice;

/// Connection refused, as when the callee's process is gone.
#[derive(Clone, Copy, Debug)]
pub struct Refuse;

impl Known for Refuse {
    type Params = On;
    const NAME: &'static str = "refuse";
    const SUMMARY: &'static str =
        "nothing listens: connections are refused, established ones are reset";
    const EXAMPLE: &'static str = "refuse: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for Refuse {
    fn shuts_the_door(&self) -> bool {
        true
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        // What was accepted in the instant before the door shut.
        treatment.answer = Answer::Reset;
    }

    fn describe(&self) -> String {
        "refuse (nothing listens)".to_owned()
    }
}
