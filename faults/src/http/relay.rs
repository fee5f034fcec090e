//! One caller's connection on an HTTP edge: exchange after exchange, each treated as decided.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::answer::{Carrier, Outcome};
use super::body::Framing;
use super::head::RequestHead;
use super::idle::{self, Next};
use super::way::{Halt, Way};
use super::whole;
use crate::connection::Conn;
use crate::decision::{Decision, Held};
use crate::dice;
use crate::edge::Edge;
use crate::fault::{Answer, Break, Made, Treatment};
use crate::observe::{Ended, Slot, operation};
use crate::tcp::Tunnel;
use crate::timer;
use crate::which::Subject;
use crate::wire::{AHEAD_MAX, Begun, Gone, Socket, Upstream, fill, swallow, until_gone};

/// How long a copy of a request may take before the request itself goes on.
const COPY_MAX: Duration = Duration::from_secs(5);

/// What becomes of the connection after an exchange.
enum Then {
    /// The next exchange.
    Next,
    /// It ends, so that all that was written arrives.
    Close(Ended),
    /// It ends with a reset on both sides.
    Reset(Ended),
    /// The rest passes as it is.
    Tunnel,
    /// It cannot be read as HTTP, and passes as it is.
    Foreign,
}

/// Serves one connection of a caller until it ends, and says how it ended.
pub(crate) async fn serve(conn: &Conn, client: &mut Socket, begun: Option<Box<Begun>>) -> Ended {
    let Begun { first, upstream } = begun.map(|begun| *begun).unwrap_or_default();
    let mut relay = Relay {
        conn,
        edge: &conn.edge,
        client,
        buffer: first,
        upstream,
        first: true,
    };
    loop {
        let then = match idle::next(relay.client, &mut relay.buffer, &mut relay.upstream).await {
            Next::Request(head) => {
                conn.busy.store(true, Ordering::Relaxed);
                // An idle connection does not carry the room for an exchange.
                let then = Box::pin(relay.exchange(head)).await;
                conn.busy.store(false, Ordering::Relaxed);
                relay.first = false;
                then
            }
            Next::Foreign => Then::Foreign,
            Next::Caller(Gone::Closed) => Then::Close(Ended::Answered),
            Next::Caller(Gone::Reset) => Then::Reset(Ended::Caller),
            Next::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Next::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        };
        match then {
            Then::Next => {}
            Then::Close(ended) => {
                drop(relay.upstream);
                relay.client.close_gently().await;
                return ended;
            }
            Then::Reset(ended) => {
                relay.client.reset_on_close();
                if let Some(upstream) = relay.upstream {
                    upstream.socket.reset_on_close();
                }
                return ended;
            }
            Then::Tunnel => return relay.tunnel(None).await,
            Then::Foreign => {
                let slot = Some(relay.edge.begin(conn.number, "connection", None, None));
                let ended = relay.tunnel(slot).await;
                conn.edge.finish(slot, ended);
                return ended;
            }
        }
    }
}

impl Then {
    fn broken(how: Break, ended: Ended) -> Self {
        match how {
            Break::Reset => Self::Reset(ended),
            Break::Close => Self::Close(ended),
        }
    }
}

struct Relay<'a> {
    conn: &'a Conn,
    edge: &'a Edge,
    client: &'a mut Socket,
    buffer: BytesMut,
    upstream: Option<Upstream>,
    /// Whether the exchange is the first on the connection.
    first: bool,
}

impl Relay<'_> {
    async fn exchange(&mut self, head: RequestHead) -> Then {
        let subject = Subject {
            method: &head.method,
            target: &head.target,
            head: &self.buffer[..head.len],
            first: self.first,
            peer: self.conn.peer,
        };
        let candidates = self.edge.candidates(&subject);
        let (key, body) = if candidates.need_body() {
            let end = self.read_ahead(&head).await;
            let key = self.key(&head, end);
            (key, Some(head.len..end))
        } else {
            (0, None)
        };
        let body = body.map(|range| &self.buffer[range]);
        let decision = self.edge.decide(candidates, body, key);
        let slot = Some(self.edge.begin(
            self.conn.number,
            &operation(&head.method, &head.target),
            head.trace,
            decision.fault().or_else(|| self.conn.treatment().1),
        ));
        let then = if decision.treatment().is_some() {
            Box::pin(self.treated(head, &decision, slot)).await
        } else {
            self.forward(&head, &decision, slot, true).await
        };
        let ended = match &then {
            Then::Next | Then::Tunnel | Then::Foreign => Ended::Answered,
            Then::Close(ended) | Then::Reset(ended) => *ended,
        };
        self.edge.finish(slot, ended);
        then
    }

    /// Reads the request's body into the buffer, as much as is held at most, and gives its end.
    async fn read_ahead(&mut self, head: &RequestHead) -> usize {
        let mut framing = head.body.clone();
        let mut read = head.len;
        while !framing.is_done()
            && self.buffer.len() - head.len < AHEAD_MAX
            && !head.expects_continue
        {
            match framing.advance(&self.buffer[read..]) {
                Ok(n) => read += n,
                Err(_) => break,
            }
            if !framing.is_done() && fill(self.client, &mut self.buffer).await.is_err() {
                break;
            }
        }
        read
    }

    /// What the decision depends on: the call, or where it is unknown the request itself.
    fn key(&self, head: &RequestHead, end: usize) -> u64 {
        if let Some(trace) = head.trace {
            return dice::hash(&trace.to_be_bytes());
        }
        let asked = dice::join(
            dice::hash(head.method.as_bytes()),
            dice::hash(head.target.as_bytes()),
        );
        dice::join(asked, dice::hash(&self.buffer[head.len..end]))
    }

    /// An exchange that a fault hit.
    async fn treated(&mut self, head: RequestHead, decision: &Decision, slot: Slot) -> Then {
        let Some(treatment) = decision.treatment() else {
            return self.forward(&head, decision, slot, true).await;
        };
        if let Err(then) = self.hold_request(&head, decision, treatment).await {
            return then;
        }
        if let Some(to) = treatment.request.to
            && self.upstream.as_ref().is_none_or(|up| up.address != to)
        {
            match Upstream::connect(&to.into()).await {
                Ok(upstream) => self.upstream = Some(upstream),
                Err(_) => return Then::Reset(Ended::Callee),
            }
        }
        if treatment.request.copies > 0 {
            self.send_copies(&head, treatment.request.copies).await;
        }
        // What breaks or vanishes on its way up has no effect; on its way down, it has had it.
        if let Some(late) = treatment.up.breaks {
            return self.break_off(decision, late).await;
        }
        if let Some(late) = treatment.down.breaks {
            return match self.forward(&head, decision, slot, false).await {
                Then::Next | Then::Close(Ended::Answered | Ended::Callee) => {
                    self.break_off(decision, late).await
                }
                then => then,
            };
        }
        if treatment.up.mute.is_some() {
            return self.stay_silent(decision).await;
        }
        if treatment.down.mute.is_some() {
            return match self.forward(&head, decision, slot, false).await {
                Then::Next | Then::Close(Ended::Answered | Ended::Callee) => {
                    self.stay_silent(decision).await
                }
                then => then,
            };
        }
        if !matches!(treatment.answer, Answer::Upstream) && treatment.after_effect {
            match self.forward(&head, decision, slot, false).await {
                // The effect is there; its answer is not shown.
                Then::Next | Then::Close(Ended::Answered | Ended::Callee) => {}
                then => return then,
            }
            return self.answer(head, None, decision, treatment, slot).await;
        }
        let then = if let Answer::Upstream = treatment.answer {
            self.forward(&head, decision, slot, true).await
        } else {
            let end = self.read_ahead(&head).await;
            self.answer(head, Some(end), decision, treatment, slot)
                .await
        };
        if treatment.request.to.is_some() {
            // The next exchange begins with the callee again.
            self.upstream = None;
        }
        match (then, treatment.closes) {
            (Then::Next, Some(how)) => Then::broken(how, Ended::Answered),
            (then, _) => then,
        }
    }

    /// Waits as the fault says before the request goes on.
    async fn hold_request(
        &mut self,
        head: &RequestHead,
        decision: &Decision,
        treatment: &Treatment,
    ) -> Result<(), Then> {
        let overtaken = treatment.request.overtaken_by;
        if treatment.up.delays.is_empty() && overtaken.is_none() {
            return Ok(());
        }
        // The caller may leave meanwhile, with the rest of its request unsent or not.
        self.read_ahead(head).await;
        let edge = self.edge;
        let wait = async {
            if let Some((by, at_most)) = overtaken {
                let mut passed = edge.passed.subscribe();
                let enough = *passed.borrow_and_update() + u64::from(by);
                let due = std::time::Instant::now() + at_most;
                tokio::select! {
                    _ = passed.wait_for(|now| *now >= enough) => {}
                    _ = decision.hold_until(due) => {}
                }
            }
            decision.hold(&treatment.up.delays).await
        };
        tokio::select! {
            gone = until_gone(self.client, &mut self.buffer) => match gone {
                Gone::Closed => Err(Then::Close(Ended::Caller)),
                Gone::Reset => Err(Then::Reset(Ended::Caller)),
            },
            held = wait => match held {
                Held::Released => Ok(()),
                Held::Dropped => Err(Then::Reset(Ended::Fault)),
            },
        }
    }

    /// The callee gets the request again, on connections of their own; nobody hears the answers.
    async fn send_copies(&mut self, head: &RequestHead, copies: u32) {
        let end = self.read_ahead(head).await;
        let request = self.buffer[..end].to_vec();
        for _ in 0..copies {
            let Ok(mut upstream) = self.edge.connect().await else {
                return;
            };
            let (request, method) = (request.clone(), head.method.clone());
            let answered = async move {
                if upstream.socket.write_all(&request).await.is_ok() {
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

    /// Gives the answer that a fault puts in the place of the callee's. `body` is the end of the
    /// request's body in the buffer, where the request is still there.
    async fn answer(
        &mut self,
        head: RequestHead,
        body: Option<usize>,
        decision: &Decision,
        treatment: &Treatment,
        slot: Slot,
    ) -> Then {
        match &treatment.answer {
            Answer::Upstream => Then::Next,
            Answer::Silence => self.stay_silent(decision).await,
            Answer::Break(how) => {
                if body.is_some() {
                    let _ = self.skip_request(head.len, head.body).await;
                }
                Then::broken(*how, Ended::Fault)
            }
            Answer::Made(make) => {
                let end = body.unwrap_or(0);
                let made = make.make(
                    &self.buffer[..head.len.min(end)],
                    &self.buffer[head.len.min(end)..end],
                );
                self.make_up(head, body.is_some(), decision, slot, &made)
                    .await
            }
        }
    }

    async fn stay_silent(&mut self, decision: &Decision) -> Then {
        let treatment = decision.treatment();
        let mute = treatment.and_then(|t| t.up.mute.or(t.down.mute));
        let when_lifted = mute.map_or(Break::Reset, |mute| mute.when_lifted);
        let ends = async {
            match treatment.and_then(|t| t.connection.ends) {
                Some((after, how)) => {
                    timer::sleep(after).await;
                    how
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => match gone {
                Gone::Closed => Then::Close(Ended::Caller),
                Gone::Reset => Then::Reset(Ended::Caller),
            },
            how = ends => Then::broken(how, Ended::Fault),
            () = decision.lifted() => Then::broken(when_lifted, Ended::Fault),
        }
    }

    /// Takes what comes until it is time to end the connection.
    async fn break_off(&mut self, decision: &Decision, (late, how): (Duration, Break)) -> Then {
        tokio::select! {
            gone = swallow(self.client, &mut self.buffer) => Then::broken(gone.into(), Ended::Caller),
            _ = decision.hold_until(std::time::Instant::now() + late) => {
                Then::broken(how, Ended::Fault)
            }
        }
    }

    async fn make_up(
        &mut self,
        head: RequestHead,
        unread: bool,
        decision: &Decision,
        slot: Slot,
        made: &Made,
    ) -> Then {
        // Without the 100 that it waits for, the caller sends no body: answer and close.
        let close = head.close || (unread && head.expects_continue);
        if unread && head.expects_continue {
            self.buffer.clear();
        } else if unread && let Err(gone) = self.skip_request(head.len, head.body).await {
            return Then::broken(gone.into(), Ended::Caller);
        }
        let (flow, empty) = (decision.treatment().map(|t| &t.down), Vec::new());
        let held = async {
            let _ = decision
                .hold_until(std::time::Instant::now() + made.late)
                .await;
            decision
                .hold(flow.map_or(&empty, |flow| &flow.delays))
                .await
        };
        tokio::select! {
            gone = until_gone(self.client, &mut self.buffer) => {
                return Then::broken(gone.into(), Ended::Caller);
            }
            held = held => if held == Held::Dropped {
                return Then::Reset(Ended::Fault);
            }
        }
        let split = made
            .wire
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(made.wire.len(), |at| at + 4);
        let mut first = BytesMut::from(&made.wire[..split]);
        let mut body = BytesMut::from(&made.wire[split..]);
        if head.method == "HEAD" {
            body.clear();
        }
        let mut way = Way::new(decision, flow);
        let edge = self.edge;
        let count = |n: usize| {
            edge.log
                .update(slot, |exchange| exchange.bytes_down += n as u64);
        };
        edge.log
            .update(slot, |exchange| exchange.status = Some(made.status));
        let written = async {
            if way.is_plain() {
                first.unsplit(body.split());
            }
            count(first.len());
            let written = self.client.write_all_buf(&mut first).await;
            written.map_err(|_| Halt::NoTaker)?;
            way.begin().await?;
            way.write(self.client, &mut body, count).await
        };
        match written.await {
            Err(Halt::NoTaker) => Then::Reset(Ended::Caller),
            Err(Halt::Broken(how)) => Then::broken(how, Ended::Fault),
            Ok(()) if close => Then::Close(Ended::Answered),
            Ok(()) => Then::Next,
        }
    }

    /// Carries one exchange to the callee and back; `shown`: whether the caller gets the answer.
    async fn forward(
        &mut self,
        head: &RequestHead,
        decision: &Decision,
        slot: Slot,
        shown: bool,
    ) -> Then {
        if self.upstream.is_none() {
            match self.edge.connect().await {
                Ok(upstream) => self.upstream = Some(upstream),
                // A refused callee is not an accepted connection that closes: a reset is nearest.
                Err(_) => return Then::Reset(Ended::Callee),
            }
        }
        let Some(Upstream { socket, ahead, .. }) = &mut self.upstream else {
            return Then::Reset(Ended::Callee);
        };
        self.edge
            .log
            .update(slot, |exchange| exchange.executed = true);
        let (mut from_client, mut to_client) = self.client.split();
        let (mut from_upstream, mut to_upstream) = socket.split();
        let sent = AtomicBool::new(false);
        let edge = self.edge;
        let buffer = &mut self.buffer;
        let request = async {
            let way = Way::new(decision, decision.treatment().map(|t| &t.up));
            let gone = send(head, buffer, &mut from_client, &mut to_upstream, way, |n| {
                edge.went_up(n);
                edge.log
                    .update(slot, |exchange| exchange.bytes_up += n as u64);
            })
            .await;
            let gone = match gone {
                Ok(()) => {
                    sent.store(true, Ordering::Relaxed);
                    edge.passed.send_modify(|passed| *passed += 1);
                    Left::Gone(until_gone(&mut from_client, buffer).await)
                }
                Err(left) => left,
            };
            if gone == Left::Gone(Gone::Closed) {
                // A half-closed connection still gets its answer.
                let _ = to_upstream.shutdown().await;
            }
            gone
        };
        let carrier = Carrier {
            edge,
            slot,
            method: &head.method,
            upgrade: head.upgrade,
            decision,
            shown,
        };
        let mut nowhere = tokio::io::sink();
        let response = async {
            if shown {
                carrier
                    .carry(&mut from_upstream, ahead, &mut to_client)
                    .await
            } else {
                carrier.carry(&mut from_upstream, ahead, &mut nowhere).await
            }
        };
        tokio::pin!(request, response);

        let mut gave_up = false;
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut response => break outcome,
                left = &mut request, if !gave_up => match left {
                    Left::Broken(how) => break Outcome::Broken(how),
                    Left::Gone(gone) => {
                        gave_up = true;
                        edge.gave_up(slot);
                        if gone == Gone::Reset {
                            break Outcome::Caller;
                        }
                    }
                },
            }
        };
        match outcome {
            Outcome::Complete | Outcome::Callee(_) if gave_up => Then::Close(Ended::Caller),
            Outcome::Complete if head.close => Then::Close(Ended::Answered),
            // Answered before the request was through: the rest of it passes as it is.
            Outcome::Complete if !sent.load(Ordering::Relaxed) => Then::Tunnel,
            Outcome::Complete => Then::Next,
            Outcome::CompleteAndClose => Then::Close(Ended::Answered),
            Outcome::Switched | Outcome::Foreign => Then::Tunnel,
            Outcome::Broken(how) => Then::broken(how, Ended::Fault),
            Outcome::Caller => Then::Reset(Ended::Caller),
            Outcome::Callee(Gone::Closed) => Then::Close(Ended::Callee),
            Outcome::Callee(Gone::Reset) => Then::Reset(Ended::Callee),
        }
    }

    /// Passes everything as it is, including what was read ahead on both sides. From here on the
    /// connection is bytes.
    async fn tunnel(self, slot: Slot) -> Ended {
        let begun = Box::new(Begun {
            first: self.buffer,
            upstream: self.upstream,
        });
        if let Some(tunnel) = Tunnel::new(self.conn, &mut *self.client, Some(begun), slot).await {
            tunnel.run().await
        } else {
            self.client.reset_on_close();
            Ended::Callee
        }
    }
}

/// How a request's way came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The caller went away.
    Gone(Gone),
    /// The fault ends the connection.
    Broken(Break),
}

/// Sends a request on as it came.
async fn send<R, W>(
    head: &RequestHead,
    buffer: &mut BytesMut,
    from: &mut R,
    to: &mut W,
    mut way: Way<'_>,
    count: impl Fn(usize) + Copy,
) -> Result<(), Left>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let foreign = Left::Gone(Gone::Reset);
    let mut body = head.body.clone();
    let mut first = head.len;
    if way.is_plain() {
        first += body.advance(&buffer[head.len..]).map_err(|_| foreign)?;
    }
    count(first);
    let mut bytes = buffer.split_to(first);
    if to.write_all_buf(&mut bytes).await.is_err() {
        // The callee closed early; its answer, if any, is read by the other half.
        return std::future::pending().await;
    }
    halted(way.begin().await).await?;
    loop {
        if body.is_done() {
            return Ok(());
        }
        if buffer.is_empty() {
            fill(from, buffer).await.map_err(Left::Gone)?;
        }
        let ready = body.advance(buffer).map_err(|_| foreign)?;
        let mut bytes = buffer.split_to(ready);
        halted(way.write(to, &mut bytes, count).await).await?;
    }
}

async fn halted(written: Result<(), Halt>) -> Result<(), Left> {
    match written {
        Ok(()) => Ok(()),
        Err(Halt::NoTaker) => std::future::pending().await,
        Err(Halt::Broken(how)) => Err(Left::Broken(how)),
    }
}
