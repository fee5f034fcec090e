//! An arrival's work: step by step, call by call.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::act::{HttpAct, Ready};
use super::answer::Seen;
use super::oracle::both;
use super::poll::{Asking, Poll};
use super::template::Scene;
use super::{Arrived, Done, Due, Ground, Manner, Script, Step};
use crate::load::client::{Answer, Failure, Queued, Trace, Wanted};
use crate::record::{Call, Outcome, Worth};

/// How a call ended, for the steps after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// With a good answer.
    Good,
    /// With something else.
    Bad,
    /// Not in the time that it has.
    Late,
    /// The target was not even connected to.
    Unmet,
    /// A later step has no use without what this one should have captured.
    Lost,
}

/// What came of a call.
struct Came {
    answer: Answer,
    /// A command has none.
    status: Option<u16>,
    /// What should have been captured and was not found.
    lost: Option<String>,
}

impl Script {
    /// Does it, call by call.
    pub(in crate::load) async fn run(&self, ground: &Rc<Ground>, arrived: Arrived) -> Done {
        let mut due = arrived.due;
        let data = self.data.as_deref();
        let mut scene = Scene::new(arrived.seed, ground.ids, arrived.index, data);
        let mut done = Done::Met;
        let survey = arrived.manner == Manner::Survey;
        for (number, step) in (0..).zip(&self.steps) {
            if survey && ground.given_up.borrow().contains(&step.class) {
                if step.go_on {
                    continue;
                }
                return done;
            }
            if !step.pause.is_zero() {
                tokio::time::sleep(step.pause).await;
                due = Due::InTurn;
            }
            scene.step = number;
            // What a step before went on without.
            let Ok(ready) = step.act.ready(&scene) else {
                return done;
            };
            let mut ended = Ended::Good;
            for _ in 0..=step.repeat {
                ended = step
                    .call(ground, due, arrived.manner, &ready, &mut scene)
                    .await;
                due = Due::InTurn;
                if arrived.manner != Manner::Together {
                    // Each step is a kind of call by itself. (In a box, like all that is rare.)
                    Box::pin(ground.quiet.comes()).await;
                }
                if survey && ended == Ended::Late {
                    ground.given_up.borrow_mut().insert(step.class);
                    break;
                }
            }
            done = match ended {
                Ended::Unmet => Done::Unmet,
                Ended::Good | Ended::Bad | Ended::Late | Ended::Lost => Done::Met,
            };
            match ended {
                Ended::Good => {}
                Ended::Bad | Ended::Late | Ended::Unmet if step.go_on => {}
                _ => return done,
            }
        }
        done
    }
}

impl Step {
    /// Makes one call.
    async fn call(
        &self,
        ground: &Ground,
        due: Due,
        manner: Manner,
        ready: &Ready<'_>,
        scene: &mut Scene<'_>,
    ) -> Ended {
        let (intended, sent) = due.moments(ground.clock);
        let alone = manner != Manner::Together;
        let call = Call::begun(self.class, alone, intended, sent);
        let Some(mut open) = Open::begin(ground, call) else {
            return Ended::Unmet;
        };
        let trace = Trace {
            base: ground.trace_base,
            call: open.number + 1,
        };
        let queued = Queued::default();
        // A call that asks until the answer is final minds its time itself.
        let limit = match self.poll {
            // From the moment that has been read already: the clock is a part of what a call costs.
            None => Some(ground.clock.at(sent) + self.timeout),
            Some(_) => None,
        };
        let came = tokio::select! {
            biased;
            came = self.carry_out(ground, ready, trace, &queued, scene) => came,
            () = past(limit) => {
                let why = format!("no whole answer within {:?}", self.timeout);
                Err(Failure::new(Outcome::TimedOut, &why))
            }
            () = after(self.abort) => Err(Failure::new(Outcome::Aborted, "left as planned")),
        };
        open.call.queued = queued.get();
        match came {
            Ok(came) => self.judge(open, &came, scene),
            Err(failure) => {
                open.end(failure.outcome, Some(&failure.why));
                match failure.outcome {
                    Outcome::Refused | Outcome::Exhausted | Outcome::Unresolved => Ended::Unmet,
                    Outcome::TimedOut => Ended::Late,
                    _ => Ended::Bad,
                }
            }
        }
    }

    async fn carry_out(
        &self,
        ground: &Ground,
        ready: &Ready<'_>,
        trace: Trace,
        queued: &Queued,
        scene: &mut Scene<'_>,
    ) -> Result<Came, Failure> {
        let http = match ready {
            Ready::Fixed(http) => *http,
            Ready::Made(http) => &**http,
            Ready::Exec(program, words) => {
                // In a box, like all that is rare: it would make every call's future larger.
                let answer = Box::pin(program.run(words, trace, queued)).await?;
                return Ok(Came {
                    answer,
                    status: None,
                    lost: None,
                });
            }
        };
        if let Some(poll) = &self.poll {
            return Box::pin(self.ask(poll, ground, http, trace, queued, scene)).await;
        }
        let answer = http.exchange(ground, trace, self.wanted(), queued).await?;
        Ok(Came {
            status: Some(answer.status),
            answer,
            lost: None,
        })
    }

    /// Sends the request, captures from its answer, and asks until the answer is final.
    async fn ask(
        &self,
        poll: &Poll,
        ground: &Ground,
        http: &HttpAct,
        trace: Trace,
        queued: &Queued,
        scene: &mut Scene<'_>,
    ) -> Result<Came, Failure> {
        let deadline = Instant::now() + poll.within;
        let limit = self.timeout.min(poll.within);
        let exchange = http.exchange(ground, trace, self.wanted(), queued);
        let answer = tokio::time::timeout(limit, exchange).await.map_err(|_| {
            let why = format!("no whole answer within {limit:?}");
            Failure::new(Outcome::TimedOut, &why)
        })??;
        let came = |answer: Answer, lost| Came {
            status: Some(answer.status),
            answer,
            lost,
        };
        if !(200..400).contains(&answer.status) {
            return Ok(came(answer, None));
        }
        if let Err(why) = self.capture(&Seen::new(&answer, Some(answer.status)), scene) {
            return Ok(came(answer, Some(why)));
        }
        let asking = Asking {
            poll,
            ground,
            first: http,
            trace,
            timeout: self.timeout,
            wanted: self.oracle.wanted(),
        };
        let last = asking.last(scene, deadline).await?;
        Ok(came(last, None))
    }

    /// Says what an answer is worth, captures from it, and ends the call.
    fn judge(&self, mut open: Open<'_>, came: &Came, scene: &mut Scene<'_>) -> Ended {
        open.call.status = came.status;
        let seen = Seen::new(&came.answer, came.status);
        let (mut worth, mut why) = self.oracle.judge(&seen, scene);
        if came.status.is_none() {
            // Of a command that succeeded nothing else is known.
            worth = worth.or(Some(Worth::Full));
        }
        open.call.worth = worth;
        let mut lost = came.lost.clone();
        if self.poll.is_none() && open.call.would_be_good() {
            lost = self.capture(&seen, scene).err();
        }
        let is_lost = lost.is_some();
        if is_lost {
            (open.call.worth, why) = (Some(Worth::Wrong), lost);
        }
        let good = open.call.would_be_good();
        open.end(Outcome::Answered, why.as_deref());
        match (is_lost, good) {
            (true, _) => Ended::Lost,
            (false, true) => Ended::Good,
            (false, false) => Ended::Bad,
        }
    }

    /// Takes everything from an answer that later steps want of it; the error says what is not there.
    fn capture(&self, seen: &Seen<'_>, scene: &mut Scene<'_>) -> Result<(), String> {
        for capture in &self.captures {
            let value = capture.take(seen)?;
            scene.capture(&capture.name, value);
        }
        Ok(())
    }

    /// What is wanted of the answer to the request itself.
    fn wanted(&self) -> Wanted {
        let captures = self.captures.iter().map(|capture| capture.from.wanted());
        captures.fold(self.oracle.wanted(), both)
    }
}

/// When a moment has come; never, where there is none.
async fn past(moment: Option<std::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// When a time is over; never, where there is none.
async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// A call under way. However it goes away, the recorder is told.
#[derive(Debug)]
struct Open<'a> {
    ground: &'a Ground,
    number: u64,
    call: Call,
    ended: bool,
}

impl<'a> Open<'a> {
    fn begin(ground: &'a Ground, call: Call) -> Option<Self> {
        let number = ground.recorder.begin(&call)?;
        Some(Self {
            ground,
            number,
            call,
            ended: false,
        })
    }

    fn end(mut self, outcome: Outcome, why: Option<&str>) {
        self.call.end = Some(self.ground.clock.now());
        self.call.outcome = outcome;
        self.ground.recorder.end(self.number, &self.call, why);
        self.ended = true;
    }
}

impl Drop for Open<'_> {
    /// The load ended before the call did.
    fn drop(&mut self) {
        if !self.ended {
            self.ground.recorder.end(self.number, &self.call, None);
        }
    }
}
