//! What is kept of looks at a service: bounded, however long an experiment is and however many
//! processes the service starts.

use std::collections::HashMap;

use crate::launch::{Look, Process};
use crate::record::{Life, Nanos, Sample, ServiceSamples, Sockets};

/// The most samples of a service: more than half an hour of them, after which every second one goes,
/// and they come half as often.
const SAMPLES_MAX: usize = 30_000;
/// The most processes of a service that are told of one by one.
const LIVES_MAX: usize = 10_000;
/// A process that was gone sooner was started for one piece of work.
const PASSING: Nanos = 1_000_000_000;

/// The book of one service.
#[derive(Debug)]
pub(super) struct Book {
    service: String,
    /// Those that were there at the last look, by id and start.
    alive: HashMap<(i32, u64), Life>,
    over: Vec<Life>,
    passing: u64,
    samples: Vec<Sample>,
    /// How far samples have to be apart.
    apart: Nanos,
}

impl Book {
    /// An empty one.
    pub(super) fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            alive: HashMap::new(),
            over: Vec::new(),
            passing: 0,
            samples: Vec::new(),
            apart: 0,
        }
    }

    /// Notes what a look showed, and how many sockets there were if they were counted.
    pub(super) fn note(&mut self, at: Nanos, look: &Look, sockets: Option<Sockets>) {
        self.note_lives(at, &look.processes);
        // A service whose processes have all ended has no figures, not ones of zero.
        if look.processes.is_empty() {
            return;
        }
        if let Some(last) = self.samples.last_mut()
            && at < last.at.saturating_add(self.apart)
        {
            last.sockets = last.sockets.or(sockets);
            return;
        }
        if self.samples.len() >= SAMPLES_MAX {
            self.thin_out();
        }
        self.samples.push(Sample {
            at,
            processes: u32::try_from(look.processes.len()).unwrap_or(u32::MAX),
            threads: look.threads,
            fds: look.fds,
            rss: look.rss,
            cpu: look.cpu,
            queue: look.queue,
            sockets,
        });
    }

    fn note_lives(&mut self, at: Nanos, processes: &[Process]) {
        let mut before = std::mem::take(&mut self.alive);
        for process in processes {
            let key = (process.pid, process.started);
            let mut life = before.remove(&key).unwrap_or_else(|| Life {
                pid: process.pid,
                parent: process.parent,
                name: String::new(),
                started: at.saturating_sub(process.age),
                seen: at,
                gone: None,
                listens: false,
            });
            // Whoever has just been forked still has the name of its parent.
            if life.name != process.name {
                life.name.clone_from(&process.name);
            }
            life.listens |= process.listens;
            self.alive.insert(key, life);
        }
        for (_, life) in before {
            let lasted = at.saturating_sub(life.started);
            if !life.listens && lasted < PASSING || self.over.len() >= LIVES_MAX {
                self.passing += 1;
            } else {
                let gone = Some(at);
                self.over.push(Life { gone, ..life });
            }
        }
    }

    /// Keeps every second sample, and from now on no more of them. One whose sockets were counted
    /// stands for its neighbour as well.
    fn thin_out(&mut self) {
        let pair = |pair: &[Sample]| Sample {
            sockets: pair.iter().find_map(|sample| sample.sockets),
            ..pair[0]
        };
        self.samples = self.samples.chunks(2).map(pair).collect();
        if let [first, .., last] = self.samples[..] {
            let steps = u64::try_from(self.samples.len() - 1).unwrap_or(u64::MAX);
            self.apart = (last.at - first.at) / steps;
        }
    }

    /// What is in it.
    pub(super) fn read(&self) -> ServiceSamples {
        let mut lives: Vec<Life> = self
            .over
            .iter()
            .chain(self.alive.values())
            .cloned()
            .collect();
        lives.sort_by_key(|life| (life.seen, life.started, life.pid));
        ServiceSamples {
            service: self.service.clone(),
            lives,
            passing: self.passing,
            samples: self.samples.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;
    const S: Nanos = 1_000 * MS;

    fn process(pid: i32, age: Nanos, listens: bool) -> Process {
        Process {
            pid,
            parent: 1,
            name: "shop".to_owned(),
            started: u64::from(pid.unsigned_abs()),
            age,
            listens,
        }
    }

    fn look(processes: Vec<Process>) -> Look {
        Look {
            processes,
            threads: 3,
            ..Look::default()
        }
    }

    #[test]
    fn a_process_is_told_from_its_first_look_to_the_one_that_misses_it() {
        let mut book = Book::new("shop");
        book.note(10 * S, &look(vec![process(7, 4 * S, false)]), None);
        let renamed = Process {
            name: "python3".to_owned(),
            ..process(7, 5 * S, true)
        };
        book.note(11 * S, &look(vec![renamed, process(8, MS, false)]), None);
        book.note(12 * S, &look(vec![process(8, S, false)]), None);
        let seen = book.read();
        let life = |pid, started, seen, gone, listens, name: &str| Life {
            pid,
            parent: 1,
            name: name.to_owned(),
            started,
            seen,
            gone,
            listens,
        };
        assert_eq!(
            seen.lives,
            [
                life(7, 6 * S, 10 * S, Some(12 * S), true, "python3"),
                life(8, 11 * S - MS, 11 * S, None, false, "shop"),
            ]
        );
        let counted: Vec<(Nanos, u32)> = seen.samples.iter().map(|s| (s.at, s.processes)).collect();
        assert_eq!(counted, [(10 * S, 1), (11 * S, 2), (12 * S, 1)]);
    }

    #[test]
    fn what_passes_is_only_counted_unless_it_listened() {
        let mut book = Book::new("shop");
        let server = || process(1, 9 * S, true);
        for pid in 10_i32..60 {
            let at = S + u64::from(pid.unsigned_abs()) * 100 * MS;
            book.note(at, &look(vec![server(), process(pid, MS, false)]), None);
        }
        book.note(7 * S, &look(vec![server(), process(99, MS, true)]), None);
        book.note(7 * S + MS, &look(vec![server()]), None);
        let seen = book.read();
        let pids: Vec<i32> = seen.lives.iter().map(|life| life.pid).collect();
        assert_eq!((pids, seen.passing), (vec![1, 99], 50));
    }

    #[test]
    fn an_id_that_is_given_again_is_another_process() {
        let mut book = Book::new("shop");
        book.note(10 * S, &look(vec![process(7, 4 * S, false)]), None);
        let again = Process {
            started: 900,
            ..process(7, MS, false)
        };
        book.note(11 * S, &look(vec![again]), None);
        assert_eq!(book.read().lives.len(), 2);
    }

    #[test]
    fn a_service_that_has_ended_has_no_figures() {
        let mut book = Book::new("shop");
        book.note(S, &look(Vec::new()), None);
        assert_eq!(book.read().samples, []);
    }

    #[test]
    fn a_long_run_is_covered_whole_and_no_more_is_kept_than_may_be() {
        let mut book = Book::new("shop");
        let counted = Sockets {
            established: 5,
            ..Sockets::default()
        };
        let looks = 5 * SAMPLES_MAX as u64;
        for number in 0..looks {
            let sockets = (number % 2 == 1).then_some(counted);
            book.note(number * 80 * MS, &look(vec![process(1, S, true)]), sockets);
        }
        let samples = book.read().samples;
        assert!((SAMPLES_MAX / 4..=SAMPLES_MAX).contains(&samples.len()));
        let (first, last) = (samples[0].at, samples[samples.len() - 1].at);
        assert!(first == 0 && last >= (looks - 16) * 80 * MS, "{last}");
        let widest = samples.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(widest <= Some(8 * 80 * MS), "{widest:?}");
        let early = &samples[..samples.len() / 2];
        assert!(early.iter().all(|sample| sample.sockets == Some(counted)));
    }
}
