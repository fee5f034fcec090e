//! A fault that somebody else carries out: in our proxy it only notes whom it hits.

use std::sync::Arc;
use std::time::Duration;

use shaketable_faults::dice::Dice;
use shaketable_faults::fault::{Fault, Hang, Treatment};

/// The fault that it stands for.
#[derive(Debug)]
pub(crate) struct Mark(pub(crate) Arc<dyn Fault>);

impl Fault for Mark {
    fn treat(&self, _: &mut Dice, _: &mut Treatment) {}

    fn hang(&self) -> Option<Hang> {
        self.0.hang()
    }

    fn delay(&self) -> Option<Duration> {
        self.0.delay()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}
