//! What checks ask of the samples: how a figure went in a phase, whether it stood at a cap, and
//! whether a process was started again.
//!
//! A figure is read from a sample by a closure, such as `|sample| Some(sample.threads.into())`; it is
//! nothing where it was not seen.

use std::collections::BTreeMap;

use super::stats;
use super::view::{Level, View};
use crate::record::{Life, Nanos, PhaseMark, Sample, ServiceSamples};

/// What was seen of one service's processes.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    seen: &'a ServiceSamples,
    /// When the recording ended.
    end: Nanos,
}

/// How a figure was spread over the samples of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The smallest.
    pub min: u64,
    /// The one in the middle; of two, the smaller.
    pub median: u64,
    /// The largest.
    pub max: u64,
    /// How many samples had it.
    pub samples: usize,
}

/// Where a figure stood for longest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flat {
    /// The highest value of that range.
    pub level: i64,
    /// The share of the time in it, 0 to 1.
    pub share: f64,
    /// The share of the time above it. At a cap there is none.
    pub above: f64,
}

/// A process that ended and was started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart<'a> {
    /// The one that is gone.
    pub old: &'a Life,
    /// The one that took its place.
    pub new: &'a Life,
}

impl<'a> View<'a> {
    /// What was seen of a service's processes; or why nothing was, for a check that needs it.
    pub fn sampled(&self, service: &str) -> Result<Sampled<'a>, &'static str> {
        let recording = self.recording;
        let found = recording.samples.iter().find(|of| of.service == service);
        if let Some(seen) = found.filter(|seen| !seen.samples.is_empty()) {
            let end = recording.end;
            return Ok(Sampled { seen, end });
        }
        let known = recording.services.iter().find(|s| s.name == service);
        Err(match known {
            None => "there is no such service",
            Some(known) if known.stub => {
                "a stub is played by us and has no process that could be watched"
            }
            Some(known) if !known.ours => {
                "the service was not started by us, so its process cannot be watched"
            }
            Some(_) => "what its processes did is not in the recording: only Linux shows it",
        })
    }

    /// The samples of a service in a phase; none where there is nobody to look at.
    pub fn samples(&self, service: &str, mark: PhaseMark) -> &'a [Sample] {
        self.sampled(service)
            .map_or(&[], |sampled| sampled.samples(mark))
    }
}

impl<'a> Sampled<'a> {
    /// The samples in a phase.
    pub fn samples(&self, mark: PhaseMark) -> &'a [Sample] {
        let all = &self.seen.samples;
        let first = all.partition_point(|sample| sample.at < mark.from);
        let behind = all.partition_point(|sample| sample.at < mark.until);
        all.get(first..behind).unwrap_or_default()
    }

    /// All its processes, in the order in which they were seen first.
    pub fn lives(&self) -> &'a [Life] {
        &self.seen.lives
    }

    /// Smallest, middle and largest of a figure in a phase; nothing where it was never seen.
    pub fn spread(
        &self,
        mark: PhaseMark,
        figure: impl Fn(&Sample) -> Option<u64>,
    ) -> Option<Spread> {
        let mut values: Vec<u64> = self.samples(mark).iter().filter_map(figure).collect();
        values.sort_unstable();
        Some(Spread {
            min: *values.first()?,
            median: stats::quantile(&values, 0.5)?,
            max: *values.last()?,
            samples: values.len(),
        })
    }

    /// A figure over a phase without a gap: each value holds until the next is seen. Empty where the
    /// figure was never seen in the phase.
    pub fn levels(&self, mark: PhaseMark, figure: impl Fn(&Sample) -> Option<u64>) -> Vec<Level> {
        let value = |sample: &Sample| {
            let value = figure(sample)?;
            Some((sample.at, i64::try_from(value).unwrap_or(i64::MAX)))
        };
        let within: Vec<(Nanos, i64)> = self.samples(mark).iter().filter_map(value).collect();
        let until = mark.until.min(self.end);
        let ends = within.iter().skip(1).map(|next| next.0).chain([until]);
        let mut from = mark.from;
        let mut levels = Vec::with_capacity(within.len());
        for ((_, count), until) in within.iter().zip(ends) {
            levels.push(Level {
                from,
                until: until.max(from),
                count: *count,
            });
            from = until;
        }
        levels
    }

    /// Where a figure stood for longest in a phase, when values that differ by no more than `range`
    /// count as one. A figure at a cap has a large share, and nothing above.
    pub fn flat(
        &self,
        mark: PhaseMark,
        range: u32,
        figure: impl Fn(&Sample) -> Option<u64>,
    ) -> Option<Flat> {
        let mut time_at: BTreeMap<i64, Nanos> = BTreeMap::new();
        let mut whole: Nanos = 0;
        for level in self.levels(mark, figure) {
            let length = level.until - level.from;
            *time_at.entry(level.count).or_default() += length;
            whole += length;
        }
        let lasted = |level: i64| -> Nanos {
            let lowest = level.saturating_sub(range.into());
            time_at.range(lowest..=level).map(|(_, time)| time).sum()
        };
        let levels = time_at.keys().copied();
        // Of ranges that lasted as long, the one whose own top did.
        let level = levels.max_by_key(|level| (lasted(*level), time_at[level]))?;
        let above: Nanos = time_at.range(level + 1..).map(|(_, time)| time).sum();
        let share = |time: Nanos| time as f64 / whole.max(1) as f64;
        Some(Flat {
            level,
            share: share(lasted(level)),
            above: share(above),
        })
    }

    /// The processes that listened for the service, ended, and were started again: another one of the
    /// same name was started after that by the same parent. Only where one listened already when it was
    /// first looked: what a service starts for a piece of work comes later, and ends with it.
    pub fn restarts(&self) -> Vec<Restart<'a>> {
        let lives = &self.seen.lives;
        let first = lives.iter().map(|life| life.seen).min();
        let place = |life: &Life| (life.parent, life.name.clone());
        let mut places: Vec<_> = lives
            .iter()
            .filter(|life| life.listens && Some(life.seen) == first)
            .map(place)
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut restarts: Vec<Restart<'a>> = Vec::new();
        for place_of in places {
            restarts.extend(restarts_of(
                lives.iter().filter(|life| place(life) == place_of),
            ));
        }
        restarts.sort_by_key(|restart| (restart.old.gone, restart.old.pid));
        restarts
    }

    /// The last process that listened for the service, where it has ended and at the end of the
    /// recording nobody listens.
    pub fn left_deaf(&self) -> Option<&'a Life> {
        let queue = self.seen.samples.last()?.queue?;
        let lives = self.seen.lives.iter();
        let ended = lives.filter(|life| life.listens && life.gone.is_some());
        ended
            .max_by_key(|life| life.gone)
            .filter(|_| queue.sockets == 0)
    }
}

/// The restarts among the processes of one name and parent, each new one taken once.
fn restarts_of<'a>(lives: impl Iterator<Item = &'a Life>) -> Vec<Restart<'a>> {
    let all: Vec<&Life> = lives.collect();
    let mut ended: Vec<&Life> = all.iter().copied().filter(|l| l.gone.is_some()).collect();
    ended.sort_by_key(|life| (life.gone, life.pid));
    let mut restarts: Vec<Restart<'_>> = Vec::new();
    for old in ended {
        let took = |life: &Life| restarts.iter().any(|r| std::ptr::eq(r.new, life));
        // One that took a place may end before it has come to listen.
        if !old.listens && !took(old) {
            continue;
        }
        let later = |life: &&&Life| Some(life.seen) >= old.gone && !took(life);
        if let Some(new) = all.iter().find(later) {
            restarts.push(Restart { old, new });
        }
    }
    restarts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{BASELINE, FAULT, HandMade, MS, RECOVERY, S, listener};
    use crate::record::{ListenQueue, Phase, Recording};

    const THREADS: fn(&Sample) -> Option<u64> = |sample| Some(sample.threads.into());

    /// Ten samples a second, whose threads are these in turn, each for a tenth of the fault phase.
    fn with_threads(values: [u32; 10]) -> Recording {
        let turn = |at: Nanos| usize::try_from((at - FAULT.start) / S).unwrap();
        let sample = |at| Sample {
            threads: values[turn(at)],
            ..Sample::default()
        };
        let made = HandMade::order().service("order", true);
        made.sampled("order", FAULT, 100 * MS, sample).done()
    }

    fn in_fault<T>(recording: &Recording, ask: impl FnOnce(Sampled<'_>, PhaseMark) -> T) -> T {
        let view = View::new(recording);
        let mark = view.phase(Phase::Fault).unwrap();
        ask(view.sampled("order").unwrap(), mark)
    }

    #[test]
    fn samples_belong_to_the_phase_that_they_were_taken_in() {
        let made = HandMade::order().service("order", true);
        let all = BASELINE.start..RECOVERY.end;
        let recording = made.sampled("order", all, S, |_| Sample::default()).done();
        let view = View::new(&recording);
        let mark = view.phase(Phase::Fault).unwrap();
        let times: Vec<Nanos> = view.samples("order", mark).iter().map(|s| s.at).collect();
        assert_eq!(times, (20..30).map(|s| s * S).collect::<Vec<_>>());
        let none = PhaseMark::new(Phase::Fault, 41 * S, 50 * S);
        assert_eq!(view.samples("order", none), []);
    }

    #[test]
    fn who_has_no_samples_is_told_why() {
        let made = HandMade::order()
            .service("legacy", false)
            .service("order", true);
        let recording = made.stub("payment").done();
        let view = View::new(&recording);
        for (service, why) in [
            ("legacy", "not started by us"),
            ("payment", "a stub"),
            ("order", "only Linux"),
            ("nobody", "no such service"),
        ] {
            assert!(
                view.sampled(service).unwrap_err().contains(why),
                "{service}"
            );
            let mark = view.phase(Phase::Fault).unwrap();
            assert_eq!(view.samples(service, mark), []);
        }
    }

    #[test]
    fn a_spread_is_of_what_was_seen() {
        let recording = with_threads([4, 4, 4, 4, 4, 4, 9, 9, 2, 4]);
        let spread = in_fault(&recording, |sampled, mark| sampled.spread(mark, THREADS));
        let expected = Spread {
            min: 2,
            median: 4,
            max: 9,
            samples: 100,
        };
        assert_eq!(spread, Some(expected));
        let unseen = in_fault(&recording, |sampled, mark| {
            sampled.spread(mark, |sample| sample.fds.map(u64::from))
        });
        assert_eq!(unseen, None);
    }

    #[test]
    fn a_level_holds_until_the_next_is_seen() {
        let made = HandMade::order().service("order", true);
        let sample = |at| Sample {
            threads: u32::try_from(at / S).unwrap(),
            ..Sample::default()
        };
        let recording = made
            .sampled("order", FAULT.start + S..FAULT.end, 4 * S, sample)
            .done();
        let levels = in_fault(&recording, |sampled, mark| sampled.levels(mark, THREADS));
        let level = |from, until, count| Level { from, until, count };
        assert_eq!(
            levels,
            [
                level(20 * S, 25 * S, 21),
                level(25 * S, 29 * S, 25),
                level(29 * S, 30 * S, 29)
            ]
        );
        let unseen = in_fault(&recording, |sampled, mark| sampled.levels(mark, |_| None));
        assert_eq!(unseen, []);
    }

    #[test]
    fn a_figure_is_flat_where_it_stood_for_longest() {
        let flat = |values, range| {
            let recording = with_threads(values);
            in_fault(&recording, |sampled, mark| {
                sampled.flat(mark, range, THREADS)
            })
            .unwrap()
        };
        // At a cap of 8 for eight tenths of the time, once 7 counts as 8.
        let capped = [2, 5, 8, 8, 7, 8, 8, 8, 7, 8];
        let found = flat(capped, 1);
        assert_eq!((found.level, found.above), (8, 0.0));
        assert!((found.share - 0.8).abs() < 1e-9, "{found:?}");
        let found = flat(capped, 0);
        assert!(found.level == 8 && (found.share - 0.6).abs() < 1e-9);
        // What goes beyond now and then is no cap.
        let found = flat([3, 3, 3, 9, 3, 3, 3, 3, 9, 3], 1);
        assert!(found.level == 3 && (found.above - 0.2).abs() < 1e-9);
        // Whatever grows is flat nowhere.
        let found = flat([1, 3, 5, 7, 9, 11, 13, 15, 17, 19], 1);
        assert!((found.share - 0.1).abs() < 1e-9, "{found:?}");
        let nothing = with_threads([1; 10]);
        assert_eq!(
            in_fault(&nothing, |s, mark| s.flat(mark, 1, |_| None)),
            None
        );
    }

    fn pairs(lives: Vec<Life>) -> Vec<(i32, i32)> {
        let made = HandMade::order().service("order", true);
        let made = made.sampled("order", FAULT, S, |_| Sample::default());
        let recording = made.lives("order", lives).done();
        in_fault(&recording, |sampled, _| {
            let restarts = sampled.restarts();
            restarts.iter().map(|r| (r.old.pid, r.new.pid)).collect()
        })
    }

    #[test]
    fn a_process_that_is_started_again_is_seen_however_often() {
        let supervised = vec![
            listener(10, S, Some(22 * S)),
            listener(11, 22 * S, Some(24 * S)),
            Life {
                listens: false,
                ..listener(12, 25 * S, Some(27 * S))
            },
            listener(13, 27 * S, None),
        ];
        assert_eq!(pairs(supervised), [(10, 11), (11, 12), (12, 13)]);
    }

    #[test]
    fn one_new_process_takes_one_place() {
        let workers = vec![
            listener(10, S, Some(22 * S)),
            listener(11, S, Some(22 * S)),
            listener(12, S, None),
            listener(13, 22 * S, None),
        ];
        assert_eq!(pairs(workers), [(10, 13)]);
    }

    #[test]
    fn what_is_no_restart_is_not_taken_for_one() {
        // More workers came, and went when there was less to do.
        let scaled = vec![
            listener(10, S, None),
            listener(11, 20 * S, Some(31 * S)),
            listener(12, 20 * S, Some(32 * S)),
        ];
        assert_eq!(pairs(scaled), []);
        // One process for each piece of work, which holds all that its parent does.
        let other = |life: Life| Life {
            name: "convert".to_owned(),
            ..life
        };
        let forked = vec![
            listener(10, S, None),
            other(listener(11, 20 * S, Some(22 * S))),
            other(listener(12, 23 * S, None)),
        ];
        assert_eq!(pairs(forked), []);
        // Helpers that do not serve.
        let idle = |life: Life| Life {
            listens: false,
            ..other(life)
        };
        let helpers = vec![
            listener(10, S, None),
            idle(listener(11, S, Some(22 * S))),
            idle(listener(12, 22 * S, None)),
        ];
        assert_eq!(pairs(helpers), []);
        // Somebody else's child.
        let moved = Life {
            parent: 77,
            ..listener(12, 22 * S, None)
        };
        assert_eq!(pairs(vec![listener(10, S, Some(22 * S)), moved]), []);
        // The new one was there before the old one went, as in a graceful reload.
        let reloaded = vec![
            listener(10, S, Some(22 * S)),
            listener(11, 22 * S - 1, None),
        ];
        assert_eq!(pairs(reloaded), []);
    }

    #[test]
    fn a_service_that_nobody_brings_back_is_left_deaf() {
        let deaf = |gone: Option<Nanos>, sockets| {
            let queue = ListenQueue {
                sockets,
                ..ListenQueue::default()
            };
            let sample = move |_| Sample {
                queue: Some(queue),
                ..Sample::default()
            };
            let made = HandMade::order().service("order", true);
            let made = made.sampled("order", FAULT, S, sample);
            let recording = made.lives("order", vec![listener(10, S, gone)]).done();
            in_fault(&recording, |sampled, _| {
                sampled.left_deaf().map(|life| life.pid)
            })
        };
        assert_eq!(deaf(Some(25 * S), 0), Some(10));
        assert_eq!(deaf(Some(25 * S), 1), None);
        assert_eq!(deaf(None, 0), None);
    }
}
