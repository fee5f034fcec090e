//! The `shaketable` binary as its users meet it: real suites, real processes, and everything judged from
//! the outside by exit code, output, files and what is left running.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod asked;
#[cfg(feature = "toxiproxy")]
mod backend;
mod between;
mod callers;
mod commands;
mod dying;
mod environment;
mod faults;
mod files;
mod goose;
mod inspecting;
mod interrupting;
mod judging;
mod output;
mod proxied;
mod red_and_green;
mod requests;
#[cfg(feature = "tls")]
mod secure;
mod selecting;
mod stage;
mod stubs;
mod suites;
#[path = "../support/target.rs"]
mod target;
mod unreached;
