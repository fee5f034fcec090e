//! `tcp` edges, and whatever turns out not to be HTTP: bytes, and who ended the connection.

mod line;
mod splice;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;

use self::line::{End, Line};
use crate::connection::Conn;
use crate::dice::Dice;
use crate::fault::flow::{Flow, Mute, Stop, Then};
use crate::fault::{Answer, Break, Treatment};
use crate::observe::{Ended, Slot};
use crate::timer;
use crate::wire::{Socket, Upstream, poll_read};

pub(crate) use line::corrupt;

/// Serves one connection of a caller on an edge that does not speak HTTP. The whole connection is
/// one exchange.
pub(crate) async fn serve(
    conn: &Conn,
    client: &mut Socket,
    mut first: BytesMut,
    upstream: Option<Upstream>,
) -> Ended {
    conn.becomes_bytes();
    let edge = &conn.edge;
    if !first.is_empty() {
        conn.caller_sent(first.len(), &first);
    }
    let slot = Some(edge.begin(conn.number, "connection", None, conn.treatment().1));
    let ended = if let Err((ended, how)) = withhold(conn, client, &mut first).await {
        end(client, how).await;
        ended
    } else {
        let upstream = match upstream {
            Some(upstream) => Ok(upstream),
            None => edge.connect().await,
        };
        if let Ok(upstream) = upstream {
            edge.log.update(slot, |exchange| exchange.executed = true);
            tunnel(conn, client, first, upstream, slot).await
        } else {
            client.reset_on_close();
            Ended::Callee
        }
    };
    edge.finish(slot, ended);
    ended
}

async fn end(socket: &mut Socket, how: Break) {
    match how {
        Break::Reset => socket.reset_on_close(),
        Break::Close => socket.close_gently().await,
    }
}

/// While a fault says that the callee is not contacted, it is not; an `Err` is how the connection
/// ends by that.
async fn withhold(
    conn: &Conn,
    client: &mut Socket,
    first: &mut BytesMut,
) -> Result<(), (Ended, Break)> {
    let mut silent = false;
    poll_fn(|cx| {
        loop {
            let (treatment, _) = conn.treatment();
            match treatment.as_ref().map(|t| &t.answer) {
                None | Some(Answer::Upstream) if silent => {
                    return Poll::Ready(Err((Ended::Fault, Break::Reset)));
                }
                None | Some(Answer::Upstream) => return Poll::Ready(Ok(())),
                Some(Answer::Silence) => silent = true,
                // A made answer is HTTP; here it can only be the break that it stands for.
                Some(Answer::Made(_)) if !first.is_empty() => {
                    return Poll::Ready(Err((Ended::Fault, Break::Reset)));
                }
                Some(Answer::Break(how)) if !first.is_empty() => {
                    return Poll::Ready(Err((Ended::Fault, *how)));
                }
                Some(Answer::Made(_) | Answer::Break(_)) => {}
            }
            let read = poll_read(cx, client, |_, bytes| {
                conn.caller_sent(bytes.len(), bytes);
                if !silent {
                    first.extend_from_slice(bytes);
                }
            });
            if let Err(gone) = ready!(read) {
                return Poll::Ready(Err((Ended::Caller, gone.into())));
            }
        }
    })
    .await
}

/// A relayed connection of bytes.
struct Tunnel<'a> {
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

/// Copies both directions until both are closed or one side resets. A closed direction is closed
/// on the other side too; a reset is a reset there.
pub(crate) async fn tunnel(
    conn: &Conn,
    client: &mut Socket,
    from_client_ahead: BytesMut,
    upstream: Upstream,
    slot: Slot,
) -> Ended {
    conn.becomes_bytes();
    let edge = &conn.edge;
    let dice = |direction: &str| Dice::of(edge.seed, &edge.name, direction, u64::from(conn.number));
    let ahead = from_client_ahead.len() as u64;
    if ahead > 0 {
        edge.log.update(slot, |exchange| exchange.bytes_up += ahead);
    }
    let mut tunnel = Tunnel {
        conn,
        client,
        upstream: upstream.socket,
        up: Line::new(from_client_ahead, dice("up")),
        down: Line::new(upstream.ahead, dice("down")),
        up_ended: false,
        down_ended: false,
        first: None,
        slot,
        treatment: None,
        flows: untouched(),
    };
    match poll_fn(|cx| tunnel.poll(cx)).await {
        Ok(ended) => ended,
        Err((ended, how)) => {
            if how == Break::Reset {
                if ended == Ended::Fault {
                    // Let the bytes reach the caller before the RST overtakes them.
                    timer::sleep(Duration::from_millis(1)).await;
                }
                tunnel.upstream.reset_on_close();
            }
            drop(tunnel.upstream);
            end(tunnel.client, how).await;
            ended
        }
    }
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
            let mute = Mute {
                when_lifted: Break::Reset,
            };
            (up.mute, down.mute) = (Some(mute), Some(mute));
        }
        Answer::Made(_) => up.stop_at(stop(Then::Break(Break::Reset))),
        Answer::Break(how) => up.stop_at(stop(Then::Break(how))),
    }
    (up, down)
}

impl Tunnel<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ended, (Ended, Break)>> {
        if let Some(how) = self.look_again() {
            return Poll::Ready(Err((Ended::Fault, how)));
        }
        let flows = Arc::clone(&self.flows);
        let (conn, slot) = (self.conn, self.slot);
        let log = &conn.edge.log;
        // Where nothing can hit, nobody has to see the bytes.
        let free = !conn.edge.has_rules();
        if !self.up_ended {
            let mut came = |n: usize, bytes: &[u8]| {
                conn.moves();
                log.update(slot, |exchange| exchange.bytes_up += n as u64);
                conn.caller_sent(n, bytes)
            };
            let sockets = (&mut *self.client, &mut self.upstream);
            let flow = (&flows.0, free);
            let ended = self.up.poll(cx, sockets, flow, &mut came, &mut |_| ());
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
        if !self.down_ended {
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
            let ended = self
                .down
                .poll(cx, sockets, flow, &mut |_, _| false, &mut went);
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
        Poll::Pending
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
