//! Users who make the suite's requests, in a child process that runs our own binary: what it is
//! told, and the journal in which it tells of its calls.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::record::{Call, Nanos, Outcome};

/// What the child is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Users {
    /// How many users there are.
    pub users: usize,
    /// How long each waits between its requests.
    pub think: Duration,
    /// After how long a request is given up.
    pub timeout: Duration,
    /// The upper half of the trace ids of the requests; never zero.
    pub trace_base: u64,
    /// The number of the first call, from 1: those before it were made by somebody else.
    pub first_call: u64,
    /// What the users ask, by weight.
    pub asks: Vec<Ask>,
    /// Where the journal goes.
    pub journal: PathBuf,
}

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// What goose calls it.
    pub name: String,
    /// The class of its calls.
    pub class: u16,
    /// How often it is made in proportion to the others.
    pub weight: u32,
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Users {
    /// Writes it where the child finds it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, serde_json::to_vec(self)?)
    }

    /// Reads what was written.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}

/// The time that all processes of this machine agree on, in nanoseconds from no particular moment.
pub fn monotonic() -> Nanos {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
    let now = now.map(Duration::from).unwrap_or_default();
    Nanos::try_from(now.as_nanos()).unwrap_or(Nanos::MAX)
}

/// A line of the journal. `at` is a reading of [`monotonic`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A call is made; its number is one more than that of the last.
    Begin { call: u64, class: u16, at: Nanos },
    /// It is over.
    End {
        call: u64,
        at: Nanos,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// The child's journal. Every line is written at once, so that nothing is lost with the process.
#[derive(Debug)]
pub struct Journal {
    next: Mutex<(u64, File)>,
}

impl Journal {
    /// Begins a journal; the first call has this number.
    pub fn create(path: &Path, first_call: u64) -> io::Result<Self> {
        Ok(Self {
            next: Mutex::new((first_call, File::create(path)?)),
        })
    }

    /// A call begins now; gives its number.
    pub fn begin(&self, class: u16) -> io::Result<u64> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (call, file) = &mut *next;
        // Dated under the lock, so that the lines are in the order of time.
        let at = monotonic();
        write(
            file,
            &Line::Begin {
                call: *call,
                class,
                at,
            },
        )?;
        *call += 1;
        Ok(*call - 1)
    }

    /// A call has ended now.
    pub fn end(
        &self,
        call: u64,
        outcome: Outcome,
        status: Option<u16>,
        why: Option<String>,
    ) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line::End {
            call,
            at: monotonic(),
            outcome,
            status,
            why,
        };
        write(&mut next.1, &line)
    }
}

fn write(file: &mut File, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// Reads the journal.
#[derive(Debug)]
pub(super) struct Reader {
    /// The moment of the child's clock at which ours was at zero.
    zero: Nanos,
    /// The calls under way, by the child's number: ours, and what is known of them.
    open: HashMap<u64, (u64, Call)>,
}

impl Reader {
    pub(super) fn new(zero: Nanos) -> Self {
        Self {
            zero,
            open: HashMap::new(),
        }
    }

    /// Takes a line; false when it is none.
    pub(super) fn take(&mut self, line: &[u8], tally: &Tally) -> bool {
        match serde_json::from_slice(line) {
            Ok(Line::Begin { call, class, at }) => {
                let at = at.saturating_sub(self.zero);
                let begun = Call::begun(class, false, at, at);
                if let Some(number) = tally.begin(&begun) {
                    self.open.insert(call, (number, begun));
                }
            }
            Ok(Line::End {
                call,
                at,
                outcome,
                status,
                why,
            }) => {
                if let Some((number, mut call)) = self.open.remove(&call) {
                    call.end = Some(at.saturating_sub(self.zero));
                    (call.outcome, call.status) = (outcome, status);
                    tally.end(number, &call, why.as_deref());
                }
            }
            Err(_) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::follow::Follow;
    use super::*;
    use crate::load::CallLog;

    #[test]
    fn what_the_journal_says_is_what_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let zero = monotonic();
        let journal = Journal::create(&path, 4).unwrap();
        let (one, two) = (journal.begin(0).unwrap(), journal.begin(1).unwrap());
        let three = journal.begin(0).unwrap();
        assert_eq!((one, two, three), (4, 5, 6));
        let refused = Some("nobody listens".to_owned());
        journal.end(two, Outcome::Refused, None, refused).unwrap();
        journal
            .end(one, Outcome::Answered, Some(201), None)
            .unwrap();

        let calls = Arc::new(CallLog::default());
        let tally = Tally::new(Arc::clone(&calls) as _, Vec::new());
        let mut reader = Reader::new(zero);
        Follow::new(&path)
            .lines(|line| assert!(reader.take(line.unwrap(), &tally)))
            .unwrap();
        assert!(!reader.take(b"[warn] something else", &tally));

        let calls_seen = calls.calls();
        let outcomes: Vec<Outcome> = calls_seen.iter().map(|call| call.outcome).collect();
        let open = [Outcome::Answered, Outcome::Refused, Outcome::Open];
        assert_eq!(outcomes, open);
        assert_eq!(calls_seen[0].status, Some(201));
        for call in &calls_seen {
            assert_eq!(call.intended, call.sent, "a closed model has no schedule");
            assert!(call.sent < 10_000_000_000, "the clocks do not agree");
        }
        assert_eq!(calls_seen[2].end, None);
        assert_eq!(calls.errors()[0].example, "nobody listens");
    }
}
