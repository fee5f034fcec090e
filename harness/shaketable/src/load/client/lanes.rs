//! Connections that carry one call at a time: kept alive, opened as they are needed.

use std::cell::RefCell;
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::Connector;
use super::lean::{Ended, Talk};
use super::wire::Wire;
use super::{Answer, Failure, Queued, Request, Target, Wanted};
use crate::check::view::nanos;

/// The most connections to one target that are kept while they are idle.
const IDLE_MAX: usize = 10_000;

/// The connections to one target.
#[derive(Debug)]
pub(super) struct Lanes {
    connector: Connector,
    idle: RefCell<Vec<Wire>>,
    free: Option<Semaphore>,
}

impl Lanes {
    pub(super) fn new(target: Target) -> Self {
        Self {
            idle: RefCell::default(),
            free: target.connections.map(Semaphore::new),
            connector: Connector::new(target),
        }
    }

    pub(super) async fn exchange(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        let _turn = match &self.free {
            Some(free) => Some(turn(free, queued).await),
            None => None,
        };
        loop {
            let (mut wire, reused) = match self.take() {
                Some(wire) => (wire, true),
                // It is larger than all the rest, and rarely needed.
                None => (Box::pin(self.connector.open()).await?, false),
            };
            let mut talk = Talk::new(&self.connector.target, request, wanted, reused);
            match talk.over(&mut wire).await {
                Ended::Whole(stays_open) => {
                    if stays_open && self.connector.target.keep_alive {
                        self.put_back(wire);
                    }
                    return Ok(talk.into_answer());
                }
                // The target closed the idle connection before anything was sent on it.
                Ended::Unsent => {}
                Ended::Failed(failure) => return Err(failure),
            }
        }
    }

    /// The connection that was used last, and is still open.
    fn take(&self) -> Option<Wire> {
        let mut idle = self.idle.borrow_mut();
        while let Some(mut wire) = idle.pop() {
            if wire.is_idle() {
                return Some(wire);
            }
        }
        None
    }

    fn put_back(&self, wire: Wire) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX {
            idle.push(wire);
        }
    }
}

/// Waits for a turn, and says for how long.
async fn turn<'a>(free: &'a Semaphore, queued: &Queued) -> Option<SemaphorePermit<'a>> {
    if let Ok(turn) = free.try_acquire() {
        return Some(turn);
    }
    let _waiting = Waiting::begin(queued);
    // It is never closed.
    free.acquire().await.ok()
}

/// Notes how long was waited, also where the wait was given up.
pub(super) struct Waiting<'a>(Instant, &'a Queued);

impl<'a> Waiting<'a> {
    pub(super) fn begin(queued: &'a Queued) -> Self {
        Self(Instant::now(), queued)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.1.set(nanos(self.0.elapsed()));
    }
}
