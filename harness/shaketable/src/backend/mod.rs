//! Faults carried out by a Toxiproxy server that somebody else runs, instead of by our own proxies.
//!
//! Our proxies stay in the way, before it, and do nothing but observe: caller, our proxy, Toxiproxy,
//! callee. So every check has the same evidence. A fault is injected here as a toxic, and in our
//! proxy as a mark that notes whom it hits.

mod client;
mod mark;
mod toxic;

pub(crate) use client::{Backend, BackendError, IS_BUILT};
pub(crate) use mark::Mark;
pub(crate) use toxic::{Toxic, toxics};
