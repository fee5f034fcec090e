//! The calls as they go: one record each, from the moment that it is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Call, Nanos, Outcome};

/// The most calls that one experiment records; later ones are counted as missed.
const CALLS_MAX: usize = 20_000_000;

/// Every call so far.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: Mutex<(Vec<Call>, u64)>,
}

impl CallLog {
    fn lock(&self) -> MutexGuard<'_, (Vec<Call>, u64)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call that is being sent and gives its index; `None` when there is no room.
    pub(super) fn begin(
        &self,
        class: u16,
        serial: bool,
        intended: Nanos,
        sent: Nanos,
    ) -> Option<usize> {
        let (calls, missed) = &mut *self.lock();
        if calls.len() >= CALLS_MAX {
            *missed += 1;
            return None;
        }
        calls.push(Call {
            class,
            serial,
            intended,
            sent,
            end: None,
            status: None,
            outcome: Outcome::Open,
        });
        Some(calls.len() - 1)
    }

    pub(super) fn end(&self, index: usize, end: Nanos, outcome: Outcome, status: Option<u16>) {
        if let Some(call) = self.lock().0.get_mut(index) {
            (call.end, call.outcome, call.status) = (Some(end), outcome, status);
        }
    }

    /// A call that was due and could not be sent.
    pub(super) fn miss(&self) {
        self.lock().1 += 1;
    }

    /// A copy of all calls, and how many were missed.
    pub(super) fn snapshot(&self) -> (Vec<Call>, u64) {
        self.lock().clone()
    }

    /// Looks at the calls from this index on, without copying them.
    pub(super) fn since<T>(&self, index: usize, look: impl FnOnce(&[Call]) -> T) -> T {
        look(self.lock().0.get(index..).unwrap_or_default())
    }
}
