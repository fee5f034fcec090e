//! One connection of a caller, from accept to close: what holds for it as a whole, and the relay
//! that carries it as long as that lets it.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::edge::{Active, Edge, Key, Lot, Protocol, Rule, lock};
use crate::fault::{Break, Cap, Level, OfConnection, Treatment};
use crate::http::{self, head};
use crate::observe::{Ended, Slot};
use crate::switchboard::Guest;
use crate::tcp;
use crate::timer::{self, Alarm};
use crate::tls::meet;
use crate::which::Age;
use crate::wire::{Begun, Gone, Socket, fill};

/// What is known of a connection while it lasts.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) edge: Arc<Edge>,
    pub(crate) number: u32,
    /// Who made it.
    pub(crate) peer: IpAddr,
    opened: Instant,
    /// Whether its bytes are not read as HTTP, so that faults hit it as a whole.
    bytes: AtomicBool,
    /// How much the caller has sent, where it is bytes.
    sent: AtomicU64,
    /// Whether an exchange is under way.
    busy: AtomicBool,
    /// When a byte last moved.
    moved: AtomicU64,
    /// The record of its last exchange, which may still be under way; `NONE` before the first.
    exchange: AtomicUsize,
    /// What it brings where it came by a forward proxy.
    pub(crate) guest: Option<Box<Guest>>,
    fate: Mutex<Fate>,
}

/// What was decided for a connection.
#[derive(Debug, Default)]
struct Fate {
    /// The edge's version that it was decided for; 0 before anything was.
    version: u64,
    drawn: Vec<Drawn>,
    treatment: Option<Arc<Treatment>>,
    fault: Option<u32>,
}

/// One fault's lots for a connection, drawn once: what comes and goes beside it changes nothing.
#[derive(Debug)]
struct Drawn {
    number: u32,
    lots: Lots,
    /// Since when it holds for the connection, and whether that was idle at that moment; `None`
    /// while its schedule has it off.
    began: Option<(Instant, bool)>,
}

#[derive(Debug)]
enum Lots {
    /// It waits for a text of the caller.
    Waits(Pattern),
    /// To be drawn as soon as the other conditions hold.
    Undrawn,
    /// What they say; `None`: the rule's count spares it.
    Drawn(Option<Lot>),
}

/// A text that the caller is to send, looked for across the pieces in which it comes.
#[derive(Debug)]
struct Pattern {
    wanted: Vec<u8>,
    tail: Vec<u8>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self {
            wanted: text.as_bytes().to_vec(),
            tail: Vec::new(),
        }
    }

    /// Whether the text has come by with these bytes.
    fn found(&mut self, bytes: &[u8]) -> bool {
        self.tail.extend_from_slice(bytes);
        let found = self
            .tail
            .windows(self.wanted.len().max(1))
            .any(|window| window == self.wanted);
        let keep = self.tail.len().min(self.wanted.len().saturating_sub(1));
        self.tail.drain(..self.tail.len() - keep);
        found
    }
}

/// No exchange.
const NONE: usize = usize::MAX;

/// Bytes that move less often than this leave a connection idle between them.
const IDLE: Duration = Duration::from_millis(50);

impl Conn {
    fn new(edge: Arc<Edge>, peer: IpAddr, guest: Option<Box<Guest>>) -> Self {
        let now = edge.clock.now();
        Self {
            number: edge.enter(now),
            edge,
            peer,
            opened: Instant::now(),
            bytes: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            moved: AtomicU64::new(now),
            exchange: AtomicUsize::new(NONE),
            guest,
            fate: Mutex::default(),
        }
    }

    /// From now on its bytes are not read as HTTP, beginning with these.
    pub(crate) fn becomes_bytes(&self, first: &[u8]) {
        if self.bytes.swap(true, Ordering::Relaxed) {
            return;
        }
        lock(&self.fate).version = 0;
        // Faults that wait for a text of the caller begin to wait before it is told of these.
        let _ = self.treatment();
        self.caller_sent(first.len(), first);
    }

    /// What is done to it now, and by which fault first.
    pub(crate) fn treatment(&self) -> (Option<Arc<Treatment>>, Option<u32>) {
        let mut fate = lock(&self.fate);
        let version = self.edge.version.load(Ordering::Acquire);
        // An even version means that there is no rule.
        if fate.version != version && (version & 1 == 1 || fate.treatment.is_some()) {
            self.decide(&mut fate);
        }
        fate.version = version;
        (fate.treatment.clone(), fate.fault)
    }

    fn decide(&self, fate: &mut Fate) {
        let rules = self.edge.rules();
        let bytes = self.bytes.load(Ordering::Relaxed);
        fate.drawn
            .retain(|drawn| rules.iter().any(|active| active.number == drawn.number));
        let mut treatment: Option<Treatment> = None;
        fate.fault = None;
        for active in rules.iter() {
            let meant = match active.rule.fault.level() {
                Level::Connection => true,
                Level::Either | Level::Bytes => bytes,
                Level::Door | Level::Exchange => false,
            };
            if !meant {
                continue;
            }
            if !active.is_on() {
                // When it comes on again, that is another beginning.
                let mine = fate.drawn.iter_mut().find(|d| d.number == active.number);
                if let Some(drawn) = mine {
                    drawn.began = None;
                }
                continue;
            }
            let Some(at) = self.draw(active, &mut fate.drawn) else {
                continue;
            };
            let drawn = &mut fate.drawn[at];
            if let Lots::Drawn(Some(lot)) = &drawn.lots
                && lot.hits(active)
            {
                let begins = || (Instant::now(), self.is_idle());
                let (since, idle) = *drawn.began.get_or_insert_with(begins);
                let treatment = treatment.get_or_insert_default();
                let OfConnection {
                    ends, ends_idle, ..
                } = treatment.connection;
                treatment.connection.ends = None;
                active.treat(lot, treatment);
                if let Some((after, _)) = &mut treatment.connection.ends {
                    // Counted from the accept, so that one clock serves all faults.
                    *after += since.saturating_duration_since(self.opened);
                }
                if let Some((after, how)) = ends {
                    treatment.connection.end(after, how);
                }
                if !idle {
                    treatment.connection.ends_idle = ends_idle;
                }
                fate.fault.get_or_insert(active.number);
            }
        }
        fate.treatment = treatment.map(Arc::new);
        if let Some(fault) = fate.fault {
            self.edge.log.update(self.slot(), |exchange| {
                if exchange.end.is_none() {
                    exchange.fault.get_or_insert(fault);
                }
            });
        }
    }

    /// An exchange begins on it; gives the place of its record.
    pub(crate) fn begin(&self, operation: &str, trace: Option<u128>, fault: Option<u32>) -> usize {
        let at = self.edge.begin(self.number, operation, trace, fault);
        self.exchange.store(at, Ordering::Relaxed);
        at
    }

    /// The record of its last exchange.
    fn slot(&self) -> Slot {
        Some(self.exchange.load(Ordering::Relaxed)).filter(|at| *at != NONE)
    }

    /// A fault ended it, in the middle of whatever it carried. Where it has carried nothing yet, it
    /// was an attempt nevertheless, unless it was only kept for later.
    fn was_cut(&self) {
        let (treatment, fault) = self.treatment();
        let kept = treatment.is_some_and(|t| t.connection.ends_idle.is_some());
        if self.slot().is_none() && fault.is_some() && !kept {
            self.begin("connection", None, fault);
        }
        self.edge.finish(self.slot(), Ended::Fault);
    }

    /// Where a fault's lots for this connection lie, drawn now if they can be; `None` when it is
    /// not meant for it.
    fn draw(&self, active: &Active, drawn: &mut Vec<Drawn>) -> Option<usize> {
        let Rule { fault, which, .. } = &active.rule;
        let known = drawn.iter().position(|d| d.number == active.number);
        let at = if let Some(at) = known {
            at
        } else {
            let age = if self.opened < active.since {
                Age::Reused
            } else {
                Age::New
            };
            if !which.is_for_connection(age, self.peer)
                || fault.only().is_some_and(|only| only != age)
            {
                return None;
            }
            drawn.push(Drawn {
                number: active.number,
                lots: match &which.sent {
                    Some(text) => Lots::Waits(Pattern::new(text)),
                    None => Lots::Undrawn,
                },
                began: None,
            });
            drawn.len() - 1
        };
        let lots = &mut drawn[at].lots;
        if matches!(lots, Lots::Undrawn) && which.enough(self.sent.load(Ordering::Relaxed)) {
            *lots = Lots::Drawn(active.draw(&self.edge, Key::Connection(self.number)));
        }
        Some(at)
    }

    /// Bytes of the caller have come by, `n` of them (`bytes` may be empty where there is no rule);
    /// says whether that may change what is done.
    pub(crate) fn caller_sent(&self, n: usize, bytes: &[u8]) -> bool {
        let before = self.sent.fetch_add(n as u64, Ordering::Relaxed);
        if self.edge.version.load(Ordering::Acquire) & 1 == 0 {
            return false;
        }
        let mut fate = lock(&self.fate);
        let mut changed = self.edge.rules().iter().any(|active| {
            let which = &active.rule.which;
            !which.enough(before) && which.enough(before + n as u64)
        });
        for drawn in &mut fate.drawn {
            if let Lots::Waits(pattern) = &mut drawn.lots
                && pattern.found(bytes)
            {
                drawn.lots = Lots::Undrawn;
                changed = true;
            }
        }
        if changed {
            fate.version = 0;
        }
        changed
    }

    /// A byte moved.
    pub(crate) fn moves(&self) {
        self.moved.store(self.edge.clock.now(), Ordering::Relaxed);
    }

    /// The guest that brings requests of a forward proxy, where this is one.
    pub(crate) fn requesting_guest(&self) -> Option<&Guest> {
        self.guest.as_deref().filter(|guest| guest.has_requests())
    }

    /// Says whether an HTTP exchange is under way.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
        // Between two exchanges it is idle from the first moment.
        self.moved.store(0, Ordering::Relaxed);
    }

    /// Whether nothing gets through either way.
    pub(crate) fn is_dark(&self) -> bool {
        self.is_treated(|treatment| treatment.connection.dark)
    }

    /// Waits until nothing gets through any more, or until it does again.
    pub(crate) async fn until_dark(&self, dark: bool) {
        self.until_treated(|treatment| treatment.connection.dark, dark)
            .await;
    }

    /// Waits until TLS handshakes get no answer any more, or until they do again.
    pub(crate) async fn until_handshakes_stall(&self, stall: bool) {
        let stalls = |treatment: &Treatment| treatment.connection.dark || treatment.up.stall_tls;
        self.until_treated(stalls, stall).await;
    }

    fn is_treated(&self, so: impl Fn(&Treatment) -> bool) -> bool {
        self.edge.has_rules() && self.treatment().0.is_some_and(|treatment| so(&treatment))
    }

    async fn until_treated(&self, so: impl Fn(&Treatment) -> bool, wanted: bool) {
        // Whatever changes on the edge wakes this task.
        poll_fn(|_| {
            if self.is_treated(&so) == wanted {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn is_idle(&self) -> bool {
        let moved = self.moved.load(Ordering::Relaxed);
        let still = self.edge.clock.now().saturating_sub(moved);
        !self.busy.load(Ordering::Relaxed) && u128::from(still) >= IDLE.as_nanos()
    }
}

/// What the connection as a whole may do now.
enum May {
    Go,
    Wait,
    End(Break),
}

/// Holds a connection to what is decided for it as a whole.
struct Guard {
    alarm: Alarm,
    served: bool,
    listens: bool,
}

impl Guard {
    fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> May {
        if !self.listens {
            conn.edge.listens(conn.number, cx.waker().clone());
            self.listens = true;
        }
        if conn.edge.cuts(conn.number) {
            return May::End(Break::Reset);
        }
        let (treatment, _) = conn.treatment();
        let Some(treatment) = treatment else {
            self.alarm.forget();
            return self.admit(conn, None);
        };
        let OfConnection {
            opens_late,
            frozen,
            ends,
            ends_idle,
            cap,
            ..
        } = treatment.connection;
        if let Some(how) = ends_idle
            && conn.is_idle()
        {
            return May::End(how);
        }
        if let Some((after, how)) = ends
            && self.alarm.poll_until(cx, conn.opened + after).is_ready()
        {
            return May::End(how);
        }
        if frozen {
            return May::Wait;
        }
        if !self.served && !opens_late.is_zero() && conn.opened.elapsed() < opens_late {
            let mut due = conn.opened + opens_late;
            if let Some((after, _)) = ends {
                due = due.min(conn.opened + after);
            }
            if self.alarm.poll_until(cx, due).is_pending() {
                return May::Wait;
            }
        }
        self.admit(conn, cap)
    }

    fn admit(&mut self, conn: &Conn, cap: Option<Cap>) -> May {
        if self.served {
            return May::Go;
        }
        if conn.edge.admit(cap.map_or(usize::MAX, |cap| cap.most)) {
            self.served = true;
            return May::Go;
        }
        match cap.and_then(|cap| cap.beyond) {
            Some(how) => May::End(how),
            None => May::Wait,
        }
    }
}

/// Serves a caller's connection until it ends.
pub(crate) async fn connection(edge: Arc<Edge>, client: TcpStream, peer: IpAddr) {
    visit(edge, &mut Socket::plain(client), peer, None).await;
}

/// Serves a caller's connection as long as it concerns this edge. Where it goes on to another, that
/// is what it has sent meanwhile; else it has ended.
pub(crate) async fn visit(
    edge: Arc<Edge>,
    client: &mut Socket,
    peer: IpAddr,
    guest: Option<Box<Guest>>,
) -> Option<BytesMut> {
    let conn = Conn::new(edge, peer, guest);
    let mut guard = Guard {
        alarm: Alarm::default(),
        served: false,
        listens: false,
    };
    let (ended, how) = {
        let mut relay = pin!(serve(&conn, &mut *client));
        poll_fn(|cx| match guard.poll(cx, &conn) {
            May::End(how) => Poll::Ready((Ended::Fault, Some(how))),
            May::Wait => Poll::Pending,
            May::Go => relay.as_mut().poll(cx).map(|ended| (ended, None)),
        })
        .await
    };
    let edge = &conn.edge;
    edge.leave(conn.number, guard.served);
    if let Some(how) = how {
        conn.was_cut();
        client.end(how).await;
    }
    edge.log
        .close_connection(conn.number, edge.clock.now(), ended);
    // Who was never let in has not left for anywhere.
    conn.guest.filter(|_| how.is_none())?.leaves()
}

async fn serve(conn: &Conn, client: &mut Socket) -> Ended {
    let mut begun = None;
    if let Some(guest) = &conn.guest {
        let first = match Box::pin(guest.let_in(conn, client)).await {
            Ok(first) => first,
            Err(ended) => return ended,
        };
        let came = begun.insert(Box::<Begun>::default());
        came.first = first;
        if guest.has_requests() {
            return Box::pin(http::serve(conn, client, begun)).await;
        }
    }
    if let Some(tls) = conn.edge.tls.from_caller.get() {
        let mut nothing = BytesMut::new();
        let first = begun
            .as_mut()
            .map_or(&mut nothing, |begun| &mut begun.first);
        if let Err(ended) = Box::pin(meet(conn, client, tls, first)).await {
            return ended;
        }
    }
    match conn.edge.protocol() {
        Protocol::Http => Box::pin(http::serve(conn, client, begun)).await,
        Protocol::Tcp => tcp::serve(conn, client, begun).await,
        Protocol::Auto => {
            match Box::pin(listen_in(conn, client, begun.unwrap_or_default())).await {
                Spoken::Http(begun) => Box::pin(http::serve(conn, client, Some(begun))).await,
                Spoken::Bytes(begun) => tcp::serve(conn, client, Some(begun)).await,
                Spoken::Nothing(begun) => tcp::pass(conn, client, Some(begun), None).await,
                Spoken::Left(begun) => {
                    if let Some(upstream) = begun.upstream {
                        upstream.socket.reset_on_close();
                    }
                    Ended::Caller
                }
            }
        }
    }
}

/// How long an `auto` edge waits for the caller's first bytes before it connects to the callee,
/// which may be the one who speaks first.
const SPEAKS_FIRST: Duration = Duration::from_millis(200);

/// What a connection speaks, with what was read and opened meanwhile.
enum Spoken {
    Http(Box<Begun>),
    Bytes(Box<Begun>),
    /// The caller closed its direction without a word. The callee may still have one, but that is
    /// no attempt at anything: an unused connection of a pool ends like this.
    Nothing(Box<Begun>),
    /// The caller reset it before it could be told.
    Left(Box<Begun>),
}

/// Finds out whether a connection speaks HTTP.
async fn listen_in(conn: &Conn, client: &mut Socket, mut begun: Box<Begun>) -> Spoken {
    loop {
        match head::looks_like_http(&begun.first) {
            Some(true) => return Spoken::Http(begun),
            Some(false) => return Spoken::Bytes(begun),
            None => {}
        }
        let Begun { first, upstream } = &mut *begun;
        let callee_speaks = async {
            if let Some(upstream) = upstream {
                fill(&mut upstream.socket, &mut upstream.ahead)
                    .await
                    .is_ok()
            } else {
                timer::sleep(SPEAKS_FIRST).await;
                false
            }
        };
        tokio::select! {
            more = fill(client, first) => match more {
                Ok(_) => {}
                Err(Gone::Reset) => return Spoken::Left(begun),
                Err(Gone::Closed) if begun.first.is_empty() => return Spoken::Nothing(begun),
                Err(Gone::Closed) => return Spoken::Bytes(begun),
            },
            spoke = callee_speaks => {
                if spoke || begun.upstream.is_some() {
                    return Spoken::Bytes(begun);
                }
                match conn.edge.connect(client.protocol()).await {
                    Ok(connected) => begun.upstream = Some(connected),
                    Err(_) => return Spoken::Bytes(begun),
                }
            }
        }
    }
}
