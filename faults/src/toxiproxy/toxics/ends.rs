//! Toxiproxy's toxics that end connections, or keep them from ending: `slow_close`, `timeout`,
//! `reset_peer`, `limit_data`.

use serde::{Deserialize, Serialize};

use super::classic::{Toxic, above_zero, millis};
use crate::fault::flow::{Flow, Mute, Stop, Then};
use crate::fault::{Break, OfConnection};

/// The end of the stream is passed on late.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SlowClose {
    /// Milliseconds.
    delay: i64,
}

impl Toxic for SlowClose {
    const NAME: &'static str = "slow_close";

    fn flow(&self, flow: &mut Flow) {
        flow.closes_late += millis(self.delay);
    }
}

/// The stream's bytes are dropped, and after a time the connection is closed; it is closed too
/// when the toxic is removed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Timeout {
    /// Milliseconds; with 0 it is not closed.
    timeout: i64,
}

impl Toxic for Timeout {
    const NAME: &'static str = "timeout";

    fn flow(&self, flow: &mut Flow) {
        flow.mute = Some(Mute {
            when_lifted: Break::Close,
            ends_all: true,
            tells_end: true,
        });
    }

    fn connection(&self, connection: &mut OfConnection) {
        if self.timeout > 0 {
            connection.end(millis(self.timeout), Break::Close);
        }
    }
}

/// The connection is reset (RST) after the stream's first byte; where bytes have passed before,
/// after the toxic came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ResetPeer {
    /// So many milliseconds later.
    timeout: i64,
}

impl Toxic for ResetPeer {
    const NAME: &'static str = "reset_peer";

    fn flow(&self, flow: &mut Flow) {
        let late = millis(self.timeout);
        if flow.breaks.is_none_or(|(before, _)| late < before) {
            flow.breaks = Some((late, Break::Reset));
        }
    }
}

/// The connection is closed after so many of the stream's bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LimitData {
    bytes: i64,
}

impl Toxic for LimitData {
    const NAME: &'static str = "limit_data";

    fn flow(&self, flow: &mut Flow) {
        flow.stop_at(Stop {
            after: above_zero(self.bytes),
            then: Then::Break(Break::Close),
        });
    }
}
