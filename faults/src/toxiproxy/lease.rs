//! Toxics that end by themselves unless they are renewed: when whoever set them is gone, they go
//! too.

use std::time::{Duration, Instant};

use crate::units::HumanDuration;

/// For how long a toxic holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) length: HumanDuration,
    pub(super) until: Instant,
}

/// A lease is no longer, so that its end can be counted.
const LENGTH_MAX: Duration = Duration::from_hours(24 * 365);

impl Lease {
    /// One that begins now.
    pub(super) fn new(length: HumanDuration) -> Self {
        let length = HumanDuration(length.0.min(LENGTH_MAX));
        Self {
            length,
            until: Instant::now() + length.0,
        }
    }

    /// Begins anew, with another length where one is given.
    pub(super) fn renewed(self, length: Option<HumanDuration>) -> Self {
        Self::new(length.unwrap_or(self.length))
    }
}
