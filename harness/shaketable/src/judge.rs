//! Judges a recording by a list of checks, and never lets a pass through that nothing supports.

use crate::check::view::{Trial, View, time};
use crate::check::{self, Check, State, Verdict};
use crate::record::{Call, FaultMark, Nanos, Outcome, Phase, PhaseMark, Recording};

/// Beyond this send lateness (p99) the load came in bursts that the suite did not ask for. Less is
/// no doubt about a pass, as latency counts from the intended time; and a failure of timing has it
/// taken off ([`View::own_latency`]).
const LATENESS_MAX: Nanos = 100_000_000;
/// Beyond this share of a processor the load's one thread was itself what calls waited for.
const LOAD_CPU_MAX: f64 = 0.9;
/// The same for the share of calls that were due and not sent.
const MISSED_MAX: f64 = 0.02;

/// What all these checks say of a recording, in order.
pub fn judge<'a>(
    checks: impl IntoIterator<Item = &'a dyn Check>,
    recording: &Recording,
) -> Vec<Verdict> {
    let view = View::new(recording);
    let doubts = Doubts::of(&view);
    checks
        .into_iter()
        .flat_map(|check| check.judge(&view))
        .map(|verdict| doubts.about(verdict))
        .collect()
}

/// Reasons for which a pass may not stand, although a failure does.
struct Doubts {
    /// About everything.
    general: Vec<String>,
    /// About what rests on how long things took.
    timing: Vec<String>,
}

impl Doubts {
    fn of(view: &View<'_>) -> Self {
        Self {
            general: general(view),
            timing: timing(view),
        }
    }

    /// A doubt takes a pass away; a process that lives, lives all the same.
    fn about(&self, mut verdict: Verdict) -> Verdict {
        let timed = check::find(&verdict.check).is_none_or(|kind| kind.timed);
        let reasons: Vec<&str> = self
            .general
            .iter()
            .chain(self.timing.iter().filter(|_| timed))
            .map(String::as_str)
            .collect();
        if verdict.state == State::Pass && !reasons.is_empty() && verdict.check != check::ALWAYS {
            verdict.state = State::Inconclusive;
            verdict.reason = Some(reasons.join("; "));
        }
        verdict
    }
}

/// The load came later than it should have.
fn timing(view: &View<'_>) -> Vec<String> {
    let phases = view.recording.phases.iter();
    let judged = phases.filter(|mark| mark.phase != Phase::WarmUp);
    let late = judged
        .clone()
        .map(|mark| (mark.phase, view.lateness(*mark)))
        .filter(|(_, late)| *late > LATENESS_MAX);
    let told = |(phase, late): (Phase, Nanos)| {
        format!(
            "in the {} phase the load was sent up to {} late (p99)",
            phase.name(),
            time(late)
        )
    };
    let busy = |mark: &&PhaseMark| mark.load_cpu as f64 > LOAD_CPU_MAX * mark.length() as f64;
    let busy = judged.filter(busy).map(|mark| {
        format!(
            "in the {} phase the load itself kept {:.0} % of a processor busy",
            mark.phase.name(),
            mark.load_cpu as f64 * 100.0 / mark.length().max(1) as f64
        )
    });
    late.map(told).chain(busy).collect()
}

/// What the checks rest on did not happen, or was not seen.
fn general(view: &View<'_>) -> Vec<String> {
    let recording = view.recording;
    let mut doubts = Vec::new();
    // What is tried on calls made one at a time, the checks count themselves: one that did not come
    // about says nothing of the others.
    let trials = view.trials();
    let tried_alone = |fault: &&FaultMark| {
        let trial = |trial: &Trial<'_>| {
            trial
                .faults
                .iter()
                .any(|tried| std::ptr::eq(*tried, *fault))
        };
        trials.iter().any(trial)
    };
    let unreached = view.unreached_faults().into_iter();
    for fault in unreached.filter(|fault| !tried_alone(fault)) {
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
    let exhausted = |call: &&Call| call.outcome == Outcome::Exhausted;
    let exhausted = recording.calls.iter().filter(exhausted).count();
    if exhausted > 0 {
        doubts.push(format!(
            "this machine had no descriptor or port left for {exhausted} calls"
        ));
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

/// The state of many verdicts: a failure outweighs what is inconclusive, that a pass.
pub fn overall<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> State {
    verdicts
        .into_iter()
        .map(|verdict| verdict.state)
        .max()
        .unwrap_or(State::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{FAULT, HandMade, MS, RECOVERY, S, good};

    /// Says what it is told, about everything.
    #[derive(Debug)]
    struct Says(State, &'static str);

    impl Check for Says {
        fn judge(&self, _: &View<'_>) -> Vec<Verdict> {
            let verdict = Verdict::about(self.1, "all", "claim");
            vec![match self.0 {
                State::Pass => verdict.pass(),
                State::Fail => verdict.fail("it broke", "look"),
                State::Inconclusive => verdict.inconclusive("unknown"),
            }]
        }
    }

    fn judged(made: HandMade, state: State) -> Verdict {
        judge([&Says(state, "says") as &dyn Check], &made.done()).remove(0)
    }

    /// A fault that one exchange met, and load that was sent on time.
    fn sound() -> HandMade {
        HandMade::order()
            .fault(0)
            .exchange(0, 21 * S, Some(22 * S), crate::record::Ended::Fault)
            .hit(0, 0)
            .calls(0, FAULT.start..RECOVERY.end, 100 * MS, good(MS))
    }

    #[test]
    fn what_nothing_speaks_against_stays_as_it_is() {
        judged(sound(), State::Pass).passes();
        judged(sound(), State::Fail).fails("it broke");
        judged(sound(), State::Inconclusive).is_open("unknown");
    }

    #[test]
    fn an_unreached_fault_takes_the_pass_away_and_names_its_edge() {
        let unreached = HandMade::order().fault(0);
        let verdict = judged(unreached.clone(), State::Pass);
        verdict.is_open(
            "no traffic reached order -> inventory while its fault was active (status 503)",
        );
        judged(unreached, State::Fail).fails("it broke");
    }

    #[test]
    fn a_refused_edge_is_reached_by_calls_that_need_it() {
        let refused = HandMade::order().refuse(0);
        judged(refused.clone(), State::Pass).is_open("order -> inventory");
        judged(refused.clone().call(1, 25 * S, good(MS)), State::Pass)
            .is_open("order -> inventory");
        judged(refused.clone().call(0, FAULT.end, good(MS)), State::Pass)
            .is_open("order -> inventory");
        judged(refused.call(0, 25 * S, good(MS)), State::Pass).passes();
    }

    #[test]
    fn each_of_several_faults_must_be_reached() {
        let second = sound()
            .fault(0)
            .last_fault(|fault| fault.says = "latency 3s".to_owned());
        judged(second, State::Pass).is_open("latency 3s");
    }

    #[test]
    fn calls_that_were_not_sent_take_the_pass_away() {
        let missed = |n| judged(sound().with(|recording| recording.missed = n), State::Pass);
        missed(4).passes();
        missed(5).is_open("5 of 211 calls were due and could not be sent");
    }

    #[test]
    fn a_late_generator_takes_the_pass_away() {
        let late = |by| {
            let made = sound().with(|recording| {
                for call in recording
                    .calls
                    .iter_mut()
                    .filter(|call| call.intended > RECOVERY.start)
                {
                    call.sent = call.intended + by;
                }
            });
            judged(made, State::Pass)
        };
        late(100 * MS).passes();
        late(100 * MS + 1).is_open("in the recovery phase the load was sent up to");
    }

    #[test]
    fn calls_that_this_machine_had_no_room_for_take_the_pass_away() {
        let made = sound().with(|recording| {
            recording.calls[3].outcome = Outcome::Exhausted;
        });
        judged(made, State::Pass).is_open("no descriptor or port left for 1 calls");
    }

    #[test]
    fn a_generator_that_is_at_its_limit_takes_the_pass_away() {
        let busy = |share: u64| {
            let made = sound().with(|recording| {
                let fault = &mut recording.phases[2];
                fault.load_cpu = fault.length() * share / 100;
            });
            judged(made, State::Pass)
        };
        busy(90).passes();
        busy(91).is_open("in the fault phase the load itself kept 91 % of a processor busy");
    }

    #[test]
    fn a_late_generator_is_no_doubt_about_counts() {
        let made =
            sound().with(|recording| recording.calls.iter_mut().for_each(|call| call.sent += S));
        let counts = Says(State::Pass, "retry_amplification");
        judge([&counts as &dyn Check], &made.done())
            .remove(0)
            .passes();
    }

    #[test]
    fn a_late_warm_up_matters_to_nobody() {
        let made = sound().call(0, 5 * S, good(MS)).with(|recording| {
            recording.calls.last_mut().unwrap().sent += S;
        });
        judged(made, State::Pass).passes();
    }

    #[test]
    fn records_that_found_no_room_take_the_pass_away() {
        let made = sound().with(|recording| recording.seen[0].dropped = 3);
        judged(made, State::Pass).is_open("3 exchanges found no room");
    }

    #[test]
    fn an_interrupted_experiment_passes_nothing_but_survival() {
        let made = || sound().with(|recording| recording.interrupted = true);
        judged(made(), State::Pass).is_open("interrupted");
        judge(
            [&Says(State::Pass, check::ALWAYS) as &dyn Check],
            &made().done(),
        )[0]
        .passes();
    }

    #[test]
    fn a_failure_outweighs_what_is_unknown_and_that_a_pass() {
        let of = |states: &[State]| {
            let recording = Recording::default();
            let view = View::new(&recording);
            let verdicts = states
                .iter()
                .flat_map(|state| Says(*state, "says").judge(&view));
            overall(&verdicts.collect::<Vec<_>>())
        };
        assert_eq!(
            of(&[State::Pass, State::Fail, State::Inconclusive]),
            State::Fail
        );
        assert_eq!(of(&[State::Pass, State::Inconclusive]), State::Inconclusive);
        assert_eq!(of(&[State::Pass]), State::Pass);
    }
}
