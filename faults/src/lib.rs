//! The data plane of Shaketable: proxies that misbehave on purpose and tell what they saw.
//!
//! A map of the crate, in the order in which a byte meets it:
//!
//! - [`plane`]: the threads that the proxies run on, and [`plane::Proxy`], the control of one edge;
//! - `door`: the listening end of an edge, which keeps its port while nothing listens;
//! - `connection`: one connection of a caller, and what is decided for it as a whole;
//! - `edge`: which faults are active, and `decision`: what they do to one exchange;
//! - `http`, `tcp`: the relays that carry a decision out, at the `pace` that it says; [`framing`]:
//!   where HTTP/1.1 messages end, also for whoever else reads them;
//! - [`fault`]: the faults, one a file; [`which`] exchanges they are meant for, and which [`times`];
//! - `wire`, [`timer`]: sockets and deadlines; [`tls`]: what may lie over a socket;
//! - [`dice`]: randomness that is a pure function of what is decided;
//! - [`observe`]: what was seen;
//! - [`switchboard`]: a forward proxy, by which callers reach several edges;
//! - [`stub`]: a dependency that we play ourselves;
//! - [`toxiproxy`]: control of proxies over HTTP, in Toxiproxy's words;
//! - [`units`]: quantities as people write them.
//!
//! **Invariant:** this crate knows nothing of suites, checks, load or reports.
//! **Invariant:** bytes that no fault is meant for leave as they came.

mod connection;
mod decision;
pub mod dice;
mod door;
mod edge;
pub mod fault;
pub mod framing;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod observe;
mod pace;
pub mod plane;
pub mod stub;
pub mod switchboard;
mod tcp;
pub mod timer;
pub mod times;
pub mod tls;
pub mod toxiproxy;
pub mod units;
pub mod which;
mod wire;

pub use edge::{Protocol, Rule};
pub use wire::Callee;
