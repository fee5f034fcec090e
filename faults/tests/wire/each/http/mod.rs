//! The faults that only HTTP can have.

pub(super) mod answers;
pub(super) mod lost;
pub(super) mod mutate;
pub(super) mod requests;
