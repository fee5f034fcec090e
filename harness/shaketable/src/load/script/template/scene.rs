//! What one call draws on to fill its templates in.

use serde_json::Value;
use shaketable_faults::dice::join;

use super::source::Captured;
use crate::load::script::data::Table;

/// A value that no earlier step has captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(
    /// Its name.
    pub String,
);

/// What one call draws on. Everything in it but what was captured is a pure function of the seeds,
/// the arrival and the step, so that nothing depends on what else is under way.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What random values depend on: the seed of the stream.
    pub seed: u64,
    /// What ids depend on: those of two experiments with one seed differ, and those of two runs where a
    /// service may remember the first.
    pub ids: u64,
    /// Which arrival of its stream it is, from 0.
    pub index: u64,
    /// Which step of its journey.
    pub step: u64,
    /// The rows of the load.
    pub data: Option<&'a Table>,
    captured: Captured,
}

impl<'a> Scene<'a> {
    /// An arrival that has captured nothing yet.
    pub fn new(seed: u64, ids: u64, index: u64, data: Option<&'a Table>) -> Self {
        Self {
            seed,
            ids,
            index,
            step: 0,
            data,
            captured: Captured::new(),
        }
    }

    /// Keeps a value for later steps.
    pub fn capture(&mut self, name: &str, value: Value) {
        self.captured.insert(name.to_owned(), value);
    }

    /// What was captured.
    pub(super) fn captured(&self, name: &str) -> Result<&Value, Missing> {
        let found = self.captured.get(name);
        found.ok_or_else(|| Missing(name.to_owned()))
    }

    /// A number that no other call has. (Joining is one to one, so those of one stream and one step
    /// differ for certain.)
    pub(super) fn id(&self) -> u64 {
        join(join(join(self.ids, self.seed), self.index), self.step)
    }
}
