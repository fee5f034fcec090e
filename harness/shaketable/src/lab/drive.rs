//! Whoever makes the calls of an experiment: our engine, and goose where the suite asks for it. The
//! rest of the lab knows only that calls are made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use shaketable_faults::observe::Clock;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::setting::Setting;
use crate::load::goose::{Goose, GooseError, Place, Work};
use crate::load::{CallLog, Engine};
use crate::record::{Class, Nanos, Phase};

/// The load of one experiment, at work.
pub(super) struct Drive<'a> {
    pub(super) engine: Engine,
    /// Every call.
    pub(super) calls: Arc<CallLog>,
    /// The classes that are known before any call is made.
    pub(super) classes: Vec<Class>,
    pub(super) goose: Option<Companion<'a>>,
}

/// Goose, who begins with the warm-up.
pub(super) struct Companion<'a> {
    pub(super) work: Work,
    /// The service that its calls go to, where only goose knows what they are.
    pub(super) to: String,
    pub(super) clock: Clock,
    pub(super) dir: &'a Path,
    pub(super) setting: &'a Setting,
    /// Told when there is no load any more.
    pub(super) died: Arc<Notify>,
    pub(super) state: State,
}

/// What became of goose.
#[derive(Default)]
pub(super) struct State {
    at_work: OnceLock<Goose>,
    not_started: Mutex<Option<GooseError>>,
    watch: OnceLock<JoinHandle<()>>,
}

impl Drive<'_> {
    /// Every kind of call once, alone, to see what it needs.
    pub(super) async fn survey(&self) {
        self.engine.survey().await;
    }

    /// Every kind of call once, alone; some kinds only, where these are given.
    pub(super) async fn one_of_each(&self, only: Option<Vec<u16>>) {
        self.engine.one_of_each(only).await;
    }

    /// Goose begins, after the survey and before the rest: its users take their time to start.
    pub(super) async fn begin(&self) {
        if let Some(goose) = &self.goose {
            goose.begin(&self.calls, &self.classes).await;
        }
        if let Some(goose) = self.at_work() {
            goose.begun().await;
        }
    }

    /// A phase begins at a moment.
    pub(super) fn phase(&self, phase: Phase, at: Nanos) {
        self.engine.phase(phase, at);
    }

    /// No more calls arrive; those under way go on.
    pub(super) fn stop(&self) {
        self.engine.stop();
        if let Some(goose) = self.at_work() {
            goose.stop();
        }
    }

    /// Waits for goose to have told of all its calls.
    pub(super) async fn ended(&self) {
        if let Some(goose) = self.at_work() {
            goose.ended().await;
        }
    }

    /// The classes of all calls so far.
    pub(super) fn classes(&self) -> Vec<Class> {
        let mut classes = self.classes.clone();
        if let (Some(companion), Some(goose)) = (&self.goose, self.at_work()) {
            let met = goose.classes().into_iter().skip(classes.len());
            classes.extend(met.map(|name| Class {
                name,
                to: companion.to.clone(),
            }));
        }
        classes
    }

    /// Ends all of it; an error where the load was not what it should have been.
    pub(super) async fn down(self) -> Result<(), GooseError> {
        match self.goose {
            Some(goose) => goose.down().await,
            None => Ok(()),
        }
    }

    fn at_work(&self) -> Option<&Goose> {
        self.goose.as_ref()?.state.at_work.get()
    }
}

impl Companion<'_> {
    async fn begin(&self, calls: &Arc<CallLog>, classes: &[Class]) {
        let vars: BTreeMap<String, String> = self.setting.vars();
        let place = Place {
            dir: self.dir,
            program: &self.setting.program,
            vars: &vars,
            keeper: &self.setting.keeper,
        };
        let mut work = self.work.clone();
        if let Work::Users(users) = &mut work {
            // The calls of the survey were made by the engine.
            users.first_call = calls.since(0, <[_]>::len) as u64 + 1;
        }
        let known = classes.iter().map(|class| class.name.clone()).collect();
        match Goose::start(work, self.clock, Arc::clone(calls) as _, known, place).await {
            Ok(goose) => {
                let (ended, died) = (goose.exited(), Arc::clone(&self.died));
                let watch = tokio::spawn(async move {
                    ended.await;
                    died.notify_one();
                });
                let _ = self.state.watch.set(watch);
                let _ = self.state.at_work.set(goose);
            }
            Err(error) => {
                let failed = self.state.not_started.lock();
                *failed.unwrap_or_else(PoisonError::into_inner) = Some(error);
                self.died.notify_one();
            }
        }
    }

    async fn down(self) -> Result<(), GooseError> {
        let State {
            at_work,
            not_started,
            watch,
        } = self.state;
        if let Some(watch) = watch.into_inner() {
            watch.abort();
        }
        let mut trouble = not_started
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(goose) = at_work.into_inner() {
            trouble = trouble.or_else(|| goose.trouble());
            goose.down().await;
        }
        trouble.map_or(Ok(()), Err)
    }
}
