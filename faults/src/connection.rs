//! One connection of a caller, from accept to close: what holds for it as a whole, and the relay
//! that carries it as long as that lets it.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::edge::{Active, Edge, Key, Lot, Protocol, lock};
use crate::fault::{Break, Cap, Level, OfConnection, Treatment};
use crate::http::{self, head};
use crate::observe::Ended;
use crate::tcp;
use crate::timer::{self, Alarm};
use crate::which::{ConnectionFacts, Holds};
use crate::wire::{Begun, Socket, fill};

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
    pub(crate) busy: AtomicBool,
    /// When a byte last moved.
    moved: AtomicU64,
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
    /// `None`: its count spares it.
    lot: Option<Lot>,
    since: Instant,
    /// The pattern that it waits for, and how much of it has come by.
    waits: Option<Box<Pattern>>,
}

/// A text that the caller is to send, looked for across the pieces in which it comes.
#[derive(Debug)]
struct Pattern {
    wanted: Vec<u8>,
    tail: Vec<u8>,
}

impl Pattern {
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

/// Bytes that move less often than this leave a connection idle between them.
const IDLE: Duration = Duration::from_millis(50);

impl Conn {
    fn new(edge: Arc<Edge>, peer: IpAddr) -> Self {
        Self {
            number: edge.enter(edge.clock.now()),
            edge,
            peer,
            opened: Instant::now(),
            bytes: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            fate: Mutex::default(),
        }
    }

    /// From now on its bytes are not read as HTTP.
    pub(crate) fn becomes_bytes(&self) {
        self.bytes.store(true, Ordering::Relaxed);
        lock(&self.fate).version = 0;
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
        for active in rules.iter().filter(|active| active.is_on()) {
            let meant = match active.rule.fault.level() {
                Level::Connection => true,
                Level::Either => bytes,
                Level::Door | Level::Exchange => false,
            };
            if !meant {
                continue;
            }
            let Some(at) = self.draw(active, &mut fate.drawn) else {
                continue;
            };
            let drawn = &fate.drawn[at];
            if let (Some(lot), None) = (&drawn.lot, &drawn.waits)
                && lot.hits(active)
            {
                let treatment = treatment.get_or_insert_default();
                active.rule.fault.treat(&mut lot.dice.clone(), treatment);
                if active.rule.redirect.is_some() {
                    treatment.request.to = active.rule.redirect;
                }
                if let Some((after, _)) = &mut treatment.connection.ends {
                    // Counted from the accept, so that one clock serves all faults.
                    *after += drawn.since.saturating_duration_since(self.opened);
                }
                fate.fault.get_or_insert(active.number);
            }
        }
        fate.treatment = treatment.map(Arc::new);
        if let Some(fault) = fate.fault {
            self.edge.log.hit(self.number, fault);
        }
    }

    /// Where a fault's lots for this connection lie, drawn now if they were not yet; `None` when
    /// it is not meant for it.
    fn draw(&self, active: &Active, drawn: &mut Vec<Drawn>) -> Option<usize> {
        if let Some(at) = drawn.iter().position(|d| d.number == active.number) {
            return Some(at);
        }
        let facts = ConnectionFacts {
            older: self.opened < active.since,
            sent: self.sent.load(Ordering::Relaxed),
            peer: self.peer,
        };
        let waits = match active.rule.which.holds_for_bytes(facts) {
            Holds::No => return None,
            Holds::Yes => None,
            Holds::Later => Some(Box::new(Pattern {
                wanted: active.rule.which.sent.as_ref()?.clone().into_bytes(),
                tail: Vec::new(),
            })),
        };
        drawn.push(Drawn {
            number: active.number,
            lot: active.draw(&self.edge, Key::Connection(self.number)),
            since: self.opened.max(active.since),
            waits,
        });
        Some(drawn.len() - 1)
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
            let wanted = active.rule.which.sent_bytes.map(|size| size.0);
            wanted.is_some_and(|n| before < n && before + bytes.len() as u64 >= n)
        });
        for drawn in &mut fate.drawn {
            if drawn.waits.as_mut().is_some_and(|p| p.found(bytes)) {
                (drawn.waits, drawn.since) = (None, Instant::now());
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

    fn is_idle(&self) -> bool {
        let still = self
            .edge
            .clock
            .now()
            .saturating_sub(self.moved.load(Ordering::Relaxed));
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
        if let Some((after, how)) = ends {
            if self.alarm.poll_until(cx, conn.opened + after).is_ready() {
                return May::End(how);
            }
            if frozen {
                return May::Wait;
            }
        }
        if frozen {
            return May::Wait;
        }
        if !opens_late.is_zero() && conn.opened.elapsed() < opens_late {
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
    let mut client = Socket::plain(client);
    let conn = Conn::new(edge, peer);
    let mut guard = Guard {
        alarm: Alarm::default(),
        served: false,
        listens: false,
    };
    let (ended, how) = {
        let mut relay = pin!(serve(&conn, &mut client));
        poll_fn(|cx| match guard.poll(cx, &conn) {
            May::End(how) => Poll::Ready((Ended::Fault, Some(how))),
            May::Wait => Poll::Pending,
            May::Go => relay.as_mut().poll(cx).map(|ended| (ended, None)),
        })
        .await
    };
    let edge = &conn.edge;
    edge.leave(conn.number, guard.served);
    match how {
        None => {}
        Some(Break::Reset) => client.reset_on_close(),
        Some(Break::Close) => client.close_gently().await,
    }
    if how.is_some() {
        edge.cut_exchanges(conn.number);
    }
    edge.log
        .close_connection(conn.number, edge.clock.now(), ended);
}

async fn serve(conn: &Conn, client: &mut Socket) -> Ended {
    match conn.edge.protocol() {
        Protocol::Http => Box::pin(http::serve(conn, client, None)).await,
        Protocol::Tcp => tcp::serve(conn, client, None).await,
        Protocol::Auto => match Box::pin(listen_in(conn, client)).await {
            Some((true, begun)) => Box::pin(http::serve(conn, client, Some(begun))).await,
            Some((false, begun)) => tcp::serve(conn, client, Some(begun)).await,
            None => Ended::Answered,
        },
    }
}

/// How long an `auto` edge waits for the caller's first bytes before it connects to the callee,
/// which may be the one who speaks first.
const SPEAKS_FIRST: Duration = Duration::from_millis(200);

/// Finds out whether a connection speaks HTTP, and gives what was read and opened meanwhile;
/// `None` when the caller left without a word.
async fn listen_in(conn: &Conn, client: &mut Socket) -> Option<(bool, Box<Begun>)> {
    let mut begun = Box::<Begun>::default();
    loop {
        if let Some(http) = head::looks_like_http(&begun.first) {
            return Some((http, begun));
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
            more = fill(client, first) => {
                more.ok()?;
            }
            spoke = callee_speaks => {
                if spoke || begun.upstream.is_some() {
                    return Some((false, begun));
                }
                match conn.edge.connect().await {
                    Ok(connected) => begun.upstream = Some(connected),
                    Err(_) => return Some((false, begun)),
                }
            }
        }
    }
}
