//! Names that stand for several checks at once.

use shaketable_faults::Protocol;

use super::{Kind, find};
use crate::record::EdgeFacts;

/// A name that stands for several checks.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    /// The key in a suite.
    pub name: &'static str,
    /// What it stands for, in a few words.
    pub stands_for: &'static str,
    /// A complete example of the entry.
    pub example: &'static str,
    /// The checks, as they are sensible for an edge.
    pub members: fn(&EdgeFacts) -> Vec<&'static Kind>,
}

/// Every bundle there is.
pub const BUNDLES: &[Bundle] = &[Bundle {
    name: "resilient",
    stands_for: "all that a caller should be able to take from one of its dependencies",
    example: "resilient: { edge: order -> inventory }",
    members: resilient,
}];

/// Looks a bundle up by its key in a suite.
pub fn named(name: &str) -> Option<&'static Bundle> {
    BUNDLES.iter().find(|bundle| bundle.name == name)
}

/// What can be asked on an edge of bytes, too.
const ON_BYTES: [&str; 6] = [
    "timeout_present",
    "fast_failure",
    "bulkhead",
    "no_pool_exhaustion",
    "no_leak",
    "recovery",
];

/// The sensible set for an edge.
fn resilient(edge: &EdgeFacts) -> Vec<&'static Kind> {
    let answer = if edge.soft {
        "graceful_degradation"
    } else {
        "no_error_masking"
    };
    let names = [
        "timeout_present",
        "fast_failure",
        "retry_amplification",
        "retry_backoff",
        "bulkhead",
        "no_pool_exhaustion",
        "no_leak",
        "recovery",
        "contract_tolerance",
        answer,
    ];
    let fits = |name: &&str| edge.protocol != Protocol::Tcp || ON_BYTES.contains(name);
    names
        .iter()
        .copied()
        .filter(fits)
        .filter_map(find)
        .collect()
}
