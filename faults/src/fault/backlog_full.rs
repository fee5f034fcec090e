//! `backlog_full`: handshakes are not answered.

use super::{Door, Fault, Hang, Known, Level, On, Treatment};
use crate::dice::Dice;

/// The kernel's queue of connections is full and nobody takes any out.
#[derive(Clone, Copy, Debug)]
pub struct BacklogFull;

impl Known for BacklogFull {
    type Params = On;
    const NAME: &'static str = "backlog_full";
    const SUMMARY: &'static str =
        "new connections are never accepted: the handshake gets no answer; established ones go on";
    const EXAMPLE: &'static str = "backlog_full: true";

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for BacklogFull {
    fn level(&self) -> Level {
        Level::Door
    }

    fn door(&self) -> Door {
        Door::Full
    }

    fn treat(&self, _: &mut Dice, _: &mut Treatment) {}

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Connect)
    }

    fn describe(&self) -> String {
        "backlog full (connections are never accepted)".to_owned()
    }
}
