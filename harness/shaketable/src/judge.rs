//! Judges a recording by a list of checks, and never lets a pass through that nothing supports.

use crate::check::view::{View, time};
use crate::check::{self, Check, State, Verdict};
use crate::record::{Nanos, Phase, Recording};

/// Beyond this send lateness (p99) the load was not what the suite asked for.
const LATENESS_MAX: Nanos = 10_000_000;
/// The same for the share of calls that were due and not sent.
const MISSED_MAX: f64 = 0.02;

/// What all these checks say of a recording, in order.
pub fn judge<'a>(
    checks: impl IntoIterator<Item = &'a dyn Check>,
    recording: &Recording,
) -> Vec<Verdict> {
    let doubts = doubts(recording);
    checks
        .into_iter()
        .flat_map(|check| check.judge(recording))
        .map(|verdict| with_doubts(verdict, &doubts))
        .collect()
}

/// A reason for which nothing in the recording may pass, although a failure still stands.
fn doubts(recording: &Recording) -> Vec<String> {
    let view = View::new(recording);
    let mut doubts = Vec::new();
    for fault in view.unreached_faults() {
        let edge = recording
            .edges
            .get(fault.edge)
            .map(ToString::to_string)
            .unwrap_or_default();
        doubts.push(format!(
            "no traffic reached {edge} while its fault was active ({})",
            fault.says
        ));
    }
    let due = recording.calls.len() as u64 + recording.missed;
    if recording.missed as f64 > MISSED_MAX * due as f64 {
        doubts.push(format!(
            "{} of {due} calls were due and could not be sent",
            recording.missed
        ));
    }
    for mark in recording
        .phases
        .iter()
        .filter(|mark| mark.phase != Phase::WarmUp)
    {
        let late = view.lateness(*mark);
        if late > LATENESS_MAX {
            doubts.push(format!(
                "in the {} phase the load was sent up to {} late (p99)",
                mark.phase.name(),
                time(late)
            ));
        }
    }
    let dropped: u64 = recording.seen.iter().map(|seen| seen.dropped).sum();
    if dropped > 0 {
        doubts.push(format!(
            "{dropped} exchanges found no room in the recording"
        ));
    }
    if recording.interrupted {
        doubts.push("the experiment was interrupted".to_owned());
    }
    doubts
}

/// A doubt takes a pass away; a process that lives, lives all the same.
fn with_doubts(mut verdict: Verdict, doubts: &[String]) -> Verdict {
    if verdict.state == State::Pass && !doubts.is_empty() && verdict.check != check::ALWAYS {
        verdict.state = State::Inconclusive;
        verdict.reason = Some(doubts.join("; "));
    }
    verdict
}

/// The state of many verdicts: a failure outweighs what is inconclusive, that a pass.
pub fn overall<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> State {
    verdicts
        .into_iter()
        .map(|verdict| verdict.state)
        .max()
        .unwrap_or(State::Pass)
}
