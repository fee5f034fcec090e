//! The recording, gathered from whoever saw something.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shaketable_faults::observe::Clock;
use tokio::task::JoinSet;

use super::drive::Drive;
use super::sampler::Sampler;
use super::stalls::{HiccupMeter, StarvationMeter};
use super::start::Lab;
use crate::check::view::nanos;
use crate::event::{Event, Events};
use crate::launch::last_lines;
use crate::plan::Plan;
use crate::record::{Death, FaultMark, PhaseMark, Recording, ServiceSeen};
use crate::suite::{Edge, Experiment, Start};

/// The last lines of a dead target's log that are kept.
const LOG_LINES: usize = 15;

/// The targets that died by themselves so far. Dropping it ends the watch.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    seen: Arc<Mutex<Vec<Death>>>,
    watches: JoinSet<()>,
}

impl Deaths {
    /// Watches every process of a lab; `died` is notified at the first death.
    pub(super) fn watch(
        lab: &Lab,
        clock: Clock,
        events: &Events,
    ) -> (Self, Arc<tokio::sync::Notify>) {
        let mut deaths = Self::default();
        let died = Arc::new(tokio::sync::Notify::new());
        for service in &lab.running {
            let (exited, name, log) = (
                service.exited(),
                service.name().to_owned(),
                service.log().to_owned(),
            );
            let (seen, died, events) =
                (Arc::clone(&deaths.seen), Arc::clone(&died), events.clone());
            deaths.watches.spawn(async move {
                let how = exited.await.to_string();
                let at = clock.now();
                events.tell(Event::ServiceDied {
                    service: name.clone(),
                    how: how.clone(),
                });
                let log_tail = last_lines(&log, LOG_LINES);
                lock(&seen).push(Death {
                    service: name,
                    at,
                    how,
                    log_tail,
                });
                died.notify_one();
            });
        }
        (deaths, died)
    }

    fn so_far(&self) -> Vec<Death> {
        lock(&self.seen).clone()
    }
}

fn lock(deaths: &Mutex<Vec<Death>>) -> MutexGuard<'_, Vec<Death>> {
    deaths.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everybody who sees something of an experiment.
pub(super) struct Witnesses<'a> {
    pub(super) plan: &'a Plan,
    pub(super) experiment: &'a Experiment,
    pub(super) lab: &'a Lab,
    pub(super) load: &'a Drive<'a>,
    pub(super) hiccups: &'a HiccupMeter,
    pub(super) starvation: &'a StarvationMeter,
    pub(super) sampler: &'a Sampler,
    pub(super) deaths: &'a Deaths,
    pub(super) clock: Clock,
    pub(super) trace_base: u64,
}

impl Witnesses<'_> {
    /// What has been seen up to now.
    pub(super) fn recording(
        &self,
        phases: &[PhaseMark],
        faults: &[FaultMark],
        interrupted: bool,
    ) -> Recording {
        let seen = self.lab.proxies.iter().map(|proxy| proxy.seen()).collect();
        let service = |(name, service): (&String, &crate::suite::Service)| ServiceSeen {
            name: name.clone(),
            ours: service.is_started(),
            stub: matches!(service.start, Start::Stub(_)),
            ready_after: nanos(self.lab.ready_after.get(name).copied().unwrap_or_default()),
        };
        Recording {
            suite: self.plan.suite.name.clone(),
            experiment: self.experiment.name.clone(),
            seed: self.plan.seed,
            trace_base: self.trace_base,
            services: self.plan.suite.services.iter().map(service).collect(),
            edges: self
                .plan
                .suite
                .edges
                .iter()
                .map(|edge| edge.name.clone())
                .collect(),
            facts: self.plan.suite.edges.iter().map(Edge::facts).collect(),
            noted: self.lab.noted.clone(),
            seen,
            classes: self.load.classes(),
            calls: self.load.calls.calls(),
            missed: self.load.calls.missed(),
            errors: self.load.calls.errors(),
            phases: phases.to_vec(),
            faults: faults.to_vec(),
            deaths: self.deaths.so_far(),
            hiccups: self.hiccups.seen(),
            starved: self.starvation.seen(),
            samples: self.sampler.seen(),
            end: self.clock.now(),
            interrupted,
        }
    }
}
