//! Toxiproxy's toxics that change how bytes travel: `latency`, `bandwidth`, `slicer`,
//! `packet_loss`; and `noop`, which does not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::classic::{Toxic, above_zero, micros, millis};
use crate::fault::flow::{Delay, Flow, Loss, Rate, SharedLine, Slice, Spread};

/// A larger piece is never cut: nothing is read at once that is as large.
const PIECE_MAX: u64 = 1 << 40;

/// Every piece comes late, counted from when it was received.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Latency {
    /// Milliseconds.
    #[serde(rename = "latency")]
    delay: i64,
    /// By how many milliseconds it varies either way.
    jitter: i64,
    /// How the variation is spread.
    distribution: Spread,
}

impl Toxic for Latency {
    const NAME: &'static str = "latency";
    const EXTRA: &'static [&'static str] = &["distribution"];

    fn flow(&self, flow: &mut Flow) {
        flow.delays.push(Delay {
            base: millis(self.delay),
            jitter: millis(self.jitter),
            spread: self.distribution,
            dropped_when_lifted: false,
        });
    }

    fn varies(&self) -> bool {
        self.jitter > 0
    }
}

/// So many bytes pass in a second; at 0, none do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Bandwidth {
    /// In units of 1000 bytes a second.
    rate: i64,
    /// Whether all connections share it, instead of each having it for itself.
    shared: bool,
    #[serde(skip)]
    line: Arc<SharedLine>,
}

impl Toxic for Bandwidth {
    const NAME: &'static str = "bandwidth";
    const EXTRA: &'static [&'static str] = &["shared"];

    fn flow(&self, flow: &mut Flow) {
        flow.rates.push(Rate {
            bytes: above_zero(self.rate).saturating_mul(1000),
            shared: self.shared.then(|| Arc::clone(&self.line)),
        });
    }
}

/// Bytes come in small pieces; at an average of 0, as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Slicer {
    /// Bytes.
    average_size: i64,
    /// By how many bytes it varies either way.
    size_variation: i64,
    /// Microseconds between two pieces.
    delay: i64,
}

impl Toxic for Slicer {
    const NAME: &'static str = "slicer";

    fn flow(&self, flow: &mut Flow) {
        let size = above_zero(self.average_size).min(PIECE_MAX);
        if size > 0 {
            flow.slice = Some(Slice {
                size,
                variation: above_zero(self.size_variation).min(size - 1),
                gap: micros(self.delay),
            });
        }
    }

    fn varies(&self) -> bool {
        self.size_variation > 0
    }
}

/// Pieces are lost for good.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PacketLoss {
    /// The share that is lost, 0 to 1.
    loss_rate: f64,
    /// What is added to the share right behind a loss, 0 to 1.
    correlation: f64,
}

impl Toxic for PacketLoss {
    const NAME: &'static str = "packet_loss";

    fn flow(&self, flow: &mut Flow) {
        let rate = self.loss_rate.clamp(0.0, 1.0);
        let more = self.correlation.clamp(0.0, 1.0).min(1.0 - rate);
        // A loss of ours has the chance r(1 - c) behind a piece that passed, and r(1 - c) + c
        // behind one that was lost: with c = `more` these are `rate` and `rate + more`.
        let own = 1.0 - more;
        flow.loss = Some(Loss {
            rate: if own > 0.0 { rate / own } else { 0.0 },
            correlation: more,
        });
    }

    fn varies(&self) -> bool {
        true
    }
}

/// Nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Noop {}

impl Toxic for Noop {
    const NAME: &'static str = "noop";

    fn flow(&self, _: &mut Flow) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(toxic: &impl Toxic) -> Flow {
        let mut flow = Flow::default();
        toxic.flow(&mut flow);
        flow
    }

    #[test]
    fn a_slicer_of_nothing_and_a_noop_leave_bytes_alone() {
        assert!(flow(&Noop {}).is_plain());
        assert!(flow(&Slicer::default()).is_plain());
        let slicer = Slicer {
            average_size: 3,
            size_variation: 1000,
            delay: -5,
        };
        let slice = flow(&slicer).slice.unwrap();
        assert_eq!((slice.size, slice.variation), (3, 2));
        assert!(slice.gap.is_zero());
    }

    #[test]
    fn a_loss_is_more_likely_behind_a_loss() {
        for (loss_rate, correlation) in
            [(0.1, 0.3), (0.5, 0.9), (0.0, 1.0), (1.0, 0.5), (7.0, -1.0)]
        {
            let toxic = PacketLoss {
                loss_rate,
                correlation,
            };
            let loss = flow(&toxic).loss.unwrap();
            let chance = |lost: f64| loss.rate * (1.0 - loss.correlation) + lost * loss.correlation;
            let rate = loss_rate.clamp(0.0, 1.0);
            let behind = (rate + correlation.clamp(0.0, 1.0)).min(1.0);
            assert!(
                (chance(0.0) - rate).abs() < 1e-9,
                "{loss_rate} {correlation}"
            );
            assert!(
                (chance(1.0) - behind).abs() < 1e-9,
                "{loss_rate} {correlation}"
            );
        }
    }

    #[test]
    fn what_is_below_zero_is_nothing() {
        let latency = Latency {
            delay: -1,
            jitter: i64::MIN,
            ..Latency::default()
        };
        let delay = flow(&latency).delays[0];
        assert!(delay.base.is_zero() && delay.jitter.is_zero());
        let bandwidth = Bandwidth {
            rate: -1,
            ..Bandwidth::default()
        };
        assert_eq!(flow(&bandwidth).rates[0].bytes, 0);
        let fast = Bandwidth {
            rate: i64::MAX,
            ..Bandwidth::default()
        };
        assert_eq!(flow(&fast).rates[0].bytes, u64::MAX);
    }
}
