//! Proxies that speak TLS on either side, met by real TLS clients and servers; with faults on what is
//! inside, and on the TCP beneath.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod failing;
mod passing;
mod shaken;
mod stage;
