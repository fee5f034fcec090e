//! What one arrival does: a request, or a journey of several.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use shaketable_faults::observe::Clock;

use super::client::{Answer, Client, Failure, Queued, Request, Trace, Wanted};
use super::recorder::Recorder;
use crate::record::{Call, Nanos, Outcome};

/// What one arrival does.
#[derive(Clone, Debug)]
pub struct Script {
    /// How often it is done in proportion to the others of its stream; at least 1.
    pub weight: u32,
    /// One after the other; never empty. Each is a call of its own.
    pub steps: Vec<Step>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its class.
    pub class: u16,
    /// After how long the client gives it up.
    pub timeout: Duration,
    /// After how long the client leaves, as planned.
    pub abort: Option<Duration>,
    /// What is done.
    pub act: Act,
}

/// What a call does.
#[derive(Clone, Debug)]
pub enum Act {
    /// An HTTP request.
    Http(HttpAct),
}

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct HttpAct {
    /// Where it goes, as an index into the targets of the load.
    pub target: usize,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// What all calls of a load share.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) clock: Clock,
    pub(super) client: Client,
    pub(super) recorder: Arc<dyn Recorder>,
    pub(super) trace_base: u64,
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// When its first call should be sent.
    pub(super) intended: Nanos,
    /// Whether it is made alone.
    pub(super) serial: bool,
}

/// How an arrival's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The target was there.
    Met,
    /// It was not even connected to: whoever tries again at once only burns the processor.
    Unmet,
}

impl Script {
    /// Does it, call by call.
    pub(super) async fn run(&self, ground: &Rc<Ground>, arrived: Arrived) -> Done {
        let mut intended = arrived.intended;
        for step in &self.steps {
            let outcome = step.run(ground, intended, arrived.serial).await;
            match outcome {
                Outcome::Answered => {}
                Outcome::Refused | Outcome::Exhausted | Outcome::Unresolved => return Done::Unmet,
                _ => return Done::Met,
            }
            intended = ground.clock.now();
        }
        Done::Met
    }
}

impl Step {
    async fn run(&self, ground: &Ground, intended: Nanos, serial: bool) -> Outcome {
        let sent = ground.clock.now();
        let call = Call::begun(self.class, serial, intended, sent);
        let Some(mut open) = Open::begin(ground, call) else {
            return Outcome::Exhausted;
        };
        let trace = Trace {
            base: ground.trace_base,
            call: open.number + 1,
        };
        let queued = Queued::default();
        let came = tokio::select! {
            biased;
            came = self.act.carry_out(ground, trace, &queued) => came,
            // From the moment that has been read already: the clock is a part of what a call costs.
            () = tokio::time::sleep_until((ground.clock.at(sent) + self.timeout).into()) => {
                let why = format!("no whole answer within {:?}", self.timeout);
                Err(Failure::new(Outcome::TimedOut, &why))
            }
            () = leave(self.abort) => Err(Failure::new(Outcome::Aborted, "left as planned")),
        };
        open.call.queued = queued.get();
        match came {
            Ok(answer) => open.end(Outcome::Answered, Some(answer.status), None),
            Err(failure) => open.end(failure.outcome, None, Some(&failure.why)),
        }
    }
}

/// When the client leaves; never, where that is not planned.
async fn leave(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

impl Act {
    async fn carry_out(
        &self,
        ground: &Ground,
        trace: Trace,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        match self {
            Self::Http(http) => {
                let request = Request {
                    method: &http.method,
                    path: &http.path,
                    headers: &http.headers,
                    trace,
                    body: &http.body,
                };
                ground
                    .client
                    .exchange(http.target, &request, Wanted::default(), queued)
                    .await
            }
        }
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

    fn end(mut self, outcome: Outcome, status: Option<u16>, why: Option<&str>) -> Outcome {
        self.call.end = Some(self.ground.clock.now());
        (self.call.outcome, self.call.status) = (outcome, status);
        self.ground.recorder.end(self.number, &self.call, why);
        self.ended = true;
        outcome
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
