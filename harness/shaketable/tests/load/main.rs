//! The load on real sockets: one exchange with a target, and whole loads on good and bad days.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod agree;
mod arrivals;
mod bad_days;
mod closing;
mod connections;
mod descriptors;
mod framing;
mod http2;
mod places;
mod stage;
mod survey;
#[cfg(feature = "tls")]
mod tls;
