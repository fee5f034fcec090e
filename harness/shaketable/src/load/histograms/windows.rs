//! Histograms that are filled while calls end: a pair for each window, phase and class. What is
//! finished goes to a log and into the totals, so that memory does not grow with the run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::log::Log;
use super::times::Times;
use crate::record::{Nanos, Phase};

/// The windows that are kept open for calls that end late. A call that ends later still opens its
/// window once more: the log then has another line for it, and readers add the two.
const OPEN_MAX: u64 = 16;

/// The calls of one kind: a class in a phase, or outside of all.
type Kind = (Option<Phase>, u16);

/// What calls took, by window of the moment at which they were meant to be sent.
#[derive(Debug)]
pub struct Windows {
    length: Nanos,
    classes: Vec<String>,
    open: BTreeMap<u64, BTreeMap<Kind, Times>>,
    /// What is finished.
    done: Totals,
    /// Emptied histograms, to be filled again.
    spare: Vec<Times>,
}

/// The calls of each class in each phase, all windows together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    kinds: BTreeMap<Kind, Times>,
}

impl Windows {
    /// Windows of this length (never 0) for classes of these names.
    pub fn new(length: Nanos, classes: impl IntoIterator<Item = String>) -> Self {
        Self {
            length: length.max(1),
            classes: classes.into_iter().collect(),
            open: BTreeMap::new(),
            done: Totals::default(),
            spare: Vec::new(),
        }
    }

    /// Adds a call. `phase` is that of its intended moment; `latency` counts from there, `service`
    /// from when it was sent. A call that has no end counts with its age.
    pub fn record(
        &mut self,
        class: u16,
        phase: Option<Phase>,
        intended: Nanos,
        latency: Nanos,
        service: Nanos,
    ) {
        self.open
            .entry(intended / self.length)
            .or_default()
            .entry((phase, class))
            .or_insert_with(|| self.spare.pop().unwrap_or_default())
            .record(latency, service);
    }

    /// Writes every window that is older than the newest 16. To be called about once for each
    /// window, so that no more than these are ever in memory.
    pub fn drain<W: Write>(&mut self, log: &mut Log<W>) -> io::Result<()> {
        let Some((&newest, _)) = self.open.last_key_value() else {
            return Ok(());
        };
        self.drain_before((newest + 1).saturating_sub(OPEN_MAX), log)
    }

    /// Writes what is left, and gives all of it together.
    pub fn finish<W: Write>(mut self, log: &mut Log<W>) -> io::Result<Totals> {
        self.drain_before(u64::MAX, log)?;
        Ok(self.done)
    }

    /// All calls up to now.
    pub fn totals(&self) -> Totals {
        let mut totals = self.done.clone();
        for (kind, times) in self.open.values().flatten() {
            totals.add(*kind, times);
        }
        totals
    }

    fn drain_before<W: Write>(&mut self, end: u64, log: &mut Log<W>) -> io::Result<()> {
        if self
            .open
            .first_key_value()
            .is_none_or(|(&number, _)| number >= end)
        {
            return Ok(());
        }
        let kept = self.open.split_off(&end);
        for (number, kinds) in std::mem::replace(&mut self.open, kept) {
            for ((phase, class), mut times) in kinds {
                let known = self.classes.get(usize::from(class)).cloned();
                let name = known.unwrap_or_else(|| format!("class {class}"));
                let from = number.saturating_mul(self.length);
                log.window(from, self.length, phase, &name, &times)?;
                self.done.add((phase, class), &times);
                times.clear();
                self.spare.push(times);
            }
        }
        Ok(())
    }
}

impl Totals {
    /// The calls of each class (an index) in each phase (none: outside of all), in order.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Phase>, u16, &Times)> {
        self.kinds
            .iter()
            .map(|((phase, class), times)| (*phase, *class, times))
    }

    /// All calls together.
    pub fn all(&self) -> Times {
        let mut all = Times::default();
        for times in self.kinds.values() {
            all.merge(times);
        }
        all
    }

    fn add(&mut self, kind: Kind, times: &Times) {
        self.kinds.entry(kind).or_default().merge(times);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::super::reading::read;
    use super::*;

    const WINDOW: Nanos = 100_000_000;

    fn log() -> Log<Vec<u8>> {
        Log::begin(Vec::new(), SystemTime::UNIX_EPOCH, "a test").unwrap()
    }

    #[test]
    fn what_is_finished_leaves_and_what_comes_late_is_written_too() {
        let (mut windows, mut log) = (Windows::new(WINDOW, ["GET /".to_owned()]), log());
        let phase = Some(Phase::Fault);
        for number in 0..300 {
            windows.record(0, phase, number * WINDOW, 5_000, 4_000);
            windows.drain(&mut log).unwrap();
            assert!(windows.open.len() <= 16, "memory grows");
        }
        windows.record(0, phase, 0, 1_000_000_000, 1_000_000_000);
        windows.drain(&mut log).unwrap();
        assert!(windows.spare.len() <= 16, "memory grows");
        assert_eq!(windows.totals().all().calls(), 301);
        windows.finish(&mut log).unwrap();
        let tags = read(&log.end().unwrap());
        let (lines, latency) = &tags["fault/latency/GET%20/"];
        assert_eq!((*lines, latency.len()), (301, 301));
        assert!(latency.max() >= 1_000_000_000);
        assert_eq!(tags["fault/service/GET%20/"].1.len(), 301);
        assert_eq!(tags.len(), 2);
    }

    #[test]
    fn a_log_of_nothing_is_a_log() {
        let mut log = log();
        log.comment("nothing came").unwrap();
        let totals = Windows::new(WINDOW, []).finish(&mut log).unwrap();
        assert_eq!(totals.all().calls(), 0);
        let bytes = log.end().unwrap();
        assert!(read(&bytes).is_empty());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("#[BaseTime: 0.000 (seconds since epoch)]\n"));
        assert!(text.contains("\"StartTimestamp\",\"Interval_Length\""));
        assert!(text.ends_with("#nothing came\n"));
    }

    fn any_phase() -> impl Strategy<Value = Option<Phase>> {
        prop_oneof![
            Just(None),
            Just(Some(Phase::Baseline)),
            Just(Some(Phase::Fault)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever the order in which calls end, and whenever the windows are drained: those of
        /// the log together are those of one histogram of all, no call more and none less.
        #[test]
        fn the_windows_together_are_one_histogram_of_all(
            calls in prop::collection::vec(
                (0_u16..3, any_phase(), 0..60 * WINDOW, prop_oneof![9 => 0_u64..5_000_000, 1 => any::<u64>()], 0_u64..20_000_000_000, any::<bool>()),
                0..40,
            ),
        ) {
            // The third class has no name.
            let names = ["a", "b c"].map(str::to_owned);
            let (mut windows, mut log) = (Windows::new(WINDOW, names), log());
            let mut expected: BTreeMap<Kind, Times> = BTreeMap::new();
            for &(class, phase, intended, latency, service, drain) in &calls {
                windows.record(class, phase, intended, latency, service);
                expected.entry((phase, class)).or_default().record(latency, service);
                if drain {
                    windows.drain(&mut log).unwrap();
                }
            }
            prop_assert_eq!(&windows.totals().kinds, &expected);
            let totals = windows.finish(&mut log).unwrap();
            prop_assert_eq!(&totals.kinds, &expected);
            let tags = read(&log.end().unwrap());
            prop_assert_eq!(tags.len(), 2 * expected.len());
            let calls_read: u64 = tags.values().map(|(_, sum)| sum.len()).sum();
            prop_assert_eq!(calls_read, 2 * calls.len() as u64);
            for ((phase, class), times) in &expected {
                let class = ["a", "b%20c", "class%202"][usize::from(*class)];
                let phase = phase.map_or("-", Phase::name);
                for (measure, whole) in [("latency", &times.latency), ("service", &times.service)] {
                    prop_assert_eq!(&tags[&format!("{phase}/{measure}/{class}")].1, whole);
                }
            }
        }
    }
}
