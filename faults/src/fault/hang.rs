//! `hang`: the connection is accepted, and then nothing comes.

use super::{Answer, Fault, Hang, Known, On, Treatment};
use crate::dice::Dice;

/// Takes the request and never says anything.
#[derive(Clone, Copy, Debug)]
pub struct Hanging;

impl Known for Hanging {
    type Params = On;
    const NAME: &'static str = "hang";
    const SUMMARY: &'static str =
        "the request is taken, no answer ever comes; reset when the fault ends";
    const EXAMPLE: &'static str = "hang: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for Hanging {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.answer = Answer::Silence;
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        "hang (accept then silence)".to_owned()
    }
}
