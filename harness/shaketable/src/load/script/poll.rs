//! Asking until an answer is final: a request and all that is asked after it are one call.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use tokio::time::{Instant, sleep_until, timeout};

use super::Ground;
use super::act::{HttpAct, on_target};
use super::answer::Seen;
use super::oracle::Matcher;
use super::template::{Missing, Scene, Template};
use crate::load::client::{Answer, Failure, Queued, Trace, Wanted};
use crate::record::Outcome;

/// What is asked behind a request, until the answer is final.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// The path that is asked for.
    pub path: Template,
    /// How long after the answer before.
    pub every: Duration,
    /// What makes an answer final.
    pub until: Matcher,
    /// How long all of the call may take.
    pub within: Duration,
}

/// One call that asks until the answer is final.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) poll: &'a Poll,
    pub(super) ground: &'a Ground,
    /// The request that came before.
    pub(super) first: &'a HttpAct,
    pub(super) trace: Trace,
    /// How long one exchange may take.
    pub(super) timeout: Duration,
    /// What is wanted of the last answer beside what tells that it is the last.
    pub(super) wanted: Wanted,
}

impl Asking<'_> {
    /// Asks until the answer is final, and gives that one. An error in between is no end.
    pub(super) async fn last(
        &self,
        scene: &Scene<'_>,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let act = self.act(scene).map_err(|missing| {
            let why = format!("`{}` was not captured", missing.0);
            Failure::new(Outcome::Malformed, &why)
        })?;
        let wanted = super::oracle::both(self.wanted, self.poll.until.wanted());
        let mut met = "nothing was asked".to_owned();
        loop {
            let next = Instant::now() + self.poll.every;
            if next >= deadline {
                sleep_until(deadline).await;
                return Err(self.never_final(&met));
            }
            sleep_until(next).await;
            let limit = self.timeout.min(deadline.duration_since(Instant::now()));
            let queued = Queued::default();
            let exchange = act.exchange(self.ground, self.trace, wanted, &queued);
            match timeout(limit, exchange).await {
                Ok(Ok(answer)) => {
                    let seen = Seen::new(&answer, Some(answer.status));
                    match self.poll.until.mismatch(&seen, scene) {
                        None => return Ok(answer),
                        Some(why) => met = why,
                    }
                }
                Ok(Err(failure)) => met = failure.why,
                Err(_) if Instant::now() >= deadline => return Err(self.never_final(&met)),
                Err(_) => met = format!("no whole answer within {limit:?}"),
            }
        }
    }

    fn never_final(&self, met: &str) -> Failure {
        let why = format!("not final within {:?}: at last, {met}", self.poll.within);
        Failure::new(Outcome::TimedOut, &why)
    }

    /// The request that is repeated, with the headers of the first but for those of its body.
    fn act(&self, scene: &Scene<'_>) -> Result<HttpAct, Missing> {
        let headers = self.first.headers.iter();
        let headers = headers.filter(|(name, _)| name != header::CONTENT_TYPE);
        Ok(HttpAct {
            target: self.first.target,
            method: Method::GET,
            path: on_target(self.poll.path.fill(scene)?),
            headers: headers.cloned().collect(),
            body: Bytes::new(),
        })
    }
}
