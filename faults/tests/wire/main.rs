//! Every fault, observed on the wire by a raw client; and traffic that no fault is meant for,
//! which must leave as it came.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod callee;
mod client;
mod control;
mod each;
#[cfg(target_os = "linux")]
mod hostile;
mod noted;
mod protocols;
mod select;
mod stage;
mod untouched;
