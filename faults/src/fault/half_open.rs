//! `half_open`: the callee is gone, and the caller was not told.

use super::flow::Mute;
use super::{Break, Fault, Hang, Known, On, Treatment};
use crate::dice::Dice;

/// A connection of which only the caller's end is left, as behind a dead host or a broken NAT.
#[derive(Clone, Copy, Debug)]
pub struct HalfOpen;

impl Known for HalfOpen {
    type Params = On;
    const NAME: &'static str = "half_open";
    const SUMMARY: &'static str = "connections look open to the caller, but nothing gets through either way, and no end is told";
    const EXAMPLE: &'static str = "half_open: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for HalfOpen {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        let mute = Some(Mute::new(Break::Reset));
        (treatment.up.mute, treatment.down.mute) = (mute, mute);
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        "half-open connections".to_owned()
    }
}
