//! Looks at the processes of the services, ten times a second or more often, for less than a
//! hundredth of a processor: where looking costs more, it looks less often.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use shaketable_faults::observe::{Clock, Nanos};

use super::book::Book;
use super::start::Lab;
use crate::check::view::nanos;
use crate::launch::{Running, Subject, Watcher};
use crate::record::ServiceSamples;
use crate::suite::Edge;

/// Looks are this far apart where they are cheap: a tenth of a second even when one comes late.
const APART: Nanos = 80_000_000;
/// Of the time of a processor that passes, one part in this many may go into looking at processes …
const LOOKING: Nanos = 200;
/// … one into counting sockets, which is dear where there are thousands …
const COUNTING: Nanos = 300;
/// … and one into finding out who holds those that no address tells. Together less than 1%.
const ASKING: Nanos = 1_000;

/// A thread that looks again and again. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Sampler {
    books: Arc<Mutex<Vec<Book>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts to look at the services of a lab that were started by it.
    pub(super) fn start(clock: Clock, lab: &Lab, edges: &[Edge]) -> std::io::Result<Self> {
        let subject = |service: &Running| Subject {
            keeper: service.keeper_pid(),
            address: service.address(),
            proxies: lab.called_by(edges, service.name()),
        };
        let subjects: Vec<Subject> = lab.running.iter().map(subject).collect();
        let names = lab.running.iter().map(Running::name);
        let watcher = if subjects.is_empty() {
            None
        } else {
            Watcher::new(subjects)
        };
        let mut sampler = Self {
            books: Arc::default(),
            end: Arc::default(),
            thread: None,
        };
        // Where nothing is shown, nothing is claimed.
        let Some(watcher) = watcher else {
            return Ok(sampler);
        };
        sampler.books = Arc::new(Mutex::new(names.map(Book::new).collect()));
        let (books, end) = (Arc::clone(&sampler.books), Arc::clone(&sampler.end));
        let thread = std::thread::Builder::new().name("samples".to_owned());
        sampler.thread = Some(thread.spawn(move || watch(watcher, clock, &books, &end))?);
        Ok(sampler)
    }

    /// Everything seen so far.
    pub(super) fn seen(&self) -> Vec<ServiceSamples> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.iter().map(Book::read).collect()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn watch(mut watcher: Watcher, clock: Clock, books: &Mutex<Vec<Book>>, end: &AtomicBool) {
    let [mut looking, mut counting, mut asking] = [LOOKING, COUNTING, ASKING].map(Pace::new);
    // The first look finds out, once, what all others know.
    watcher.look();
    watcher.sockets();
    watcher.census();
    while !end.load(Ordering::Relaxed) {
        let at = clock.now();
        if at < looking.due {
            std::thread::park_timeout(Duration::from_nanos(looking.due - at));
            continue;
        }
        let began = own_cpu();
        let looks = watcher.look();
        let looked = own_cpu();
        let sockets = (at >= counting.due).then(|| watcher.sockets());
        let counted = own_cpu();
        if sockets.is_some() {
            counting.paid(at, counted.saturating_sub(looked));
        }
        let asked = at >= asking.due && watcher.census();
        let before_notes = own_cpu();
        if asked {
            asking.paid(at, before_notes.saturating_sub(counted));
        }
        let sockets = sockets.flatten().unwrap_or_default();
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, (book, look)) in books.iter_mut().zip(&looks).enumerate() {
            book.note(at, look, sockets.get(place).copied());
        }
        drop(books);
        let noting = own_cpu().saturating_sub(before_notes);
        looking.paid(at, looked.saturating_sub(began) + noting);
    }
}

/// When something is due again that may cost only so much: each time has to have been paid for.
#[derive(Debug)]
struct Pace {
    /// One part in how many.
    share: Nanos,
    due: Nanos,
}

impl Pace {
    fn new(share: Nanos) -> Self {
        Self { share, due: 0 }
    }

    fn paid(&mut self, began: Nanos, cost: Nanos) {
        self.due = began.saturating_add(APART.max(cost.saturating_mul(self.share)));
    }
}

/// What this thread has used of a processor.
fn own_cpu() -> Nanos {
    let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    used.map_or(0, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    /// How often something is done in ten seconds that costs this much each time.
    fn times_in_10_s(cost: Nanos) -> u64 {
        let (mut pace, mut now, mut times) = (Pace::new(LOOKING), 1, 0);
        while now < 10_000 * MS {
            pace.paid(now, cost);
            now = pace.due;
            times += 1;
        }
        times
    }

    #[test]
    fn what_is_cheap_is_done_ten_times_a_second_and_what_is_dear_for_its_share() {
        for cost in [0, MS / 10, MS / 4] {
            assert!(times_in_10_s(cost) >= 100, "{cost}");
        }
        for cost in [MS, 3 * MS, 10 * MS] {
            let used = times_in_10_s(cost) * cost;
            let share = 10_000 * MS / LOOKING;
            assert!((share..share + cost).contains(&used), "{cost}: {used}");
        }
    }
}
