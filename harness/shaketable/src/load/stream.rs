//! A stream at work: calls as they arrive.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shaketable_faults::dice::join;
use tokio_util::sync::CancellationToken;

use super::mix::Mix;
use super::pace::Pace;
use super::script::{Arrived, Done, Due, Ground, Manner, Script};
use super::spec::{Arrival, Stream};
use crate::check::view::nanos;
use crate::record::{Call, Nanos, Phase};

/// A user whose target is not there at all tries again after so long.
const UNMET_PAUSE: Duration = Duration::from_millis(10);

/// What tells the randomness of a survey from that of the load (any number would do).
const SURVEY: u64 = 0x5e7_0e7;

/// A stream at work.
#[derive(Debug)]
pub(super) struct Running {
    stream: Stream,
    mix: Mix,
    seed: u64,
    /// How many arrivals there have been.
    arrived: Cell<u64>,
    /// How many scripts were done before that, to see what they need.
    surveyed: Cell<u64>,
}

impl Running {
    /// A stream; its number makes its randomness its own.
    pub(super) fn new(stream: Stream, seed: u64, number: u64) -> Self {
        Self {
            mix: Mix::new(stream.scripts.iter().map(|script| script.weight)),
            seed: join(seed, number),
            arrived: Cell::new(0),
            surveyed: Cell::new(0),
            stream,
        }
    }

    /// Whether it begins with this phase.
    pub(super) fn starts(&self, phase: Phase) -> bool {
        self.stream.starts == phase
    }

    /// Whether it does so each time.
    pub(super) fn starts_again(&self) -> bool {
        self.stream.again
    }

    /// Does each of its scripts once, alone; of some classes only, where these are given. These
    /// arrivals are counted apart, and what is random about them is their own.
    pub(super) async fn alone(&self, only: Option<&[u16]>, manner: Manner, ground: &Rc<Ground>) {
        let wanted = |script: &&Arc<Script>| {
            only.is_none_or(|only| script.steps.iter().any(|step| only.contains(&step.class)))
        };
        for script in self.stream.scripts.iter().filter(wanted) {
            let arrived = Arrived {
                due: Due::InTurn,
                manner,
                seed: join(self.seed, SURVEY),
                index: self.surveyed.replace(self.surveyed.get() + 1),
            };
            script.run(ground, arrived).await;
        }
    }

    /// Goes on until calls arrive no more and the last has ended.
    pub(super) async fn run(
        self: Rc<Self>,
        ground: Rc<Ground>,
        pace: Pace,
        phase_began: Nanos,
        stop: CancellationToken,
    ) {
        let from = phase_began + nanos(self.stream.after);
        let until = self
            .stream
            .lasts
            .map_or(Nanos::MAX, |lasts| from.saturating_add(nanos(lasts)));
        match &self.stream.arrival {
            Arrival::Open(moments) => {
                let calls = usize::try_from(self.stream.calls.unwrap_or(u64::MAX));
                let due = moments
                    .schedule(self.seed)
                    .map(|at| from.saturating_add(at))
                    .take_while(|at| *at < until)
                    .take(calls.unwrap_or(usize::MAX));
                self.open(&ground, &pace, due, &stop).await;
            }
            Arrival::Users { users, think } => {
                tokio::select! {
                    () = pace.until(from) => {}
                    () = stop.cancelled() => return,
                }
                let mut all = tokio::task::JoinSet::new();
                for _ in 0..*users {
                    let (stream, ground) = (Rc::clone(&self), Rc::clone(&ground));
                    let (think, stop) = (*think, stop.clone());
                    all.spawn_local(async move { stream.user(&ground, think, until, &stop).await });
                }
                while all.join_next().await.is_some() {}
            }
            Arrival::Serial => {
                tokio::select! {
                    () = pace.until(from) => {}
                    () = stop.cancelled() => return,
                }
                while let Some((script, index, _)) = self.next(&ground, until, &stop) {
                    let arrived = Arrived {
                        due: Due::InTurn,
                        manner: Manner::Alone,
                        seed: self.seed,
                        index,
                    };
                    script.run(&ground, arrived).await;
                }
            }
        }
    }

    /// Calls when they are due. What is due while too many are under way is missed.
    async fn open(
        &self,
        ground: &Rc<Ground>,
        pace: &Pace,
        mut due: impl Iterator<Item = Nanos>,
        stop: &CancellationToken,
    ) {
        let mut under_way = tokio::task::JoinSet::new();
        let mut next = due.next();
        while let Some(at) = next {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = pace.until(at) => {}
            }
            while under_way.try_join_next().is_some() {}
            let now = ground.clock.now();
            while let Some(intended) = next.filter(|at| *at <= now) {
                let (script, index) = self.pick();
                let seed = self.seed;
                if under_way.len() < self.stream.in_flight {
                    let (script, ground) = (Arc::clone(script), Rc::clone(ground));
                    under_way.spawn_local(async move {
                        let arrived = Arrived {
                            due: Due::At(intended),
                            manner: Manner::Together,
                            seed,
                            index,
                        };
                        script.run(&ground, arrived).await
                    });
                } else if let Some(step) = script.steps.first() {
                    let call = Call::begun(step.class, false, intended, now);
                    ground.recorder.miss(&call);
                }
                next = due.next();
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// One user's calls.
    async fn user(
        &self,
        ground: &Rc<Ground>,
        think: Duration,
        until: Nanos,
        stop: &CancellationToken,
    ) {
        while let Some((script, index, now)) = self.next(ground, until, stop) {
            let arrived = Arrived {
                due: Due::Now(now),
                manner: Manner::Together,
                seed: self.seed,
                index,
            };
            let pause = match script.run(ground, arrived).await {
                Done::Unmet => think.max(UNMET_PAUSE),
                Done::Met => think,
            };
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// What comes next where one call follows the other, and when that is; nothing when the stream
    /// is at its end.
    fn next(
        &self,
        ground: &Ground,
        until: Nanos,
        stop: &CancellationToken,
    ) -> Option<(&Arc<Script>, u64, Nanos)> {
        let now = ground.clock.now();
        let over = self
            .stream
            .calls
            .is_some_and(|most| self.arrived.get() >= most);
        if over || stop.is_cancelled() || now >= until {
            return None;
        }
        let (script, index) = self.pick();
        Some((script, index, now))
    }

    /// What the next arrival does, and which one it is.
    fn pick(&self) -> (&Arc<Script>, u64) {
        let index = self.arrived.replace(self.arrived.get() + 1);
        (&self.stream.scripts[self.mix.pick(index)], index)
    }
}
