//! Who is told of calls as they go, and the one who notes them all.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Call, ErrorSeen, Outcome};

/// The most calls that one experiment records; later ones are counted as missed.
const CALLS_MAX: usize = 20_000_000;

/// Whoever is told of calls as they go.
pub trait Recorder: Debug + Send + Sync {
    /// A call is taken up. Gives its number; `None` when there is no room, and it is not made.
    fn begin(&self, call: &Call) -> Option<u64>;

    /// A call is over, or was open when the load ended; `why` says what went wrong, for a person.
    fn end(&self, number: u64, call: &Call, why: Option<&str>);

    /// A call was due and could not be made.
    fn miss(&self, call: &Call);
}

/// Every call so far, one record each from the moment at which it is taken up.
#[derive(Debug, Default)]
pub struct CallLog {
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    calls: Vec<Call>,
    missed: u64,
    /// By class, outcome and status: how many, and an example.
    errors: BTreeMap<(u16, Outcome, Option<u16>), (u64, String)>,
}

impl CallLog {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all calls.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many were due and not made.
    pub fn missed(&self) -> u64 {
        self.lock().missed
    }

    /// What went wrong, by class and kind, each with an example.
    pub fn errors(&self) -> Vec<ErrorSeen> {
        let noted = self.lock();
        let seen = noted.errors.iter();
        seen.map(|((class, outcome, status), (count, example))| ErrorSeen {
            class: *class,
            outcome: *outcome,
            status: *status,
            count: *count,
            example: example.clone(),
        })
        .collect()
    }

    /// Looks at the calls from this index on, without copying them.
    pub fn since<T>(&self, index: usize, look: impl FnOnce(&[Call]) -> T) -> T {
        look(self.lock().calls.get(index..).unwrap_or_default())
    }
}

impl Recorder for CallLog {
    fn begin(&self, call: &Call) -> Option<u64> {
        let mut noted = self.lock();
        if noted.calls.len() >= CALLS_MAX {
            noted.missed += 1;
            return None;
        }
        noted.calls.push(call.clone());
        Some(noted.calls.len() as u64 - 1)
    }

    fn end(&self, number: u64, call: &Call, why: Option<&str>) {
        let mut noted = self.lock();
        if let Some(why) = why {
            let errors = noted.errors.entry((call.class, call.outcome, call.status));
            errors.or_insert_with(|| (0, why.to_owned())).0 += 1;
        }
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(noted) = noted.calls.get_mut(place) {
            noted.clone_from(call);
        }
    }

    fn miss(&self, _: &Call) {
        self.lock().missed += 1;
    }
}
