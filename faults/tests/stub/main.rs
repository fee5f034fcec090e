//! Stubs from outside: what they answer, what they count and keep, and how they serve a socket.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod answers;
mod random;
mod reading;
mod sockets;
mod stage;
mod state;
mod wrong;
