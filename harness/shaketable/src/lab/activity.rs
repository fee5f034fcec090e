//! What is under way on the edges, by which it is known when a call has had all its consequences.

use std::sync::Arc;

use shaketable_faults::plane::Proxy;

use crate::load::Activity;

/// The proxies of a lab.
#[derive(Debug)]
pub(super) struct Edges(pub(super) Vec<Arc<Proxy>>);

impl Activity for Edges {
    fn seen(&self) -> usize {
        self.0.iter().map(|proxy| proxy.count()).sum()
    }

    fn under_way(&self) -> usize {
        self.0.iter().map(|proxy| proxy.in_flight()).sum()
    }
}
