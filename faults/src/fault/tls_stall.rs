//! `tls_stall`: a TLS handshake is never answered.

use super::{Fault, Hang, Known, Level, On, Speaks, Treatment};
use crate::dice::Dice;

/// The `ClientHello` is taken, and nothing comes.
#[derive(Clone, Copy, Debug)]
pub struct TlsStall;

impl Known for TlsStall {
    type Params = On;
    const NAME: &'static str = "tls_stall";
    const SUMMARY: &'static str =
        "connections that begin with a TLS handshake get no answer to it; others pass";
    const EXAMPLE: &'static str = "tls_stall: true";
    const SPEAKS: Speaks = Speaks::Bytes;

    fn new(_: On) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Fault for TlsStall {
    fn level(&self) -> Level {
        Level::Connection
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.up.stall_tls = true;
    }

    fn hang(&self) -> Option<Hang> {
        Some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        "TLS handshake without an answer".to_owned()
    }
}
