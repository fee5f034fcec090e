//! The interval log of a recording that is finished.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::SystemTime;

use super::log::Log;
use super::windows::Windows;
use crate::record::{Call, Nanos, Outcome, Phase, PhaseMark, Recording};

/// The length of a window in a recording of up to a minute, and in a longer one, whose log would
/// be large otherwise.
const WINDOWS: [Nanos; 2] = [100_000_000, 1_000_000_000];
/// One minute.
const SHORT: Nanos = 60_000_000_000;

/// Writes what the calls of a recording took, by class, phase and window of 100 ms (1 s in one that
/// is longer than a minute). `zero` is the moment from which its clock counts.
pub fn write(recording: &Recording, zero: SystemTime, path: &Path) -> io::Result<()> {
    let about = format!(
        "The calls of the experiment `{}` of the suite `{}`, seed {}.",
        recording.experiment, recording.suite, recording.seed
    );
    let mut log = Log::begin(BufWriter::new(File::create(path)?), zero, &about)?;
    tell_censored(recording, &mut log)?;
    let names = recording.classes.iter().map(|class| class.name.clone());
    let window = WINDOWS[usize::from(recording.end > SHORT)];
    let mut windows = Windows::new(window, names);
    let mut in_order: Vec<&Call> = recording.calls.iter().collect();
    in_order.sort_by_key(|call| call.intended);
    for call in in_order {
        let phase = phase_at(&recording.phases, call.intended);
        let (latency, service) = (
            call.latency(recording.end),
            call.service_time(recording.end),
        );
        windows.record(call.class, phase, call.intended, latency, service);
        windows.drain(&mut log)?;
    }
    windows.finish(&mut log)?;
    log.end()?;
    Ok(())
}

/// How many calls have an age instead of an end, and how many there should have been.
fn tell_censored(recording: &Recording, log: &mut Log<impl io::Write>) -> io::Result<()> {
    let mut kinds: BTreeMap<Outcome, usize> = BTreeMap::new();
    let censored = [Outcome::Open, Outcome::TimedOut, Outcome::Aborted];
    for call in &recording.calls {
        if censored.contains(&call.outcome) {
            *kinds.entry(call.outcome).or_default() += 1;
        }
    }
    let calls = recording.calls.len();
    for (outcome, count) in kinds {
        log.comment(&format!(
            "Censored: {count} of {calls} calls ({}).",
            outcome.name()
        ))?;
    }
    if recording.missed > 0 {
        log.comment(&format!(
            "Missed: {} calls were due and could not be sent; nothing stands for them here.",
            recording.missed
        ))?;
    }
    Ok(())
}

/// The phase of a moment.
fn phase_at(phases: &[PhaseMark], at: Nanos) -> Option<Phase> {
    let mark = phases
        .iter()
        .find(|mark| (mark.from..mark.until).contains(&at))?;
    Some(mark.phase)
}

#[cfg(test)]
mod tests {
    use super::super::reading::read;
    use super::*;
    use crate::record::Class;

    const MS: Nanos = 1_000_000;

    fn call(intended: Nanos, sent: Nanos, end: Option<Nanos>, outcome: Outcome) -> Call {
        let mut call = Call::begun(0, false, intended, sent);
        (call.end, call.outcome) = (end, outcome);
        call
    }

    fn mark(phase: Phase, from: Nanos, until: Nanos) -> PhaseMark {
        PhaseMark::new(phase, from, until)
    }

    #[test]
    fn a_call_belongs_to_the_phase_of_its_intended_moment_and_none_is_left_out() {
        let recording = Recording {
            classes: vec![Class {
                name: "GET /a, b".to_owned(),
                to: "shop".to_owned(),
            }],
            calls: vec![
                // Ends in the fault phase; it is still the baseline's.
                call(990 * MS, 1005 * MS, Some(1020 * MS), Outcome::Answered),
                call(1100 * MS, 1100 * MS, Some(1600 * MS), Outcome::TimedOut),
                call(1150 * MS, 1160 * MS, None, Outcome::Open),
                call(2001 * MS, 2001 * MS, Some(2002 * MS), Outcome::Refused),
            ],
            missed: 7,
            phases: vec![
                mark(Phase::Baseline, 0, 1000 * MS),
                mark(Phase::Fault, 1000 * MS, 2000 * MS),
            ],
            end: 2150 * MS,
            ..Recording::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("latency.hlog");
        write(&recording, SystemTime::UNIX_EPOCH, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let tags = read(&bytes);
        let about = |tag: &str| {
            let (_, histogram) = &tags[&format!("{tag}/GET%20/a%2C%20b")];
            let ms = |value: u64| (value as f64 / MS as f64).round();
            (histogram.len(), ms(histogram.min()), ms(histogram.max()))
        };
        assert_eq!(about("baseline/latency"), (1, 30.0, 30.0));
        assert_eq!(about("baseline/service"), (1, 15.0, 15.0));
        assert_eq!(about("fault/latency"), (2, 500.0, 1000.0));
        assert_eq!(about("fault/service"), (2, 500.0, 990.0));
        assert_eq!(about("-/latency"), (1, 1.0, 1.0));
        assert_eq!(tags.len(), 6);
        let text = String::from_utf8(bytes).unwrap();
        for line in [
            "#Censored: 1 of 4 calls (open).\n",
            "#Censored: 1 of 4 calls (timed out).\n",
            "#Missed: 7 calls were due",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
