//! What goose's requests become: calls of a class, told to the recorder of the experiment.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexSet;

use crate::load::Recorder;
use crate::record::{Call, Outcome};

/// The most classes; goose names a request by its path unless it is told otherwise, and there may be
/// a path for each order.
const CLASSES_MAX: usize = 1_000;
/// The class of whatever comes beyond that.
const OTHERS: &str = "other requests";

/// The classes of goose's requests. Known ones come first; others as they are met.
#[derive(Debug)]
pub(super) struct Tally {
    recorder: Arc<dyn Recorder>,
    /// So many are made by somebody else, whose calls stay apart.
    known: usize,
    classes: Mutex<IndexSet<String>>,
}

impl Tally {
    pub(super) fn new(recorder: Arc<dyn Recorder>, known: Vec<String>) -> Self {
        Self {
            known: known.len(),
            recorder,
            classes: Mutex::new(known.into_iter().collect()),
        }
    }

    /// The number of a class of goose's own. One that is called as a known one is not that one.
    pub(super) fn class(&self, name: &str) -> u16 {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match classes.get_index_of(name) {
            Some(place) if place < self.known => classes.insert_full(format!("{name} (goose)")).0,
            Some(place) => place,
            None if classes.len() - self.known < CLASSES_MAX => {
                classes.insert_full(name.to_owned()).0
            }
            None => classes.insert_full(OTHERS.to_owned()).0,
        };
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// The names of the classes, in order.
    pub(super) fn classes(&self) -> Vec<String> {
        let classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        classes.iter().cloned().collect()
    }

    /// A call is under way.
    pub(super) fn begin(&self, call: &Call) -> Option<u64> {
        self.recorder.begin(call)
    }

    /// A call that was told of in no way that can be read.
    pub(super) fn miss(&self) {
        self.recorder.miss(&Call::begun(u16::MAX, false, 0, 0));
    }

    /// A call has ended.
    pub(super) fn end(&self, number: u64, call: &Call, why: Option<&str>) {
        // Only what went wrong is told with a reason.
        let why = why.filter(|_| call.outcome != Outcome::Answered);
        self.recorder.end(number, call, why);
    }
}
