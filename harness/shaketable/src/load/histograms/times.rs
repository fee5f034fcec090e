//! What some calls took: their latency and their service time, in nanoseconds.

use hdrhistogram::Histogram;

use crate::record::Nanos;

/// Values are kept to this many significant digits.
const DIGITS: u8 = 3;

/// Latency and service time of some calls. Each grows with its largest value: 8 KiB for each
/// doubling beyond 2 µs, which is 190 KiB for 10 s and 460 KiB for the largest number there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// From the moment at which a call was meant to be sent until its end.
    pub latency: Histogram<u64>,
    /// From the moment at which it was sent until its end.
    pub service: Histogram<u64>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            latency: empty(),
            service: empty(),
        }
    }
}

impl Times {
    /// Adds one call.
    pub fn record(&mut self, latency: Nanos, service: Nanos) {
        record(&mut self.latency, latency);
        record(&mut self.service, service);
    }

    /// Adds what one call took from when it was due, and nothing else.
    pub(in crate::load) fn record_latency(&mut self, latency: Nanos) {
        record(&mut self.latency, latency);
    }

    /// Adds the calls of another one, each as it is there: nothing is lost or rounded again.
    pub fn merge(&mut self, other: &Self) {
        merge(&mut self.latency, &other.latency);
        merge(&mut self.service, &other.service);
    }

    /// How many calls there are.
    pub fn calls(&self) -> u64 {
        self.latency.len()
    }

    /// Forgets the calls and keeps the room.
    pub(super) fn clear(&mut self) {
        self.latency.reset();
        self.service.reset();
    }
}

#[expect(
    clippy::expect_used,
    reason = "the digits are a constant that is allowed"
)]
fn empty() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("3 digits are possible")
}

/// Only where the address space is too small for the value can it not be resized; it then counts
/// as the largest one that has room.
fn record(histogram: &mut Histogram<u64>, value: Nanos) {
    if histogram.record(value).is_err() {
        histogram.saturating_record(value);
    }
}

/// Both grow as they need to, so that the sum fails where [`record`] would.
fn merge(into: &mut Histogram<u64>, from: &Histogram<u64>) {
    if into.add(from).is_err() {
        for value in from.iter_recorded() {
            into.saturating_record_n(value.value_iterated_to(), value.count_at_value());
        }
    }
}
