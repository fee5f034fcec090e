//! How the load did: what went wrong with its calls, and whether it came as it should have.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::view::View;
use crate::record::{Call, Outcome, Phase, Recording, Worth};

/// The most kinds of errors that are told one by one.
const KINDS_MAX: usize = 12;

/// How the load of an experiment did, but for the warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// Calls that were due and were not sent, in the warm-up too.
    pub missed: u64,
    /// The 99th percentile of how late calls were sent, in seconds, in the phase in which it was worst.
    pub late_p99_s: f64,
    /// What went wrong with calls, the most frequent first; a dozen kinds at most.
    pub errors: Vec<CallErrors>,
    /// How many calls went wrong in ways that found no room there.
    pub other_errors: u64,
}

/// What went wrong with calls of one kind in one way. While a fault lasts that may be as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallErrors {
    /// Their kind: `POST /orders`.
    pub call: String,
    /// How they came out: `timed out`, `status 503`, `wrong answer`.
    pub what: String,
    /// How many were meant for the baseline.
    pub baseline: u64,
    /// How many were meant for the fault phase.
    pub fault: u64,
    /// How many were meant for the recovery.
    pub recovery: u64,
    /// What the first of them met, where that says more.
    pub example: Option<String>,
}

impl CallErrors {
    /// How many in all.
    pub fn count(&self) -> u64 {
        self.baseline + self.fault + self.recovery
    }
}

impl LoadReport {
    /// How the load of a recording did.
    pub fn of(recording: &Recording) -> Self {
        let view = View::new(recording);
        let judged = recording.phases.iter();
        let judged = judged.filter(|mark| mark.phase != Phase::WarmUp);
        let late = judged.map(|mark| view.lateness(*mark)).max();
        let mut errors = errors(&view);
        let others = errors.split_off(errors.len().min(KINDS_MAX));
        Self {
            missed: recording.missed,
            late_p99_s: late.unwrap_or_default() as f64 / 1e9,
            errors,
            other_errors: others.iter().map(CallErrors::count).sum(),
        }
    }
}

/// One way in which calls of a class go wrong; answers are told apart by their status.
type Kind = (u16, Outcome, Option<u16>);

fn kind(call: &Call) -> Kind {
    (call.class, call.outcome, call.status)
}

/// Every kind of error, the most frequent first.
fn errors(view: &View<'_>) -> Vec<CallErrors> {
    let recording = view.recording;
    let ended = recording.calls.iter().filter(|call| call.end.is_some());
    let slowest = ended.map(|call| view.latency(call)).max();
    let slowest = slowest.unwrap_or_default();
    // What the client left as planned is no error, nor what the end of the recording cut short.
    let is_error = |call: &&Call| {
        !call.is_good() && call.outcome != Outcome::Aborted && !view.is_young(call, slowest)
    };
    let mut found: BTreeMap<Kind, CallErrors> = BTreeMap::new();
    for mark in &recording.phases {
        let within = |call: &&Call| (mark.from..mark.until).contains(&call.intended);
        for call in recording.calls.iter().filter(within).filter(is_error) {
            let errors = found.entry(kind(call)).or_insert_with(|| first(view, call));
            match mark.phase {
                Phase::WarmUp => {}
                Phase::Baseline => errors.baseline += 1,
                Phase::Fault => errors.fault += 1,
                Phase::Recovery => errors.recovery += 1,
            }
        }
    }
    let mut errors: Vec<CallErrors> = found.into_values().collect();
    errors.retain(|errors| errors.count() > 0);
    errors.sort_by_key(|errors| Reverse(errors.count()));
    errors
}

/// A kind of error of which this is one call, with none counted yet.
fn first(view: &View<'_>, call: &Call) -> CallErrors {
    let bad_status = call.status.filter(|status| !(200..400).contains(status));
    let what = match (call.outcome, bad_status) {
        (Outcome::Answered, Some(status)) => format!("status {status}"),
        (Outcome::Answered, None) if call.worth == Some(Worth::Wrong) => "wrong answer".to_owned(),
        (outcome, _) => outcome.name().to_owned(),
    };
    let seen = view.recording.errors.iter();
    let mut same = seen.filter(|seen| (seen.class, seen.outcome, seen.status) == kind(call));
    let example = same.next().map(|seen| seen.example.clone());
    CallErrors {
        call: view.class_name(call.class).to_owned(),
        what,
        baseline: 0,
        fault: 0,
        recovery: 0,
        // Of a bad status its number says it all.
        example: example.filter(|_| call.outcome != Outcome::Answered || bad_status.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{
        BASELINE, FAULT, HandMade, MS, NEVER, RECOVERY, S, bad, good, status, timed_out,
    };
    use crate::record::ErrorSeen;

    fn told(errors: &CallErrors) -> (&str, &str, [u64; 3]) {
        let counts = [errors.baseline, errors.fault, errors.recovery];
        (&errors.call, &errors.what, counts)
    }

    #[test]
    fn errors_are_counted_by_kind_and_phase_and_the_most_frequent_comes_first() {
        let made = HandMade::order()
            .calls(0, BASELINE, S, good(MS))
            .calls(0, FAULT, S, timed_out(S))
            .calls(1, FAULT, 500 * MS, status(503, MS))
            .call(1, RECOVERY.start, status(503, MS))
            .call(0, 5 * S, status(500, MS))
            .with(|recording| {
                let wrong = recording.calls.iter_mut().rfind(|call| call.is_good());
                wrong.unwrap().worth = Some(Worth::Wrong);
                let seen = |outcome, status, example: &str| ErrorSeen {
                    class: 0,
                    outcome,
                    status,
                    count: 1,
                    example: example.to_owned(),
                };
                recording.errors = vec![
                    seen(Outcome::Answered, Some(500), "the status is 500"),
                    seen(Outcome::Answered, Some(200), "/state is odd"),
                    seen(Outcome::TimedOut, None, "no whole answer within 1s"),
                ];
            });
        let recording = made.done();
        let (first, second) = (&recording.classes[0].name, &recording.classes[1].name);
        let report = LoadReport::of(&recording);
        let all: Vec<_> = report.errors.iter().map(told).collect();
        assert_eq!(
            all,
            [
                (second.as_str(), "status 503", [0, 20, 1]),
                (first.as_str(), "timed out", [0, 10, 0]),
                (first.as_str(), "wrong answer", [1, 0, 0]),
            ]
        );
        let examples: Vec<_> = report.errors.iter().map(|e| e.example.as_deref()).collect();
        let late = Some("no whole answer within 1s");
        assert_eq!(examples, [None, late, Some("/state is odd")]);
        assert_eq!(report.other_errors, 0);
    }

    #[test]
    fn what_the_end_cut_short_or_the_client_left_is_no_error() {
        let made = HandMade::order()
            .calls(0, BASELINE, S, good(2 * S))
            .call(0, FAULT.start, NEVER)
            .call(0, RECOVERY.end - S, NEVER)
            .call(0, RECOVERY.start, bad(MS))
            .with(|recording| {
                let left = recording.calls.iter_mut().rfind(|call| call.end.is_some());
                left.unwrap().outcome = Outcome::Aborted;
            });
        let report = LoadReport::of(&made.done());
        let all: Vec<_> = report
            .errors
            .iter()
            .map(|e| (e.what.as_str(), e.fault))
            .collect();
        assert_eq!(all, [("open", 1)]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut made = HandMade::order();
        for code in 500..520 {
            made = made.call(0, FAULT.start, status(code, MS));
        }
        let report = LoadReport::of(&made.call(0, FAULT.start, status(519, MS)).done());
        assert_eq!((report.errors.len(), report.other_errors), (12, 8));
        assert_eq!(told(&report.errors[0]).1, "status 519");
    }

    #[test]
    fn the_worst_phase_says_how_late_the_load_was() {
        let made = HandMade::order()
            .calls(0, BASELINE.start..RECOVERY.end, 100 * MS, good(MS))
            .with(|recording| {
                recording.missed = 3;
                let fault = recording.calls.iter_mut();
                let fault = fault.filter(|call| FAULT.contains(&call.intended));
                fault.for_each(|call| call.sent += 7 * MS);
            });
        let report = LoadReport::of(&made.done());
        assert_eq!((report.missed, report.errors.len()), (3, 0));
        assert!((report.late_p99_s - 0.007).abs() < 1e-9, "{report:?}");
    }
}
