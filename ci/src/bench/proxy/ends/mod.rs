//! Both ends of a proxy, played by the bench itself where `wrk` and nginx cannot.

pub(crate) mod answering;
pub(crate) mod asking;
pub(crate) mod pouring;
pub(crate) mod sleeping;
pub(crate) mod talk;
