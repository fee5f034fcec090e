//! What checks ask of a recording: which calls need which edge, which belong to a phase, how many
//! exchanges were in flight, how much of a latency was the machine's own fault. What they ask of the
//! samples is in [`samples`](super::samples).

use std::time::Duration;

use shaketable_faults::units::brief;

use super::attribution::{self, Attribution};
use super::stalls::Stalls;
use super::stats;
use crate::names::{EdgeName, RequestName};
use crate::record::{
    Call, Ended, Exchange, FaultMark, Nanos, Outcome, Phase, PhaseMark, Recording,
};

pub use super::attribution::By;

/// A recording with the questions that checks ask of it.
#[derive(Debug)]
pub struct View<'a> {
    /// The recording itself.
    pub recording: &'a Recording,
    /// Which exchange belongs to which call.
    attribution: Attribution,
    /// When the machine was to blame.
    stalls: Stalls,
    /// The calls in the order in which they were intended, where the recording has them otherwise.
    order: Option<Vec<u32>>,
}

/// Faults that were tried on calls made one at a time.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// While they were in force.
    pub mark: PhaseMark,
    /// What was tried; together.
    pub faults: Vec<&'a FaultMark>,
    /// The calls, as places in the recording.
    pub calls: Vec<usize>,
}

/// A number in flight, held from one moment until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// From when.
    pub from: Nanos,
    /// Until when.
    pub until: Nanos,
    /// How many.
    pub count: i64,
}

impl<'a> View<'a> {
    /// Looks at a recording.
    pub fn new(recording: &'a Recording) -> Self {
        Self {
            recording,
            attribution: Attribution::of(recording),
            stalls: Stalls::of(recording),
            order: order(recording),
        }
    }

    /// A phase's mark, where the experiment came to it.
    pub fn phase(&self, phase: Phase) -> Option<PhaseMark> {
        self.recording
            .phases
            .iter()
            .find(|mark| mark.phase == phase)
            .copied()
    }

    /// An edge's place among the edges.
    pub fn edge(&self, name: &EdgeName) -> Option<usize> {
        self.recording.edges.iter().position(|edge| edge == name)
    }

    /// The edges that faults were injected on, in order.
    pub fn faulted_edges(&self) -> Vec<usize> {
        let mut edges: Vec<usize> = self
            .recording
            .faults
            .iter()
            .map(|fault| fault.edge)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// What was injected on an edge.
    pub fn faults_on(&self, edge: usize) -> impl Iterator<Item = &'a FaultMark> {
        self.recording
            .faults
            .iter()
            .filter(move |fault| fault.edge == edge)
    }

    /// The exchanges of an edge that began in a phase.
    pub fn exchanges(&self, edge: usize, mark: PhaseMark) -> impl Iterator<Item = &'a Exchange> {
        let within = move |exchange: &&Exchange| (mark.from..mark.until).contains(&exchange.start);
        self.recording
            .seen
            .get(edge)
            .into_iter()
            .flat_map(|seen| &seen.exchanges)
            .filter(within)
    }

    /// The calls that were meant for a phase. Those that were left as planned are none: nobody knows
    /// how they would have come out.
    pub fn calls(&self, mark: PhaseMark) -> impl Iterator<Item = &'a Call> {
        let calls = &self.recording.calls;
        let stayed = |call: &&Call| call.outcome != Outcome::Aborted;
        self.places(mark).map(|place| &calls[place]).filter(stayed)
    }

    /// The calls that were meant for a phase, as places in the recording.
    pub fn places(&self, mark: PhaseMark) -> impl Iterator<Item = usize> {
        let calls = &self.recording.calls;
        let place = |n: usize| match &self.order {
            Some(order) => order[n] as usize,
            None => n,
        };
        let first_from = |at: Nanos| match &self.order {
            Some(order) => order.partition_point(|n| calls[*n as usize].intended < at),
            None => calls.partition_point(|call| call.intended < at),
        };
        (first_from(mark.from)..first_from(mark.until)).map(place)
    }

    /// Whether every call of a phase was made alone, so that each exchange belongs to one of them.
    pub fn is_alone(&self, mark: PhaseMark) -> bool {
        let mut places = self.places(mark).peekable();
        places.peek().is_some() && places.all(|place| self.recording.calls[place].serial)
    }

    /// The fault phases in which calls were made one at a time, in order.
    pub fn trials(&self) -> Vec<Trial<'a>> {
        let phases = self.recording.phases.iter().copied();
        let trial = |mark: PhaseMark| Trial {
            mark,
            faults: self.faults_during(mark).collect(),
            calls: self.places(mark).collect(),
        };
        phases
            .filter(|mark| mark.phase == Phase::Fault && self.is_alone(*mark))
            .map(trial)
            .collect()
    }

    /// The faults that were in force in a phase.
    pub fn faults_during(&self, mark: PhaseMark) -> impl Iterator<Item = &'a FaultMark> {
        let overlap = move |fault: &&FaultMark| {
            fault.from < mark.until && fault.until.is_none_or(|until| until > mark.from)
        };
        self.recording.faults.iter().filter(overlap)
    }

    /// The name of a call's class.
    pub fn class_name(&self, class: u16) -> &'a str {
        self.recording
            .classes
            .get(usize::from(class))
            .map_or("?", |class| class.name.as_str())
    }

    /// What is to be said of a kind of call that nobody made: the program whose journeys make the calls
    /// calls it otherwise, or it is another suite's.
    pub fn nobody_made(&self, request: Option<&RequestName>) -> Option<String> {
        const NAMES_MAX: usize = 8;
        let request = request?;
        let classes = &self.recording.classes;
        if classes.iter().any(|class| class.name == request.0) {
            return None;
        }
        let names = classes.iter().take(NAMES_MAX);
        let mut names: Vec<String> = names.map(|class| format!("`{}`", class.name)).collect();
        if classes.len() > NAMES_MAX {
            names.push(format!("{} more", classes.len() - NAMES_MAX));
        }
        if names.is_empty() {
            return Some(format!(
                "no call of `{request}` was seen, nor of anything else"
            ));
        }
        let names = names.join(", ");
        Some(format!("no call of `{request}` was seen, only of {names}"))
    }

    /// Whether calls of a class reach an edge when all is well: at least half of those that were
    /// made alone before anything was done to the system did.
    pub fn class_needs(&self, class: u16, edge: usize) -> bool {
        self.attribution.needs(class, edge)
    }

    /// Whether a call of a class has ever been seen to reach an edge, if only now and then, as one
    /// does that misses its cache. Only a class that never did is independent of the edge.
    pub fn class_reaches(&self, class: u16, edge: usize) -> bool {
        self.attribution.reaches(class, edge)
    }

    /// Whether calls of a class were made alone, so that it is known what they need.
    pub fn is_surveyed(&self, class: u16) -> bool {
        self.attribution.tried(class) > 0
    }

    /// How many exchanges one call of a class makes on an edge when all is well, on average.
    pub fn exchanges_per_call(&self, class: u16, edge: usize) -> Option<f64> {
        self.attribution.exchanges_per_call(class, edge)
    }

    /// A call's latency; a lower bound where it never ended.
    pub fn latency(&self, call: &Call) -> Nanos {
        call.latency(self.recording.end)
    }

    /// Whether it is known on which side of a bound a call's latency lies: it was answered (well or
    /// badly), or it is over the bound already.
    pub fn has_settled(&self, call: &Call, bound: Nanos) -> bool {
        let unanswered = matches!(call.outcome, Outcome::Open | Outcome::TimedOut);
        !(unanswered || call.end.is_none()) || self.latency(call) > bound
    }

    /// Whether a call is still open and no older than this: it may yet end well or badly.
    pub fn is_young(&self, call: &Call, bound: Nanos) -> bool {
        call.end.is_none() && self.latency(call) <= bound
    }

    /// A call's latency less the time in which the machine stalled (or the load generator was
    /// late): what is left is the target's own, so a failure must stand on it.
    pub fn own_latency(&self, call: &Call) -> Nanos {
        let until = call.end.unwrap_or(self.recording.end);
        let sent_late = call.sent.saturating_sub(call.intended);
        let excused = self.stalled(call.intended, until).max(sent_late);
        self.latency(call).saturating_sub(excused)
    }

    /// Whether a call's whole life lies in a stall of the machine: nothing of how it came out can
    /// be held against the target.
    pub fn is_excused(&self, call: &Call) -> bool {
        call.end.is_some() && self.own_latency(call) == 0
    }

    /// For how much of the time between two moments the machine stalled.
    pub fn stalled(&self, from: Nanos, until: Nanos) -> Nanos {
        self.stalls.within(from, until)
    }

    /// The call that an exchange belongs to, where the target passed our trace id on.
    pub fn call_of(&self, exchange: &Exchange) -> Option<usize> {
        attribution::traced(self.recording, exchange)
    }

    /// The call that an exchange belongs to, and how that is known.
    pub fn owner(&self, exchange: &Exchange) -> Option<(usize, By)> {
        self.attribution.owner(self.recording, exchange)
    }

    /// The exchanges of a call on an edge, as far as they can be told from those of others, in the
    /// order in which they began.
    pub fn exchanges_of(&self, call: usize, edge: usize) -> impl Iterator<Item = &'a Exchange> {
        let places = self
            .attribution
            .exchanges_of(self.recording, call, edge)
            .iter();
        let seen = &self.recording.seen;
        places.filter_map(move |place| seen.get(edge)?.exchanges.get(*place as usize))
    }

    /// What an exchange's request said in a header that was noted, by the header's name in lower
    /// case; see [`Check::notes`](super::Check::notes).
    pub fn noted(&self, exchange: &'a Exchange, name: &str) -> Option<&'a str> {
        let noted = exchange.noted.as_ref()?;
        let names = &self.recording.noted;
        noted.value(names.iter().position(|known| known == name)?)
    }

    /// Whether the proxies were told to note a header.
    pub fn was_noted(&self, name: &str) -> bool {
        self.recording.noted.iter().any(|known| known == name)
    }

    /// How many exchanges of an edge were in flight during a phase.
    pub fn in_flight(&self, edge: usize, mark: PhaseMark) -> Vec<Level> {
        let seen = self.recording.seen.get(edge);
        levels(
            mark,
            seen.into_iter()
                .flat_map(|seen| &seen.exchanges)
                .map(|e| (e.start, e.end, 1)),
        )
    }

    /// A service's backlog during a phase: what it was asked and had not answered, less what it
    /// itself was waiting for.
    pub fn backlog(&self, service: &str, mark: PhaseMark) -> Vec<Level> {
        let recording = self.recording;
        let is_to = |call: &&Call| {
            recording
                .classes
                .get(usize::from(call.class))
                .is_some_and(|c| c.to == service)
        };
        let asked = recording
            .calls
            .iter()
            .filter(is_to)
            .map(|call| (call.sent, call.end, 1));
        let passed = recording
            .edges
            .iter()
            .zip(&recording.seen)
            .flat_map(|(edge, seen)| {
                let sign = i64::from(edge.callee == service) - i64::from(edge.caller == service);
                seen.exchanges
                    .iter()
                    .filter(move |_| sign != 0)
                    .map(move |e| (e.start, e.end, sign))
            });
        levels(mark, asked.chain(passed))
    }

    /// The faults whose edge no traffic reached while they were active.
    pub fn unreached_faults(&self) -> Vec<&'a FaultMark> {
        let recording = self.recording;
        let reached = |fault: &&FaultMark| {
            let Some(seen) = recording.seen.get(fault.edge) else {
                return false;
            };
            if fault.refuses {
                // Nothing listens, so nothing can be counted: calls that need the edge stand for it.
                let from = fault.from;
                let until = fault.until.unwrap_or(recording.end);
                return recording.calls.iter().any(|call| {
                    (from..until).contains(&call.intended)
                        && self.class_needs(call.class, fault.edge)
                });
            }
            seen.exchanges
                .iter()
                .any(|exchange| exchange.fault == Some(fault.number))
        };
        recording
            .faults
            .iter()
            .filter(|fault| !reached(fault))
            .collect()
    }

    /// The 99th percentile of how late calls were sent in a phase.
    pub fn lateness(&self, mark: PhaseMark) -> Nanos {
        let mut late: Vec<u64> = self
            .calls(mark)
            .map(|call| call.sent.saturating_sub(call.intended))
            .collect();
        late.sort_unstable();
        stats::quantile(&late, 0.99).unwrap_or_default()
    }
}

/// The calls in the order in which they were intended; nothing where they are in it already.
fn order(recording: &Recording) -> Option<Vec<u32>> {
    let calls = &recording.calls;
    if calls.is_sorted_by_key(|call| call.intended) {
        return None;
    }
    let mut order: Vec<u32> = (0..).take(calls.len()).collect();
    order.sort_by_key(|place| calls[*place as usize].intended);
    Some(order)
}

/// Adds up what was in flight: `(from, until, weight)`; the levels cover the phase without a gap.
fn levels(mark: PhaseMark, spans: impl Iterator<Item = (Nanos, Option<Nanos>, i64)>) -> Vec<Level> {
    let mut steps: Vec<(Nanos, i64)> = Vec::new();
    let mut count = 0;
    for (from, until, weight) in spans {
        let until = until.unwrap_or(Nanos::MAX);
        if from >= mark.until || until <= mark.from {
            continue;
        }
        if from <= mark.from {
            count += weight;
        } else {
            steps.push((from, weight));
        }
        if until < mark.until {
            steps.push((until, -weight));
        }
    }
    steps.sort_unstable();
    let mut levels = Vec::with_capacity(steps.len() + 1);
    let mut from = mark.from;
    for (at, change) in steps {
        if at > from {
            levels.push(Level {
                from,
                until: at,
                count,
            });
            from = at;
        }
        count += change;
    }
    levels.push(Level {
        from,
        until: mark.until,
        count,
    });
    levels
}

/// The mean of levels over time, between two moments.
pub fn mean_level(levels: &[Level], from: Nanos, until: Nanos) -> f64 {
    let weigh = |level: &Level| {
        let span = level.until.min(until).saturating_sub(level.from.max(from));
        level.count as f64 * span as f64
    };
    levels.iter().map(weigh).sum::<f64>() / until.saturating_sub(from).max(1) as f64
}

/// A time for the eye.
pub fn time(nanos: Nanos) -> String {
    brief(Duration::from_nanos(nanos))
}

/// A duration in the recording's unit.
pub fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// Whether an exchange ended because its caller gave up.
pub fn gave_up(exchange: &Exchange) -> bool {
    exchange.ended == Ended::Caller && exchange.end.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{HandMade, MS, good};

    #[test]
    fn levels_add_up_what_overlaps() {
        let mark = PhaseMark {
            load_cpu: 0,
            phase: Phase::Fault,
            from: 10,
            until: 20,
        };
        let spans = [
            (0, Some(12), 1),
            (11, None, 1),
            (15, Some(15), 1),
            (15, Some(18), 1),
            (0, Some(5), 1),
            (25, None, 1),
        ];
        let level = |from, until, count| Level { from, until, count };
        assert_eq!(
            levels(mark, spans.into_iter()),
            [
                level(10, 11, 1),
                level(11, 12, 2),
                level(12, 15, 1),
                level(15, 18, 2),
                level(18, 20, 1)
            ]
        );
    }

    #[test]
    fn the_mean_is_over_time() {
        let levels = [
            Level {
                from: 0,
                until: 9,
                count: 0,
            },
            Level {
                from: 9,
                until: 10,
                count: 10,
            },
        ];
        assert!((mean_level(&levels, 0, 10) - 1.0).abs() < 1e-9);
        assert!((mean_level(&levels, 9, 10) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn the_load_that_follows_the_survey_is_not_taken_for_a_serial_call() {
        let made = HandMade::order();
        let end_of_survey = 510 * MS;
        let made = made
            .call(0, end_of_survey + 20 * MS, good(10 * MS))
            .exchange(
                0,
                end_of_survey + 21 * MS,
                Some(end_of_survey + 29 * MS),
                Ended::Answered,
            );
        let recording = made.done();
        let view = View::new(&recording);
        assert!(view.class_needs(0, 0));
        assert!(!view.class_reaches(1, 0));
    }

    #[test]
    fn a_kind_of_call_that_nobody_made_is_told_beside_those_that_were() {
        let recording = HandMade::order().done();
        let view = View::new(&recording);
        let said = |name: &str| view.nobody_made(Some(&RequestName(name.to_owned())));
        assert_eq!(view.nobody_made(None), None);
        assert_eq!(said(view.class_name(0)), None);
        let said = said("GET /order").unwrap();
        let known = format!(
            "no call of `GET /order` was seen, only of `{}`",
            view.class_name(0)
        );
        assert!(said.starts_with(&known), "{said}");
        let empty = Recording::default();
        let said = View::new(&empty).nobody_made(Some(&RequestName("GET /".to_owned())));
        assert_eq!(
            said.unwrap(),
            "no call of `GET /` was seen, nor of anything else"
        );
    }

    #[test]
    fn a_call_reaches_what_it_needs_now_and_then() {
        let recording = HandMade::order()
            .serial(1, &[0])
            .unsurveyed_class("GET /", "order")
            .done();
        let view = View::new(&recording);
        assert!(!view.class_needs(1, 0) && view.class_reaches(1, 0));
        assert!(!view.class_needs(2, 0) && !view.class_reaches(2, 0) && !view.is_surveyed(2));
        assert!(!view.class_needs(9, 9) && !view.class_reaches(9, 9) && !view.is_surveyed(9));
    }
}
