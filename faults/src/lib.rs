//! The data plane of Shaketable: proxies that misbehave on purpose and tell what they saw.
//!
//! A map of the crate, in the order in which a byte meets it:
//!
//! - [`plane`]: the thread that the proxies run on, and [`plane::Proxy`], the control of one edge;
//! - `door`: the listening end of an edge, which keeps its port while nothing listens;
//! - `edge`: which faults are active, and the decision for each exchange;
//! - `http`, `tcp`: the relays that carry a decision out;
//! - [`fault`]: the faults, one a file, and [`which`]: the exchanges that a fault is meant for;
//! - [`dice`]: randomness that is a pure function of what is decided;
//! - [`observe`]: what was seen;
//! - [`stub`]: a dependency that we play ourselves;
//! - [`units`]: quantities as people write them.
//!
//! **Invariant:** this crate knows nothing of suites, checks, load or reports.
//! **Invariant:** bytes that no fault is meant for leave as they came.

pub mod dice;
mod door;
mod edge;
pub mod fault;
mod http;
pub mod observe;
pub mod plane;
pub mod stub;
mod tcp;
pub mod units;
pub mod which;
mod wire;

pub use edge::{Protocol, Rule};
