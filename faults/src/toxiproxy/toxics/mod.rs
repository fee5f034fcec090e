//! The types of toxics: Toxiproxy's own, and every fault of the catalogue under its name. Where a
//! name is both, it is Toxiproxy's.

mod classic;
mod ends;
mod flows;
mod ours;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::classic::Classic;
use crate::fault::flow::Direction;
use crate::fault::{self, Fault};

/// Attributes as they are sent and shown.
pub(super) type Attributes = Map<String, Value>;

/// A type of toxic.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One of Toxiproxy's.
    Theirs(&'static Classic),
    /// One of the catalogue's.
    Ours(&'static fault::Kind),
}

impl Kind {
    /// The type of this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let theirs = classic::ALL.iter().find(|classic| classic.name == name);
        let ours = || fault::find(name).map(Self::Ours);
        theirs.map(Self::Theirs).or_else(ours)
    }

    /// Makes the fault from the attributes that are there and those that change; gives it with the
    /// attributes that it has now.
    pub(super) fn make(
        self,
        stream: Direction,
        before: &Attributes,
        change: &Attributes,
    ) -> Result<(Attributes, Arc<dyn Fault>), String> {
        match self {
            Self::Theirs(classic) => (classic.make)(stream, before, change),
            Self::Ours(kind) => ours::make(kind, stream, before, change),
        }
    }
}
