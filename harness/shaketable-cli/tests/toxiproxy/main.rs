//! `shaketable proxy` and `shaketable toxiproxy`, as whole processes: the command lines of
//! Toxiproxy's server and client.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod client;
mod server;
mod stage;
