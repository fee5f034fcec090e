//! Recordings made by hand, so that a test can say what was observed in a few lines.
//!
//! The timetable is always the same: survey, baseline, fault, recovery, each of the last three 10 s
//! long, and the recording ends with the recovery.

use std::ops::Range;

use shaketable_faults::observe::{Ended, Exchange, Nanos, Seen};

use super::view::View;
use super::{Check, State, Verdict};
use crate::names::EdgeName;
use crate::record::{
    Call, Class, Death, FaultMark, Hiccup, Life, Noted, Outcome, Phase, PhaseMark, Recording,
    Sample, ServiceSamples, ServiceSeen,
};

pub(crate) const MS: Nanos = 1_000_000;
pub(crate) const S: Nanos = 1_000 * MS;

pub(crate) const SURVEY: Range<Nanos> = 0..10 * S;
pub(crate) const BASELINE: Range<Nanos> = 10 * S..20 * S;
pub(crate) const FAULT: Range<Nanos> = 20 * S..30 * S;
pub(crate) const RECOVERY: Range<Nanos> = 30 * S..40 * S;

/// How a call comes out, and after how long.
#[derive(Clone, Copy)]
pub(crate) struct Comes {
    after: Option<Nanos>,
    outcome: Outcome,
    status: Option<u16>,
}

/// A success after so long.
pub(crate) fn good(after: Nanos) -> Comes {
    status(200, after)
}

/// A 503 after so long.
pub(crate) fn bad(after: Nanos) -> Comes {
    status(503, after)
}

/// A response with this status after so long.
pub(crate) fn status(status: u16, after: Nanos) -> Comes {
    Comes {
        after: Some(after),
        outcome: Outcome::Answered,
        status: Some(status),
    }
}

/// The client gave up after so long.
pub(crate) fn timed_out(after: Nanos) -> Comes {
    Comes {
        after: Some(after),
        outcome: Outcome::TimedOut,
        status: None,
    }
}

/// A process that listens for its service, one of several with the same parent.
pub(crate) fn listener(pid: i32, seen: Nanos, gone: Option<Nanos>) -> Life {
    Life {
        pid,
        parent: 9,
        name: "worker".to_owned(),
        started: seen,
        seen,
        gone,
        listens: true,
    }
}

/// No answer until the recording ended.
pub(crate) const NEVER: Comes = Comes {
    after: None,
    outcome: Outcome::Open,
    status: None,
};

/// A recording in the making.
#[derive(Clone)]
pub(crate) struct HandMade {
    recording: Recording,
}

impl HandMade {
    /// Services with these edges, all four phases, and nothing in them.
    pub(crate) fn new(edges: &[&str]) -> Self {
        let edges: Vec<EdgeName> = edges.iter().map(|edge| edge.parse().unwrap()).collect();
        let mark = |phase, range: Range<Nanos>| PhaseMark {
            load_cpu: 0,
            phase,
            from: range.start,
            until: range.end,
        };
        let seen = || Seen {
            operations: vec!["GET /".to_owned()],
            ..Seen::default()
        };
        Self {
            recording: Recording {
                suite: "by hand".to_owned(),
                experiment: "by hand".to_owned(),
                trace_base: 7,
                seen: edges.iter().map(|_| seen()).collect(),
                edges,
                phases: vec![
                    mark(Phase::WarmUp, SURVEY),
                    mark(Phase::Baseline, BASELINE),
                    mark(Phase::Fault, FAULT),
                    mark(Phase::Recovery, RECOVERY),
                ],
                end: RECOVERY.end,
                ..Recording::default()
            },
        }
    }

    /// The usual system: `order` needs `inventory` for `POST /orders` and nothing for `GET /menu`.
    pub(crate) fn order() -> Self {
        Self::new(&["order -> inventory"])
            .class("POST /orders", "order", &[0])
            .class("GET /menu", "order", &[])
    }

    /// A kind of call, surveyed by three serial calls that reach these edges.
    pub(crate) fn class(self, name: &str, to: &str, needs: &[usize]) -> Self {
        let class = self.next_class();
        let mut made = self.unsurveyed_class(name, to);
        for _ in 0..3 {
            made = made.serial(class, needs);
        }
        made
    }

    /// A kind of call of which nothing is known.
    pub(crate) fn unsurveyed_class(mut self, name: &str, to: &str) -> Self {
        self.recording.classes.push(Class {
            name: name.to_owned(),
            to: to.to_owned(),
        });
        self
    }

    fn next_class(&self) -> u16 {
        u16::try_from(self.recording.classes.len()).unwrap()
    }

    /// One serial call of 10 ms that reaches these edges; 100 ms after the one before.
    pub(crate) fn serial(mut self, class: u16, reaches: &[usize]) -> Self {
        let serial = self.recording.calls.iter().filter(|call| call.serial);
        let at = serial.count() as u64 * 100 * MS;
        self.recording.calls.push(Call {
            serial: true,
            ..call(class, at, good(10 * MS))
        });
        for edge in reaches {
            self = self.exchange(*edge, at + MS, Some(at + 9 * MS), Ended::Answered);
        }
        self
    }

    /// One call of the load.
    pub(crate) fn call(mut self, class: u16, at: Nanos, comes: Comes) -> Self {
        self.recording.calls.push(call(class, at, comes));
        self
    }

    /// Calls of the load, one after the other at this distance.
    pub(crate) fn calls(
        mut self,
        class: u16,
        when: Range<Nanos>,
        every: Nanos,
        comes: Comes,
    ) -> Self {
        for at in moments(when, every) {
            self = self.call(class, at, comes);
        }
        self
    }

    /// One exchange that no fault hit.
    pub(crate) fn exchange(
        mut self,
        edge: usize,
        start: Nanos,
        end: Option<Nanos>,
        ended: Ended,
    ) -> Self {
        self.recording.seen[edge].exchanges.push(Exchange {
            connection: 0,
            start,
            first_byte: None,
            end,
            ended,
            operation: 0,
            status: None,
            executed: true,
            fault: None,
            trace: None,
            noted: None,
            bytes_up: 0,
            bytes_down: 0,
        });
        self
    }

    /// Exchanges at this distance, each of this length, ended so.
    pub(crate) fn exchanges(
        mut self,
        edge: usize,
        when: Range<Nanos>,
        every: Nanos,
        length: Nanos,
        ended: Ended,
    ) -> Self {
        for at in moments(when, every) {
            self = self.exchange(edge, at, Some(at + length), ended);
        }
        self
    }

    /// The last exchange was hit by this fault.
    pub(crate) fn hit(mut self, edge: usize, fault: u32) -> Self {
        self.recording.seen[edge]
            .exchanges
            .last_mut()
            .unwrap()
            .fault = Some(fault);
        self
    }

    /// Whatever began on the edge in this time was hit by this fault.
    pub(crate) fn all_hit(mut self, edge: usize, when: &Range<Nanos>, fault: u32) -> Self {
        for exchange in &mut self.recording.seen[edge].exchanges {
            if when.contains(&exchange.start) {
                exchange.fault = Some(fault);
            }
        }
        self
    }

    /// The last exchange carries the trace of the last call.
    pub(crate) fn traced(mut self, edge: usize) -> Self {
        let call = self.recording.calls.len() as u128;
        let trace = (u128::from(self.recording.trace_base) << 64) | call;
        self.recording.seen[edge]
            .exchanges
            .last_mut()
            .unwrap()
            .trace = Some(trace);
        self
    }

    /// The last exchange's request had this header.
    pub(crate) fn noted(mut self, edge: usize, name: &str, value: &str) -> Self {
        let names = &mut self.recording.noted;
        let known = names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        let last = self.recording.seen[edge].exchanges.last_mut().unwrap();
        let noted = last
            .noted
            .get_or_insert_with(|| Box::new(Noted(Vec::new())));
        noted
            .0
            .push((u8::try_from(place).unwrap(), value.to_owned()));
        self
    }

    /// Calls that each make so many attempts on an edge, one after the other, each of this length,
    /// and end with the last of them. Without a fault all is answered, else everything was hit.
    pub(crate) fn attempts(mut self, attempts: &Attempts) -> Self {
        let Attempts {
            edge,
            n,
            length,
            fault,
            traced,
            ..
        } = *attempts;
        for at in moments(attempts.when.clone(), attempts.every) {
            let comes = if fault.is_some() { bad } else { good };
            self = self.call(attempts.class, at, comes(n * length + MS));
            for attempt in 0..n {
                let start = at + attempt * length;
                let ended = if fault.is_some() {
                    Ended::Caller
                } else {
                    Ended::Answered
                };
                self = self.exchange(edge, start, Some(start + length), ended);
                if let Some(fault) = fault {
                    self = self.hit(edge, fault);
                }
                if traced {
                    self = self.traced(edge);
                }
            }
        }
        self
    }

    /// A fault on an edge for the whole fault phase, without effect of its own; see the others.
    pub(crate) fn fault(mut self, edge: usize) -> Self {
        let on_edge = self
            .recording
            .faults
            .iter()
            .filter(|fault| fault.edge == edge);
        let number = u32::try_from(on_edge.count()).unwrap();
        self.recording.faults.push(FaultMark {
            edge,
            number,
            kind: "status".to_owned(),
            says: "status 503".to_owned(),
            hang: None,
            delay: None,
            retry_after: None,
            refuses: false,
            probability: 1.0,
            from: FAULT.start,
            until: Some(FAULT.end),
        });
        self
    }

    /// A hang on an edge.
    pub(crate) fn hang(self, edge: usize) -> Self {
        self.fault(edge).last_fault(|fault| {
            fault.says = "hang (accept then silence)".to_owned();
            fault.hang = Some("accept then silence".to_owned());
        })
    }

    /// A delay on an edge.
    pub(crate) fn delay(self, edge: usize, delay: Nanos) -> Self {
        self.fault(edge).last_fault(|fault| {
            fault.says = "latency".to_owned();
            fault.delay = Some(delay);
        })
    }

    /// A refusal on an edge.
    pub(crate) fn refuse(self, edge: usize) -> Self {
        self.fault(edge).last_fault(|fault| {
            fault.says = "refuse".to_owned();
            fault.refuses = true;
        })
    }

    /// Changes the last fault.
    pub(crate) fn last_fault(mut self, change: impl FnOnce(&mut FaultMark)) -> Self {
        change(self.recording.faults.last_mut().unwrap());
        self
    }

    /// The machine did not let the harness run.
    pub(crate) fn hiccup(mut self, at: Nanos, late: Nanos) -> Self {
        self.recording.hiccups.push(Hiccup { at, late });
        self
    }

    /// A service that we started (or not).
    pub(crate) fn service(mut self, name: &str, ours: bool) -> Self {
        self.recording.services.push(ServiceSeen {
            name: name.to_owned(),
            ours,
            stub: false,
            ready_after: 100 * MS,
        });
        self
    }

    /// A service that we played ourselves.
    pub(crate) fn stub(mut self, name: &str) -> Self {
        self = self.service(name, false);
        if let Some(service) = self.recording.services.last_mut() {
            service.stub = true;
        }
        self
    }

    /// A service dies.
    pub(crate) fn death(mut self, service: &str, at: Nanos) -> Self {
        self.recording.deaths.push(Death {
            service: service.to_owned(),
            at,
            how: "signal 9".to_owned(),
            log_tail: vec!["out of memory".to_owned()],
        });
        self
    }

    /// Looks at a service, at this distance.
    pub(crate) fn sampled(
        mut self,
        service: &str,
        when: Range<Nanos>,
        every: Nanos,
        sample: impl Fn(Nanos) -> Sample,
    ) -> Self {
        let at = |at| Sample { at, ..sample(at) };
        let samples = moments(when, every).map(at);
        self.samples_of(service).samples.extend(samples);
        self
    }

    /// The processes of a service.
    pub(crate) fn lives(mut self, service: &str, lives: Vec<Life>) -> Self {
        self.samples_of(service).lives = lives;
        self
    }

    fn samples_of(&mut self, service: &str) -> &mut ServiceSamples {
        let all = &mut self.recording.samples;
        let found = all.iter().position(|of| of.service == service);
        let place = found.unwrap_or_else(|| {
            all.push(ServiceSamples {
                service: service.to_owned(),
                ..ServiceSamples::default()
            });
            all.len() - 1
        });
        &mut all[place]
    }

    /// The experiment ended in mid-run; later phases were not reached.
    pub(crate) fn until(mut self, end: Nanos) -> Self {
        self.recording.phases.retain(|mark| mark.from < end);
        for mark in &mut self.recording.phases {
            mark.until = mark.until.min(end);
        }
        self.recording.end = end;
        self
    }

    /// Changes what no other method changes.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Recording)) -> Self {
        change(&mut self.recording);
        self
    }

    /// The recording.
    pub(crate) fn done(mut self) -> Recording {
        for seen in &mut self.recording.seen {
            seen.exchanges.sort_by_key(|exchange| exchange.start);
        }
        self.recording
    }

    /// What a check says of it, where it says one thing.
    pub(crate) fn judged_by(self, check: &impl Check) -> Verdict {
        let mut verdicts = self.all_judged_by(check);
        assert_eq!(verdicts.len(), 1, "{verdicts:#?}");
        verdicts.remove(0)
    }

    /// All that a check says of it.
    pub(crate) fn all_judged_by(self, check: &impl Check) -> Vec<Verdict> {
        let recording = self.done();
        let verdicts = check.judge(&View::new(&recording));
        assert!(!verdicts.is_empty());
        for verdict in &verdicts {
            let explained = verdict
                .reason
                .as_ref()
                .is_some_and(|reason| !reason.is_empty());
            assert_eq!(explained, verdict.state != State::Pass, "{verdict:#?}");
        }
        verdicts
    }
}

/// See [`HandMade::attempts`].
#[derive(Clone)]
pub(crate) struct Attempts {
    pub(crate) class: u16,
    pub(crate) edge: usize,
    pub(crate) when: Range<Nanos>,
    pub(crate) every: Nanos,
    pub(crate) n: u64,
    pub(crate) length: Nanos,
    pub(crate) fault: Option<u32>,
    pub(crate) traced: bool,
}

impl Verdict {
    /// Asserts that it passes.
    #[track_caller]
    pub(crate) fn passes(&self) {
        assert_eq!(self.state, State::Pass, "{self:#?}");
    }

    /// Asserts that it fails, for a reason that says this.
    #[track_caller]
    pub(crate) fn fails(&self, why: &str) {
        self.is(State::Fail, why);
    }

    /// Asserts that it is inconclusive, for a reason that says this.
    #[track_caller]
    pub(crate) fn is_open(&self, why: &str) {
        self.is(State::Inconclusive, why);
    }

    #[track_caller]
    fn is(&self, state: State, why: &str) {
        assert_eq!(self.state, state, "{self:#?}");
        let reason = self.reason.as_deref().unwrap_or_default();
        assert!(!reason.is_empty() && reason.contains(why), "{self:#?}");
    }
}

fn moments(when: Range<Nanos>, every: Nanos) -> impl Iterator<Item = Nanos> {
    (0..)
        .map(move |i| when.start + i * every)
        .take_while(move |at| *at < when.end)
}

fn call(class: u16, at: Nanos, comes: Comes) -> Call {
    Call {
        end: comes.after.map(|after| at + after),
        status: comes.status,
        outcome: comes.outcome,
        ..Call::begun(class, false, at, at)
    }
}
