//! Runs an experiment through its phases without a seam in the load: injects at the beginning of
//! the fault phase, lifts at its end, and asks the judge at fixed points whether a phase has to go
//! on (1 ×, 2 × and 3 × its length; to look all the time would spoil the error rate).

use std::sync::Arc;
use std::time::Duration;

use shaketable_faults::observe::Nanos;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::collect::Witnesses;
use super::inject::inject;
use crate::check::State;
use crate::check::recipe::SURVEYS;
use crate::check::view::nanos;
use crate::event::{Event, Events};
use crate::judge::judge;
use crate::record::{FaultMark, Phase, PhaseMark, Recording};
use crate::suite::{Lasts, Stage};

/// How often a phase may be as long as planned.
const TIMES_MAX: u32 = 3;
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(500);
/// The windows by which the warm-up sees that the system has settled.
const WINDOW: Duration = Duration::from_millis(300);

/// What came of the phases.
pub(super) struct Ran {
    pub(super) recording: Recording,
    /// The faults that could not be reverted.
    pub(super) unreverted: Vec<String>,
}

/// Why the phases ended before their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Interrupted,
    Died,
    /// A fault is still there.
    Unreverted,
}

/// The run through the phases.
pub(super) struct Phases<'a> {
    pub(super) witnesses: Witnesses<'a>,
    pub(super) events: &'a Events,
    pub(super) cancel: &'a CancellationToken,
    pub(super) died: Arc<Notify>,
    pub(super) marks: Vec<PhaseMark>,
    pub(super) faults: Vec<FaultMark>,
    reported: usize,
    /// What the load's thread had used of a processor when the current phase began.
    load_cpu: Nanos,
}

impl<'a> Phases<'a> {
    pub(super) fn new(
        witnesses: Witnesses<'a>,
        events: &'a Events,
        cancel: &'a CancellationToken,
        died: Arc<Notify>,
    ) -> Self {
        let faults = witnesses.lab.early.clone();
        Self {
            witnesses,
            events,
            cancel,
            died,
            marks: Vec::new(),
            faults,
            reported: 0,
            load_cpu: 0,
        }
    }

    /// All phases, or as many as there is a reason to.
    pub(super) async fn run(mut self) -> Ran {
        let stopped = self.through().await;
        let unreverted = self.lift().await;
        self.witnesses.load.stop();
        if stopped.is_none() {
            self.drain().await;
        }
        self.witnesses.load.ended().await;
        let interrupted = stopped == Some(Stop::Interrupted);
        Ran {
            recording: self
                .witnesses
                .recording(&self.marks, &self.faults, interrupted),
            unreverted,
        }
    }

    async fn through(&mut self) -> Option<Stop> {
        let experiment = self.witnesses.experiment;
        for stage in &experiment.stages {
            if let Err(stop) = self.stage(stage).await {
                return Some(stop);
            }
        }
        None
    }

    async fn stage(&mut self, stage: &Stage) -> Result<(), Stop> {
        if stage.phase == Phase::Recovery && !self.lift().await.is_empty() {
            return Err(Stop::Unreverted);
        }
        match stage.lasts {
            Lasts::Time(length) if stage.phase == Phase::WarmUp => self.warm_up(length).await,
            Lasts::Time(length) => {
                self.inject(stage).await;
                self.phase(stage, length).await
            }
            Lasts::Calls { each, of, watch } => self.alone(stage, (each, of), watch).await,
            Lasts::Settled => self.settled(stage).await,
        }
    }

    /// The survey, then the load until three windows agree.
    async fn warm_up(&mut self, length: Duration) -> Result<(), Stop> {
        self.begin(Phase::WarmUp, length);
        let before_the_load = self.before_the_load();
        if let Err(stop) = self.unless_stopped(before_the_load).await {
            self.mark_end();
            return Err(stop);
        }
        let began = self.witnesses.clock.now();
        self.witnesses.load.phase(Phase::WarmUp, began);
        self.wait(Phase::WarmUp, length).await?;
        while !self.has_settled() && self.witnesses.clock.now() - began < nanos(length * TIMES_MAX)
        {
            self.wait(Phase::WarmUp, WINDOW).await?;
        }
        Ok(())
    }

    /// What comes before the load.
    async fn before_the_load(&self) {
        self.survey().await;
        self.witnesses.load.begin().await;
    }

    /// Finds out which kind of call needs which edge: each a few times, one at a time.
    async fn survey(&self) {
        for _ in 0..SURVEYS {
            self.witnesses.load.survey().await;
        }
    }

    /// Does something, unless there is a reason to end the experiment first.
    pub(super) async fn unless_stopped(&self, work: impl Future<Output = ()>) -> Result<(), Stop> {
        tokio::select! {
            () = work => Ok(()),
            () = self.cancel.cancelled() => Err(Stop::Interrupted),
            () = self.died.notified() => Err(Stop::Died),
        }
    }

    /// Whether the median latencies of the last three windows agree within 10% (or 1 ms, below
    /// which they are noise).
    fn has_settled(&self) -> bool {
        let now = self.witnesses.clock.now();
        let window = nanos(WINDOW);
        let medians: Vec<Nanos> = self.witnesses.load.calls.since(0, |calls| {
            let median = |back: u64| {
                let until = now.saturating_sub(back * window);
                let mut latencies: Vec<Nanos> = calls
                    .iter()
                    .rev()
                    .filter(|call| {
                        !call.serial
                            && (until.saturating_sub(window)..until).contains(&call.intended)
                    })
                    .map(|call| call.latency(now))
                    .collect();
                latencies.sort_unstable();
                latencies.get(latencies.len() / 2).copied()
            };
            (0..3).filter_map(median).collect()
        });
        let (low, high) = (medians.iter().min(), medians.iter().max());
        match (low, high) {
            (Some(low), Some(high)) if medians.len() == 3 => {
                high - low <= (high / 10).max(1_000_000)
            }
            // Too slow a rate for windows: there is nothing to wait for.
            _ => true,
        }
    }

    /// One phase, prolonged while some verdict needs more of it.
    async fn phase(&mut self, stage: &Stage, length: Duration) -> Result<(), Stop> {
        let phase = stage.phase;
        self.begin(phase, length);
        if let Some(mark) = self.marks.last() {
            // In the warm-up the load begins behind the survey.
            self.witnesses.load.phase(phase, mark.from);
        }
        for times in 1..=TIMES_MAX {
            let waited = self.wait(phase, length).await;
            self.mark_end();
            waited?;
            match self.undecided(phase) {
                Some(why) if times < TIMES_MAX => {
                    self.events.tell(Event::PhaseExtended { phase, why });
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// What is not decided yet and could be by more of this phase.
    fn undecided(&self, phase: Phase) -> Option<String> {
        let recording = self.witnesses.recording(&self.marks, &self.faults, false);
        let checks = self
            .witnesses
            .plan
            .suite
            .checks_of(self.witnesses.experiment);
        let verdicts = judge(checks.iter().map(|entry| entry.check.as_ref()), &recording);
        verdicts
            .into_iter()
            .find(|verdict| {
                verdict.state == State::Inconclusive && verdict.wants_more == Some(phase)
            })
            .map(|verdict| format!("{}: {}", verdict.check, verdict.reason.unwrap_or_default()))
    }

    pub(super) fn begin(&mut self, phase: Phase, planned: Duration) {
        // The faults hold from the first instant of their phase, and are lifted after its last.
        if phase != Phase::Recovery {
            self.mark_end();
        }
        // The first one begins now: the time in which the lab came up is none of its.
        let last = self.marks.last().map(|mark| mark.until);
        let from = last.unwrap_or_else(|| self.witnesses.clock.now());
        self.marks.push(PhaseMark::new(phase, from, Nanos::MAX));
        self.load_cpu = self.witnesses.load.engine.cpu();
        self.events.tell(Event::PhaseBegan { phase, planned });
    }

    /// The current phase ends now, as far as is known.
    pub(super) fn mark_end(&mut self) {
        let now = self.witnesses.clock.now();
        if let Some(mark) = self.marks.last_mut() {
            mark.until = now;
            mark.load_cpu = self
                .witnesses
                .load
                .engine
                .cpu()
                .saturating_sub(self.load_cpu);
        }
    }

    /// Waits, tells progress, and notices whatever ends the experiment early.
    async fn wait(&mut self, phase: Phase, length: Duration) -> Result<(), Stop> {
        let began = tokio::time::Instant::now();
        let end = began + length;
        loop {
            let next = (tokio::time::Instant::now() + PROGRESS).min(end);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.cancel.cancelled() => { self.mark_end(); return Err(Stop::Interrupted) }
                () = self.died.notified() => { self.mark_end(); return Err(Stop::Died) }
            }
            self.tell_progress(
                phase,
                began.elapsed().as_secs_f64() / length.as_secs_f64().max(1e-9),
            );
            if next == end {
                return Ok(());
            }
        }
    }

    pub(super) fn tell_progress(&mut self, phase: Phase, done: f64) {
        let (total, ended, good, in_flight) =
            self.witnesses.load.calls.since(self.reported, |calls| {
                let ended = calls.iter().filter(|call| call.end.is_some()).count();
                let good = calls.iter().filter(|call| call.is_good()).count();
                (calls.len(), ended, good, calls.len() - ended)
            });
        // The next report begins behind what has ended for good, so that each call counts once.
        self.reported += total.saturating_sub(in_flight);
        self.events.tell(Event::Progress {
            phase,
            done: done.min(1.0),
            ended,
            good,
            in_flight,
        });
    }

    /// Puts the faults of a stage in force that are not so already.
    pub(super) async fn inject(&mut self, stage: &Stage) {
        let Witnesses {
            lab,
            experiment,
            clock,
            ..
        } = self.witnesses;
        let entries = stage.faults.iter().map(|place| &experiment.faults[*place]);
        for entry in entries.filter(|entry| !entry.from_start) {
            let mark = inject(lab, entry, &self.faults, clock, self.events).await;
            self.faults.extend(mark);
        }
    }

    /// Takes every fault away; gives those that could not be.
    pub(super) async fn lift(&mut self) -> Vec<String> {
        let mut unreverted = Vec::new();
        let mut lifted = false;
        let marks = self.faults.iter_mut().enumerate();
        for (key, mark) in marks.filter(|(_, mark)| mark.until.is_none()) {
            let lab = self.witnesses.lab;
            let proxy = &lab.proxies[mark.edge];
            // First the mark: what is marked has been hit.
            let mut lift = proxy.lift(mark.number).await.map_err(|e| e.to_string());
            if let (Ok(_), Some(backend)) = (&lift, &lab.backend)
                && let Err(error) = backend.lift(proxy.name(), key).await
            {
                lift = Err(error.to_string());
            }
            match lift {
                Ok(until) => mark.until = Some(until),
                Err(error) => {
                    unreverted.push(format!("{} on {}: {error}", mark.says, proxy.name()));
                }
            }
            lifted = true;
        }
        if lifted {
            self.events.tell(Event::FaultsLifted);
        }
        unreverted
    }

    /// A moment for the last calls to end.
    async fn drain(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(300);
        let open = |calls: &[crate::record::Call]| calls.iter().any(|call| call.end.is_none());
        while tokio::time::Instant::now() < deadline && self.witnesses.load.calls.since(0, open) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
