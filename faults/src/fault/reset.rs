//! `reset`: the connection breaks under the request.

use super::{Answer, Fault, Known, On, Treatment};
use crate::dice::Dice;

/// A real RST once the request has been read.
#[derive(Clone, Copy, Debug)]
pub struct Reset;

impl Known for Reset {
    type Params = On;
    const NAME: &'static str = "reset";
    const SUMMARY: &'static str =
        "the request is taken, then the connection is reset (RST); the callee sees nothing";
    const EXAMPLE: &'static str = "reset: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for Reset {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.answer = Answer::Reset;
    }

    fn describe(&self) -> String {
        "reset (RST after the request)".to_owned()
    }
}
