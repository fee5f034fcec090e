//! One edge's state: where it leads, which faults are active on it, and what was seen.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::decision::Decision;
use crate::dice::{self, Dice};
use crate::fault::{Door, Fault, Level, Treatment};
use crate::observe::{Clock, Ended, Exchange, Log, Nanos, Noted, Slot, Traffic, Troubles};
use crate::times::{Now, Of, Schedule, Times};
use crate::tls;
use crate::which::{Subject, Which};
use crate::wire::{Callee, Upstream};

/// What an edge speaks.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Each connection's first bytes tell.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http,
    /// Bytes.
    Tcp,
}

/// A fault on an edge: what it does, to which exchanges, how often, and when.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in decisions and reports; unique on the edge.
    pub name: String,
    /// What it does.
    pub fault: Arc<dyn Fault>,
    /// To which exchanges.
    pub which: Which,
    /// To which of these by their count.
    pub times: Times,
    /// To what share of these.
    pub probability: f64,
    /// From when to when.
    pub schedule: Schedule,
    /// Where requests go that the fault sends elsewhere.
    pub redirect: Option<SocketAddr>,
}

impl Rule {
    /// A fault that hits everything while it is active.
    pub fn new(name: impl Into<String>, fault: Arc<dyn Fault>) -> Self {
        Self {
            name: name.into(),
            fault,
            which: Which::default(),
            times: Times::default(),
            probability: 1.0,
            schedule: Schedule::default(),
            redirect: None,
        }
    }
}

/// A rule while it is in force.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) number: u32,
    pub(crate) rule: Rule,
    pub(crate) since: Instant,
    pub(crate) lifted: CancellationToken,
    /// The number of the first connection after it was put in force.
    first: u32,
    /// Whether its schedule lets it hold now; stays the same when what it does is changed.
    on: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
}

/// What a rule's dice say about one exchange or connection.
#[derive(Clone, Debug)]
pub(crate) struct Lot {
    /// It is hit where this lies below the rule's probability.
    roll: f64,
    /// The share of the probability that held when it was drawn.
    share: f64,
    pub(crate) dice: Dice,
}

impl Active {
    /// Does what the fault does to a treatment.
    pub(crate) fn treat(&self, lot: &Lot, treatment: &mut Treatment) {
        self.rule.fault.treat(&mut lot.dice.clone(), treatment);
        if self.rule.redirect.is_some() {
            treatment.request.to = self.rule.redirect;
        }
    }
}

impl Lot {
    /// Whether it is hit, as the rule is now.
    pub(crate) fn hits(&self, active: &Active) -> bool {
        self.roll < active.rule.probability * self.share
    }
}

/// What lots are drawn for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// A connection, by its number; it comes once.
    Connection(u32),
    /// A request, which may come again.
    Request(u64),
}

/// How often what a rule is meant for has come by.
#[derive(Debug, Default)]
struct Counts {
    all: u64,
    /// Each key, for the k-th occurrence of the same request.
    each: HashMap<u64, u64>,
}

/// The most keys whose occurrences are told apart.
const KEYS_MAX: usize = 1_000_000;

impl Active {
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// What its schedule says now.
    pub(crate) fn scheduled(&self, seed: u64, edge: &str) -> Now {
        let dice = Dice::of(seed, edge, &self.rule.name, 0);
        self.rule.schedule.at(self.since.elapsed(), dice)
    }

    /// Switches it as its schedule says.
    pub(crate) fn follow(&self, now: Now) {
        self.on.store(now.share > 0.0, Ordering::Relaxed);
    }

    /// Whether it takes whatever meets its conditions, so that no key and no count is needed.
    fn takes_all(&self) -> bool {
        self.rule.probability >= 1.0
            && self.rule.times.takes_all()
            && self.rule.schedule.is_steady()
            && !self.rule.fault.varies()
    }

    /// Counts and draws lots for one exchange or connection; `None` when its count spares it.
    pub(crate) fn draw(&self, edge: &Edge, key: Key) -> Option<Lot> {
        let (key, occurrence) = {
            let mut counts = lock(&self.counts);
            counts.all += 1;
            let (key, each) = match key {
                // By its place behind the moment at which the rule was put in force, so that it
                // does not matter how many there were before.
                Key::Connection(number) => (u64::from(number.wrapping_sub(self.first)), 1),
                Key::Request(key) => (key, counts.occurrence(key)),
            };
            let k = match self.rule.times.of {
                Of::All => counts.all,
                Of::EachRequest => each,
            };
            if !self.rule.times.picks(k) {
                return None;
            }
            (key, each)
        };
        let share = if self.rule.schedule.is_steady() {
            1.0
        } else {
            self.scheduled(edge.seed, &edge.name).share
        };
        let mut dice = Dice::of(
            edge.seed,
            &edge.name,
            &self.rule.name,
            dice::join(key, occurrence),
        );
        let roll = dice.roll();
        Some(Lot { roll, share, dice })
    }
}

impl Counts {
    /// How often this request has come; 0 where it cannot be told.
    fn occurrence(&mut self, key: u64) -> u64 {
        if self.each.len() >= KEYS_MAX && !self.each.contains_key(&key) {
            return 0;
        }
        let count = self.each.entry(key).or_insert(0);
        *count += 1;
        *count
    }
}

/// The rules in force on an edge.
pub(crate) type Rules = Arc<Vec<Arc<Active>>>;

/// The rules that an exchange may be hit by.
#[derive(Default)]
pub(crate) struct Candidates {
    /// The edge's version that they were found at.
    version: u64,
    rules: Vec<Arc<Active>>,
}

impl Candidates {
    /// Whether it takes the request's body to decide.
    pub(crate) fn need_body(&self) -> bool {
        self.rules
            .iter()
            .any(|active| active.rule.which.needs_body() || !active.takes_all())
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of one edge, shared by its connections and whoever controls it.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) seed: u64,
    protocol: Protocol,
    upstream: Mutex<Option<Callee>>,
    /// What is spoken beneath the protocol.
    pub(crate) tls: tls::Sides,
    /// What went wrong that no fault is to blame for.
    pub(crate) troubles: Troubles,
    /// The headers of requests that are noted, if any.
    noted: OnceLock<Vec<String>>,
    active: Mutex<Rules>,
    /// Whether callers are let in.
    serving: AtomicBool,
    /// What went to the callee, and what came from it.
    beyond: (AtomicU64, AtomicU64),
    /// Whether there are rules at all, and a number that changes with them.
    pub(crate) version: AtomicU64,
    /// Every open connection, to be woken when something changes for it.
    open: Mutex<HashMap<u32, Waker>>,
    /// The number of the next connection.
    next: AtomicU32,
    /// Connections below this number are to be cut.
    cut_below: AtomicU32,
    /// Connections that are being served, as against waiting for their turn.
    served: AtomicUsize,
    /// Requests that have been passed on.
    pub(crate) passed: tokio::sync::watch::Sender<u64>,
}

impl Edge {
    pub(crate) fn new(
        name: String,
        protocol: Protocol,
        seed: u64,
        clock: Clock,
        keep: usize,
    ) -> Self {
        Self {
            name,
            clock,
            log: Log::new(keep),
            seed,
            protocol,
            upstream: Mutex::default(),
            tls: tls::Sides::default(),
            troubles: Troubles::default(),
            noted: OnceLock::new(),
            active: Mutex::default(),
            serving: AtomicBool::new(false),
            beyond: Default::default(),
            version: AtomicU64::new(0),
            open: Mutex::default(),
            next: AtomicU32::new(0),
            cut_below: AtomicU32::new(0),
            served: AtomicUsize::new(0),
            passed: tokio::sync::watch::Sender::new(0),
        }
    }

    /// What its connections speak now: bytes are read along when a rule asks for it.
    pub(crate) fn protocol(&self) -> Protocol {
        let asks = |rules: &Rules| {
            let mut rules = rules.iter().map(|active| &active.rule);
            rules.any(|rule| rule.fault.needs_http() || rule.which.asks_for_http())
        };
        match self.protocol {
            Protocol::Tcp if self.has_rules() && asks(&self.rules()) => Protocol::Auto,
            protocol => protocol,
        }
    }

    /// A new connection to the callee. `protocol` is what the caller has agreed upon within its
    /// TLS (ALPN).
    pub(crate) async fn connect(&self, protocol: Option<Vec<u8>>) -> io::Result<Upstream> {
        let upstream = lock(&self.upstream).clone();
        let callee = upstream.ok_or(io::ErrorKind::NotConnected)?;
        self.connect_to(&callee, protocol).await
    }

    /// A new connection to somebody who speaks as the callee does.
    pub(crate) async fn connect_to(
        &self,
        callee: &Callee,
        protocol: Option<Vec<u8>>,
    ) -> io::Result<Upstream> {
        let mut upstream = Upstream::connect(callee).await?;
        if let Some(tls) = self.tls.to_callee.get()
            && let Err(failed) = Box::pin(tls.connect(&mut upstream.socket, protocol)).await
        {
            self.troubles.note(failed.why.clone());
            return Err(io::Error::other(failed.why));
        }
        Ok(upstream)
    }

    pub(crate) fn lead_to(&self, upstream: Callee) {
        *lock(&self.upstream) = Some(upstream);
    }

    pub(crate) fn rules(&self) -> Rules {
        Arc::clone(&lock(&self.active))
    }

    /// Whether there is any rule.
    pub(crate) fn has_rules(&self) -> bool {
        self.version.load(Ordering::Acquire) & 1 == 1
    }

    /// Puts a rule in force, in the place of the one with the same number if there is one.
    pub(crate) fn activate(&self, number: u32, rule: Rule) -> Arc<Active> {
        let fresh = Arc::new(Active {
            number,
            first: self.next.load(Ordering::Acquire),
            on: Arc::new(AtomicBool::new(rule.schedule.is_steady())),
            rule,
            since: Instant::now(),
            lifted: CancellationToken::new(),
            counts: Arc::default(),
        });
        if !fresh.is_on() {
            fresh.follow(fresh.scheduled(self.seed, &self.name));
        }
        self.change_rules(|rules| rules.push(Arc::clone(&fresh)));
        fresh
    }

    /// Changes what a rule does, and to what share. Nobody draws anew: of the connections that
    /// have, those whose roll lies below the new share are hit.
    pub(crate) fn replace(
        &self,
        number: u32,
        fault: Arc<dyn Fault>,
        probability: f64,
        redirect: Option<SocketAddr>,
    ) -> bool {
        self.change_rules(|rules| {
            let Some(active) = rules.iter_mut().find(|active| active.number == number) else {
                return false;
            };
            let rule = Rule {
                fault,
                probability,
                redirect,
                ..active.rule.clone()
            };
            let changed = Active {
                number,
                first: active.first,
                on: Arc::clone(&active.on),
                since: active.since,
                lifted: active.lifted.clone(),
                counts: Arc::clone(&active.counts),
                rule,
            };
            *active = Arc::new(changed);
            true
        })
    }

    /// Takes a rule out of force and releases what it held; says whether it was there.
    pub(crate) fn lift(&self, number: u32) -> bool {
        let gone = self.change_rules(|rules| {
            let at = rules.iter().position(|rule| rule.number == number)?;
            Some(rules.remove(at))
        });
        if let Some(gone) = &gone {
            gone.lifted.cancel();
        }
        gone.is_some()
    }

    /// Takes all rules out of force.
    pub(crate) fn lift_all(&self) {
        for gone in self.change_rules(std::mem::take) {
            gone.lifted.cancel();
        }
    }

    fn change_rules<T>(&self, change: impl FnOnce(&mut Vec<Arc<Active>>) -> T) -> T {
        let mut active = lock(&self.active);
        let mut rules = active.as_ref().clone();
        let result = change(&mut rules);
        let any = !rules.is_empty();
        *active = Arc::new(rules);
        self.next_version(any);
        drop(active);
        self.wake_all();
        result
    }

    /// Odd while there are rules.
    fn next_version(&self, any: bool) {
        let step = |version: u64| Some(((version >> 1) + 1) << 1 | u64::from(any));
        let _ = self
            .version
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
    }

    /// Lets every connection look again at what holds for it.
    pub(crate) fn look_again(&self) {
        let active = lock(&self.active);
        self.next_version(!active.is_empty());
        drop(active);
        self.wake_all();
    }

    /// From now on callers are let in.
    pub(crate) fn serve(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// It serves no more.
    pub(crate) fn retire(&self) {
        self.serving.store(false, Ordering::Release);
    }

    /// What becomes of the door: it opens when the edge begins to serve, and then the faults say.
    pub(crate) fn door(&self) -> Door {
        if !self.serving.load(Ordering::Acquire) {
            return Door::Shut { cut: false };
        }
        let rules = self.rules();
        let on = rules.iter().filter(|active| active.is_on());
        on.map(|active| active.rule.fault.door())
            .max()
            .unwrap_or_default()
    }

    /// The rules that a request may be hit by, before its body is known.
    pub(crate) fn candidates(&self, subject: &Subject<'_>) -> Candidates {
        if !self.has_rules() {
            return Candidates::default();
        }
        let meant = |active: &&Arc<Active>| {
            active.is_on()
                && matches!(active.rule.fault.level(), Level::Exchange | Level::Either)
                && active
                    .rule
                    .fault
                    .only()
                    .is_none_or(|age| age == subject.age)
                && active.rule.which.holds_before_body(subject)
        };
        let version = self.version.load(Ordering::Acquire);
        let rules = self.rules();
        Candidates {
            version,
            rules: rules.iter().filter(meant).cloned().collect(),
        }
    }

    /// Decides what is done to an exchange.
    pub(crate) fn decide(
        self: &Arc<Self>,
        candidates: &Candidates,
        body: Option<&[u8]>,
        key: u64,
    ) -> Decision {
        let mut hits = Vec::new();
        for active in &candidates.rules {
            if active.rule.which.holds_for_body(body)
                && let Some(lot) = active.draw(self, Key::Request(key))
                && lot.hits(active)
            {
                hits.push((Arc::clone(active), lot));
            }
        }
        Decision::new(self, candidates.version, hits)
    }

    pub(crate) fn begin(
        &self,
        connection: u32,
        operation: &str,
        trace: Option<u128>,
        fault: Option<u32>,
    ) -> usize {
        let exchange = Exchange {
            fault,
            trace,
            ..Exchange::begun(connection, self.clock.now())
        };
        self.log.begin(exchange, operation)
    }

    /// Says which headers of requests are to be noted; only the first time counts.
    pub(crate) fn note(&self, names: Vec<String>) {
        let _ = self.noted.set(names);
    }

    /// Notes what an exchange's head says in the headers that are to be noted.
    pub(crate) fn note_head(&self, slot: Slot, head: &[u8]) {
        let Some(names) = self.noted.get() else {
            return;
        };
        if let Some(noted) = Noted::of(head, names) {
            self.log
                .update(slot, |exchange| exchange.noted = Some(noted));
        }
    }

    /// Bytes went to the callee.
    pub(crate) fn went_up(&self, bytes: usize) {
        self.beyond.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes came from the callee.
    pub(crate) fn came_down(&self, bytes: usize) {
        self.beyond.1.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes have passed so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let (from_callers, to_callers) = self.log.bytes();
        Traffic {
            from_callers,
            to_callee: self.beyond.0.load(Ordering::Relaxed),
            from_callee: self.beyond.1.load(Ordering::Relaxed),
            to_callers,
        }
    }

    /// The caller closed its side in the middle of an exchange: for the caller it ends here, even
    /// if the rest of the answer is still carried to its socket.
    pub(crate) fn gave_up(&self, slot: Slot) {
        self.finish(slot, Ended::Caller);
    }

    pub(crate) fn finish(&self, slot: Slot, ended: Ended) {
        let now = self.clock.now();
        self.log.update(slot, |exchange| {
            if exchange.end.is_none() {
                exchange.end = Some(now);
                exchange.ended = ended;
            }
        });
    }

    /// A connection was accepted; gives its number.
    pub(crate) fn enter(&self, now: Nanos) -> u32 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.log.open_connection(number, now);
        number
    }

    /// Says whom to wake when something changes for a connection.
    pub(crate) fn listens(&self, number: u32, waker: Waker) {
        lock(&self.open).insert(number, waker);
    }

    /// A connection has ended; the ones that wait for its place look again.
    pub(crate) fn leave(&self, number: u32, was_served: bool) {
        lock(&self.open).remove(&number);
        if was_served {
            self.served.fetch_sub(1, Ordering::AcqRel);
            if self.has_rules() {
                self.wake_all();
            }
        }
    }

    /// Whether one more connection may be served when there may be `most`.
    pub(crate) fn admit(&self, most: usize) -> bool {
        let one_more = |served: usize| (served < most).then_some(served + 1);
        self.served
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_ok()
    }

    /// Resets every connection that is open now.
    pub(crate) fn cut_all(&self) {
        let next = self.next.load(Ordering::Acquire);
        self.cut_below.store(next, Ordering::Release);
        self.look_again();
    }

    /// Whether a connection is to be cut.
    pub(crate) fn cuts(&self, number: u32) -> bool {
        number < self.cut_below.load(Ordering::Acquire)
    }

    fn wake_all(&self) {
        for waker in lock(&self.open).values() {
            waker.wake_by_ref();
        }
    }
}
