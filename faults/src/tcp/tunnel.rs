//! A relayed connection of bytes: both directions, until both have ended or one side resets.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::line::{End, Line};
use crate::connection::Conn;
use crate::dice::Dice;
use crate::fault::flow::{Flow, Mute, Stop, Then};
use crate::fault::{Answer, Break, Treatment};
use crate::observe::{Ended, Slot};
use crate::timer;
use crate::wire::{Begun, Gone, Socket};

/// A relayed connection of bytes. A direction that its source closes is closed on the other side
/// too; a reset is a reset there.
pub(crate) struct Tunnel<'a> {
    conn: &'a Conn,
    client: &'a mut Socket,
    upstream: Socket,
    up: Line,
    down: Line,
    up_ended: bool,
    down_ended: bool,
    /// Who ended the way up, where that came first.
    first: Option<Ended>,
    slot: Slot,
    /// What is done to it, and the flows that follow from that.
    treatment: Option<Arc<Treatment>>,
    flows: Arc<(Flow, Flow)>,
}

thread_local! {
    static UNTOUCHED: Arc<(Flow, Flow)> = Arc::default();
}

fn untouched() -> Arc<(Flow, Flow)> {
    UNTOUCHED.with(Arc::clone)
}

/// What a treatment means for bytes: where an answer would not come from the callee, there are no
/// answers here but silence or a break.
fn flows_of(treatment: &Treatment) -> (Flow, Flow) {
    let (mut up, mut down) = (treatment.up.clone(), treatment.down.clone());
    let stop = |then| Stop { after: 0, then };
    match treatment.answer {
        Answer::Upstream => {}
        Answer::Silence => {
            let mute = Mute::new(Break::Reset);
            (up.mute, down.mute) = (Some(mute), Some(mute));
        }
        Answer::Made(_) => up.stop_at(stop(Then::Break(Break::Reset))),
        Answer::Break(how) => up.stop_at(stop(Then::Break(how))),
    }
    (up, down)
}

impl<'a> Tunnel<'a> {
    /// Connects to the callee, where that has not been done; `None` where it cannot be reached.
    pub(crate) async fn new(
        conn: &'a Conn,
        client: &'a mut Socket,
        begun: Option<Box<Begun>>,
        slot: Slot,
    ) -> Option<Self> {
        let edge = &conn.edge;
        let dice =
            |direction: &str| Dice::of(edge.seed, &edge.name, direction, u64::from(conn.number));
        let Begun { first, upstream } = begun.map(|begun| *begun).unwrap_or_default();
        conn.becomes_bytes(&first);
        let ahead = first.len() as u64;
        let elsewhere = conn.treatment().0.and_then(|t| t.request.to);
        let upstream = match (elsewhere, upstream) {
            (Some(to), _) => {
                let protocol = client.protocol();
                edge.connect_to(&to.into(), protocol).await.ok()?
            }
            (None, Some(upstream)) => upstream,
            (None, None) => edge.connect(client.protocol()).await.ok()?,
        };
        edge.log.update(slot, |exchange| {
            exchange.executed = true;
            exchange.bytes_up += ahead;
        });
        edge.came_down(upstream.ahead.len());
        let treatment = conn.treatment().0;
        let flows = treatment.as_deref().map(flows_of).map(Arc::new);
        let flows = flows.unwrap_or_else(untouched);
        Some(Self {
            conn,
            client,
            upstream: upstream.socket,
            up: Line::new(first, dice("up"), &flows.0),
            down: Line::new(upstream.ahead, dice("down"), &flows.1),
            up_ended: false,
            down_ended: false,
            first: None,
            slot,
            treatment,
            flows,
        })
    }

    /// Carries it to its end, and says how it ended.
    pub(crate) async fn run(mut self) -> Ended {
        match poll_fn(|cx| self.poll(cx)).await {
            Ok(ended) => ended,
            Err((ended, how)) => {
                if how == Break::Reset {
                    if ended == Ended::Fault {
                        // Let the bytes reach the caller before the RST overtakes them.
                        timer::sleep(Duration::from_millis(1)).await;
                    }
                    self.upstream.reset_on_close();
                }
                drop(self.upstream);
                self.client.end(how).await;
                ended
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, (Ended, Break)>> {
        if let Some(how) = self.look_again() {
            return Poll::Ready(Err((Ended::Fault, how)));
        }
        let flows = Arc::clone(&self.flows);
        let (conn, slot) = (self.conn, self.slot);
        let log = &conn.edge.log;
        // Where nothing can hit, nobody has to see the bytes.
        let free = !conn.edge.has_rules();
        let mut changes = false;
        if !self.up_ended {
            let mut came = |n: usize, bytes: &[u8]| {
                conn.moves();
                log.update(slot, |exchange| exchange.bytes_up += n as u64);
                changes |= conn.caller_sent(n, bytes);
                changes
            };
            let sockets = (&mut *self.client, &mut self.upstream);
            let flow = (&flows.0, free);
            let mut went = |n: usize| conn.edge.went_up(n);
            let ended = self.up.poll(cx, sockets, flow, &mut came, &mut went);
            if let Poll::Ready(end) = ended {
                match end {
                    End::Reset => return Poll::Ready(Err((Ended::Caller, Break::Reset))),
                    End::Broken(how) => return Poll::Ready(Err((Ended::Fault, how))),
                    End::Closed if self.down_ended => return Poll::Ready(Ok(Ended::Answered)),
                    End::Closed => self.up_ends(Ended::Caller),
                    // It closed early; its answer, if any, is still to be carried.
                    End::NoTaker => self.up_ends(Ended::Callee),
                }
            }
        }
        // What the caller has just set off is for the answer to it; this is asked again at once.
        if !self.down_ended && !changes {
            let mut went = |n: usize| {
                conn.moves();
                let now = conn.edge.clock.now();
                log.update(slot, |exchange| {
                    exchange.first_byte.get_or_insert(now);
                    exchange.bytes_down += n as u64;
                });
            };
            let sockets = (&mut self.upstream, &mut *self.client);
            let flow = (&flows.1, free);
            let mut came = |n: usize, _: &[u8]| {
                conn.edge.came_down(n);
                false
            };
            let ended = self.down.poll(cx, sockets, flow, &mut came, &mut went);
            if let Poll::Ready(end) = ended {
                match end {
                    End::Reset => return Poll::Ready(Err((Ended::Callee, Break::Reset))),
                    End::NoTaker => return Poll::Ready(Err((Ended::Caller, Break::Reset))),
                    End::Broken(how) => return Poll::Ready(Err((Ended::Fault, how))),
                    End::Closed if self.up_ended => {
                        return Poll::Ready(Ok(self.first.unwrap_or(Ended::Answered)));
                    }
                    End::Closed => self.down_ended = true,
                }
            }
        }
        match self.caller_left() {
            Some(gone) => Poll::Ready(Err((Ended::Caller, gone.into()))),
            None => Poll::Pending,
        }
    }

    /// How the caller went away, where it cannot be told by passing that on: it waited for what is
    /// lost.
    fn caller_left(&self) -> Option<Gone> {
        let lost = self.up.has_lost() || self.down.has_lost();
        let mute = self.flows.0.mute.is_some() && self.flows.1.mute.is_some();
        let gone = match self.first {
            Some(Ended::Caller) => Some(Gone::Closed),
            _ => self.up.source(),
        };
        gone.filter(|_| lost || mute)
    }

    fn up_ends(&mut self, first: Ended) {
        self.up_ended = true;
        self.first = Some(first);
    }

    /// Takes in what has changed; gives how the connection ends by it, if it does.
    fn look_again(&mut self) -> Option<Break> {
        let (treatment, fault) = self.conn.treatment();
        let same = match (&treatment, &self.treatment) {
            (None, None) => true,
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            _ => false,
        };
        if same {
            return None;
        }
        let flows = treatment
            .as_deref()
            .map_or_else(untouched, |treatment| Arc::new(flows_of(treatment)));
        let before = std::mem::replace(&mut self.flows, flows);
        self.treatment = treatment;
        if fault.is_some() {
            self.conn.edge.log.update(self.slot, |exchange| {
                exchange.fault = exchange.fault.or(fault);
            });
        }
        let up = self.up.flow_changes(&before.0, &self.flows.0);
        up.or(self.down.flow_changes(&before.1, &self.flows.1))
    }
}
