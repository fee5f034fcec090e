//! The contract of Toxiproxy's HTTP API, row by row, over real sockets: what its clients rely on,
//! what it gets wrong and this must not, and what its users have asked for.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod asked_for;
mod conditions;
mod effects;
mod effects_on_http;
mod general;
mod leases;
mod limits;
mod metrics;
mod ours;
mod populate;
mod proxies;
mod reset;
mod stage;
mod toxics;
mod wrong_there;
