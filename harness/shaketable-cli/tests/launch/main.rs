//! Starting and ending real processes, seen from the outside.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says by panicking what went wrong"
)]

mod becoming_ready;
#[cfg(target_os = "linux")]
mod belongings;
mod commands;
mod ending;
mod failing;
#[cfg(target_os = "linux")]
mod looking;
mod ports;
mod stage;
#[cfg(target_os = "linux")]
mod surviving;
#[path = "../support/target.rs"]
mod target;
