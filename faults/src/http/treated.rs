//! An exchange that a fault hit: held back, sent more than once, answered by the proxy or not at
//! all.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::body::Framing;
use super::head::RequestHead;
use super::relay::{Read, Relay, Then};
use super::way::{Halt, Way, write_front};
use super::whole;
use crate::decision::{Decision, Held, Side};
use crate::fault::flow::Flow;
use crate::fault::rewrite::BODY_MAX;
use crate::fault::{Answer, Break, Made, Treatment};
use crate::observe::{Ended, Slot};
use crate::wire::{AHEAD_MAX, Gone, fill, give, swallow, until_gone};

/// How long a copy of a request may take before the request itself goes on.
const COPY_MAX: Duration = Duration::from_secs(5);

/// What of a request is still to be read when it is answered in the callee's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// All of it; it is in the buffer, up to here at least.
    All(usize),
    /// Nothing.
    Nothing,
    /// Nobody knows: the connection ends behind the answer.
    Unknown,
}

/// Whether a treatment makes the caller wait without end.
fn is_silent(treatment: &Treatment) -> bool {
    matches!(treatment.answer, Answer::Silence)
        || treatment.up.mute.is_some()
        || treatment.down.mute.is_some()
}

impl Relay<'_> {
    /// Carries out what was decided for an exchange.
    pub(super) async fn treated(
        &mut self,
        head: RequestHead,
        decision: &Decision,
        slot: Slot,
    ) -> Then {
        let Some(treatment) = decision.treatment() else {
            return self.forward(&head, decision, slot, true).await;
        };
        if let Err(then) = self.hold_request(&head, decision, slot).await {
            return then;
        }
        if let Some(to) = treatment.request.to
            && self.upstream.as_ref().is_none_or(|up| up.address != to)
        {
            let protocol = self.client.protocol();
            match self.edge.connect_to(&to.into(), protocol).await {
                Ok(upstream) => self.upstream = Some(upstream),
                Err(_) => return Then::Reset(Ended::Callee),
            }
        }
        // Not where the callee is to get nothing at all.
        let goes_on = matches!(treatment.answer, Answer::Upstream) || treatment.after_effect;
        let vanishes = treatment.up.mute.is_some() || treatment.up.breaks.is_some();
        if treatment.request.copies > 0 && goes_on && !vanishes {
            let copies = treatment.request.copies;
            self.send_copies(&head, copies, decision, slot).await;
        }
        let then = self.answered(head, decision, treatment, slot).await;
        if treatment.request.to.is_some() {
            // The next exchange begins with the callee again.
            self.upstream = None;
        }
        match (then, treatment.closes) {
            (Then::Next, Some(how)) => Then::broken(how, Ended::Answered),
            (then, _) => then,
        }
    }

    async fn answered(
        &mut self,
        head: RequestHead,
        decision: &Decision,
        treatment: &Treatment,
        slot: Slot,
    ) -> Then {
        let upstream = matches!(treatment.answer, Answer::Upstream);
        // What breaks or vanishes on its way up has no effect; on its way down, it has had it.
        if let Some(late) = treatment.up.breaks {
            return self.break_off(decision, late).await;
        }
        if treatment.up.mute.is_some() {
            return self.stay_silent(decision, treatment).await;
        }
        let lost = treatment.down.mute.is_some() || treatment.down.breaks.is_some();
        if !lost && (upstream || !treatment.after_effect) {
            if upstream {
                return self.forward(&head, decision, slot, true).await;
            }
            let Read { end, .. } = self.read_ahead(&head, AHEAD_MAX).await;
            let left = Left::All(end);
            return self.answer(head, left, decision, treatment, slot).await;
        }
        // The effect is to be there; its answer, of whatever shape, is not shown.
        let left = match self.forward(&head, decision, slot, false).await {
            Then::Next => Left::Nothing,
            Then::Close(Ended::Answered | Ended::Callee) => {
                self.upstream = None;
                Left::Nothing
            }
            Then::Tunnel | Then::Foreign => {
                self.upstream = None;
                Left::Unknown
            }
            then => return then,
        };
        if let Some(late) = treatment.down.breaks {
            self.break_off(decision, late).await
        } else if treatment.down.mute.is_some() {
            self.stay_silent(decision, treatment).await
        } else {
            self.answer(head, left, decision, treatment, slot).await
        }
    }

    /// Waits for something while the caller may leave; `more`: whether it has sent more than this
    /// request.
    pub(super) async fn while_it_waits<T>(
        &mut self,
        more: bool,
        slot: Slot,
        something: impl Future<Output = T>,
    ) -> Result<T, Then> {
        tokio::pin!(something);
        let mut closed = false;
        loop {
            tokio::select! {
                biased;
                done = &mut something => return Ok(done),
                gone = until_gone(self.client, &mut self.buffer), if !closed => {
                    if gone == Gone::Reset {
                        return Err(Then::Reset(Ended::Caller));
                    }
                    // It may still listen: a half-closed connection gets its answer.
                    closed = true;
                    if !more {
                        self.edge.gave_up(slot);
                    }
                }
            }
        }
    }

    /// Waits as the fault says before the request goes on.
    async fn hold_request(
        &mut self,
        head: &RequestHead,
        decision: &Decision,
        slot: Slot,
    ) -> Result<(), Then> {
        let before = decision.now();
        let overtaken = before.treatment.request.overtaken_by;
        if before.treatment.up.delays.is_empty() && overtaken.is_none() {
            return Ok(());
        }
        // The caller may leave meanwhile, with the rest of its request unsent or not.
        self.read_ahead(head, AHEAD_MAX).await;
        let passed = &self.edge.passed;
        let wait = async {
            // While one waits, the others are those who overtake it.
            if let Some((by, at_most)) = overtaken
                && passed.receiver_count() == 0
            {
                let mut passed = passed.subscribe();
                let enough = *passed.borrow_and_update() + u64::from(by);
                let due = Some(Instant::now() + at_most);
                tokio::select! {
                    _ = passed.wait_for(|now| *now >= enough) => {}
                    _ = decision.until(due, |now| now.treatment.request.overtaken_by.is_none()) => {}
                }
            }
            decision.hold(Side::Up).await
        };
        let more = self.more_waits(head);
        match self.while_it_waits(more, slot, wait).await? {
            Held::Released => Ok(()),
            Held::Dropped => Err(Then::Reset(Ended::Fault)),
        }
    }

    /// The callee gets the request again, on connections of their own; nobody hears the answers.
    async fn send_copies(
        &mut self,
        head: &RequestHead,
        copies: u32,
        decision: &Decision,
        slot: Slot,
    ) {
        let Read { end, whole } = self.read_ahead(head, BODY_MAX).await;
        if !whole {
            // Half a request would be something else.
            if decision.is_single() {
                self.edge.log.update(slot, |exchange| exchange.fault = None);
            }
            return;
        }
        let request = self.buffer[..end].to_vec();
        let elsewhere = decision.treatment().and_then(|t| t.request.to);
        for _ in 0..copies {
            let protocol = self.client.protocol();
            let connected = match elsewhere {
                Some(to) => self.edge.connect_to(&to.into(), protocol).await,
                None => self.edge.connect(protocol).await,
            };
            let Ok(mut upstream) = connected else {
                return;
            };
            let (mut request, method) = (BytesMut::from(&request[..]), head.method.clone());
            let answered = async move {
                if give(&mut upstream.socket, &mut request).await.is_ok() {
                    whole::swallow_answer(&mut upstream, &method).await;
                }
            };
            // The copy is to be executed first, but a callee that never answers holds nobody up.
            let _ = tokio::time::timeout(COPY_MAX, answered).await;
        }
    }

    /// Reads a request to its end without passing it on.
    async fn skip_request(&mut self, head: usize, mut body: Framing) -> Result<(), Gone> {
        let _ = self.buffer.split_to(head);
        loop {
            let taken = body.advance(&self.buffer).map_err(|_| Gone::Reset)?;
            let _ = self.buffer.split_to(taken);
            if body.is_done() {
                return Ok(());
            }
            fill(self.client, &mut self.buffer).await?;
        }
    }

    /// Gives the answer that a fault puts in the place of the callee's.
    async fn answer(
        &mut self,
        head: RequestHead,
        left: Left,
        decision: &Decision,
        treatment: &Treatment,
        slot: Slot,
    ) -> Then {
        match &treatment.answer {
            Answer::Upstream => Then::Next,
            Answer::Silence => self.stay_silent(decision, treatment).await,
            Answer::Break(how) => {
                // Without the 100 that it waits for, the caller sends no body.
                if matches!(left, Left::All(_)) && !head.expects_continue {
                    let _ = self.skip_request(head.len, head.body).await;
                }
                Then::broken(*how, Ended::Fault)
            }
            Answer::Made(make) => {
                let made = if let Left::All(end) = left {
                    make.make(&self.buffer[..head.len], &self.buffer[head.len..end])
                } else {
                    make.make(&[], &[])
                };
                self.make_up(head, left, decision, slot, &made).await
            }
        }
    }

    /// Takes what the caller sends until it leaves, or until the fault is over.
    async fn stay_silent(&mut self, decision: &Decision, treatment: &Treatment) -> Then {
        let mute = treatment.up.mute.or(treatment.down.mute);
        let when_lifted = mute.map_or(Break::Reset, |mute| mute.when_lifted);
        let (due, ended) = match treatment.connection.ends {
            Some((after, how)) => (Some(Instant::now() + after), how),
            None => (None, when_lifted),
        };
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => {
                Then::broken(gone.into(), Ended::Caller)
            }
            lifted = decision.until(due, |now| !is_silent(&now.treatment)) => {
                Then::broken(if lifted { when_lifted } else { ended }, Ended::Fault)
            }
        }
    }

    /// Takes what comes until it is time to end the connection.
    async fn break_off(&mut self, decision: &Decision, (late, how): (Duration, Break)) -> Then {
        let due = Some(Instant::now() + late);
        let over = |flow: &Flow| flow.breaks.is_none();
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => {
                Then::broken(gone.into(), Ended::Caller)
            }
            _ = decision.until(due, |now| over(&now.treatment.up) && over(&now.treatment.down)) => {
                Then::broken(how, Ended::Fault)
            }
        }
    }

    async fn make_up(
        &mut self,
        head: RequestHead,
        left: Left,
        decision: &Decision,
        slot: Slot,
        made: &Made,
    ) -> Then {
        let all = matches!(left, Left::All(_));
        // Whether the body that was not asked for comes all the same, nobody knows.
        let unasked = all && head.expects_continue;
        let close = head.close || unasked || left == Left::Unknown;
        if unasked || left == Left::Unknown {
            self.buffer.clear();
        } else if all && let Err(gone) = self.skip_request(head.len, head.body).await {
            return Then::broken(gone.into(), Ended::Caller);
        }
        let held = async {
            if !made.late.is_zero() {
                let due = Some(Instant::now() + made.late);
                let over = |now: &_| !matches!(now, Answer::Made(_));
                decision.until(due, |now| over(&now.treatment.answer)).await;
            }
            decision.hold(Side::Down).await
        };
        let more = !self.buffer.is_empty();
        match self.while_it_waits(more, slot, held).await {
            Ok(Held::Released) => {}
            Ok(Held::Dropped) => return Then::Reset(Ended::Fault),
            Err(then) => return then,
        }
        match self.give(made, head.method == "HEAD", decision, slot).await {
            Err(Halt::NoTaker) => Then::Reset(Ended::Caller),
            Err(Halt::Broken(how)) => Then::broken(how, Ended::Fault),
            Ok(()) if close => Then::Close(Ended::Answered),
            Ok(()) => Then::Next,
        }
    }

    /// Writes a made answer, its body as limited as the fault says.
    async fn give(
        &mut self,
        made: &Made,
        to_head: bool,
        decision: &Decision,
        slot: Slot,
    ) -> Result<(), Halt> {
        let edge = self.edge;
        let count = |n: usize| {
            edge.log
                .update(slot, |exchange| exchange.bytes_down += n as u64);
        };
        edge.log
            .update(slot, |exchange| exchange.status = Some(made.status));
        let blank = made.wire.windows(4).position(|w| w == b"\r\n\r\n");
        let split = blank.map_or(made.wire.len(), |at| at + 4);
        let end = if to_head { split } else { made.wire.len() };
        let mut way = Way::new(decision, Side::Down, true);
        let mut bytes = BytesMut::from(&made.wire[..end]);
        // Head and body leave together where nothing is done to the body.
        let head = if way.is_plain() { end } else { split };
        count(head);
        write_front(self.client, &mut bytes, head).await?;
        way.begin(!bytes.is_empty()).await?;
        let body = (bytes.len(), true);
        way.write(self.client, &mut bytes, body, count).await
    }
}
