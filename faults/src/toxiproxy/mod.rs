//! Toxiproxy's HTTP API over the data plane: whoever speaks to Toxiproxy can speak to this.
//!
//! A map, in the order in which a request meets it:
//!
//! - `server`: sockets, limits, the end; `routes`: path and method to what is to be done;
//! - `body`: what was sent, bounded, and read as Go reads JSON; `model`: proxies and toxics in it;
//! - `collection`: all proxies; `proxied`: one, running or not; `toxic`: one of its toxics;
//! - `toxics`: what each type of toxic does, ours and theirs; `hits`: which exchanges it is for;
//! - `lease`: toxics that end by themselves; `address`: names and ports;
//! - `reply`, `errors`: what is answered, in Toxiproxy's own words; `metrics`; `config`; `log`.
//!
//! A toxic is one rule on an edge; nothing here touches a byte of the traffic.

mod address;
mod body;
mod collection;
mod config;
mod errors;
mod hits;
mod lease;
mod log;
mod metrics;
mod model;
mod proxied;
mod reply;
mod routes;
mod server;
mod toxic;
mod toxics;

pub use log::{Level, Log};
pub use server::{Options, Server, ServerError};

/// The version of Toxiproxy whose API this is. What is behind the `+` says whose it is.
pub const VERSION: &str = "2.12.0+shaketable";
