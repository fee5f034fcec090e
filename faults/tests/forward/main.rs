//! A forward proxy, met by raw clients: which edge a request goes to, what it becomes on its way, and
//! what faults do there.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod requests;
mod shaken;
mod stage;
mod strangers;
mod tunnels;
