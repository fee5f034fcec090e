//! One edge's state: where it leads, which faults are active on it, and what was seen.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dice::{self, Dice};
use crate::fault::{Fault, Treatment};
use crate::observe::{Clock, Ended, Exchange, Log, Slot};
use crate::which::{Subject, Which};
use crate::wire::Upstream;

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

/// A fault on an edge: what it does, to which exchanges, how often.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name in decisions and reports; unique on the edge.
    pub name: String,
    /// What it does.
    pub fault: Arc<dyn Fault>,
    /// To which exchanges.
    pub which: Which,
    /// To what share of these.
    pub probability: f64,
}

/// A rule while it is in force.
#[derive(Debug)]
struct Active {
    number: u16,
    rule: Rule,
    lifted: CancellationToken,
    /// How often each key came by, for the k-th occurrence of the same request.
    occurrences: Mutex<HashMap<u64, u64>>,
}

/// The most keys whose occurrences are told apart.
const KEYS_MAX: usize = 1_000_000;

impl Active {
    fn hits(&self, subject: Option<Subject<'_>>) -> bool {
        self.rule.which.holds(subject)
    }

    /// Draws lots for one exchange; `None` when it is spared.
    fn draw(&self, seed: u64, edge: &str, key: u64) -> Option<Dice> {
        let mut occurrences = lock(&self.occurrences);
        let occurrence = if occurrences.len() < KEYS_MAX || occurrences.contains_key(&key) {
            let count = occurrences.entry(key).or_insert(0);
            *count += 1;
            *count
        } else {
            0
        };
        let mut dice = Dice::of(seed, edge, &self.rule.name, dice::join(key, occurrence));
        (dice.roll() < self.rule.probability).then_some(dice)
    }
}

/// What is done to one exchange, and until when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decision {
    pub(crate) treatment: Treatment,
    /// The first fault that hit.
    pub(crate) fault: Option<u16>,
    lifted: Vec<CancellationToken>,
}

impl Decision {
    /// Waits until one of the faults that hit is lifted; for ever where none did.
    pub(crate) async fn lifted(&self) {
        match &self.lifted[..] {
            [] => std::future::pending().await,
            [one] => one.cancelled().await,
            [first, rest @ ..] => {
                let rest = Self {
                    lifted: rest.to_vec(),
                    ..Self::default()
                };
                tokio::select! {
                    () = first.cancelled() => {}
                    () = Box::pin(rest.lifted()) => {}
                }
            }
        }
    }

    /// Waits so long, but not beyond the faults' end: what was held back is then released.
    pub(crate) async fn hold(&self, delay: Duration) {
        if !delay.is_zero() {
            self.hold_until(Instant::now() + delay).await;
        }
    }

    /// Waits until then, but not beyond the faults' end.
    pub(crate) async fn hold_until(&self, due: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            () = self.lifted() => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of one edge, shared by its connections and whoever controls it.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    seed: u64,
    upstream: Mutex<Option<SocketAddr>>,
    active: Mutex<Arc<Vec<Arc<Active>>>>,
    /// Cancelled to cut every connection that is open at that moment.
    cut: Mutex<CancellationToken>,
}

impl Edge {
    pub(crate) fn new(name: String, protocol: Protocol, seed: u64, clock: Clock) -> Self {
        Self {
            name,
            protocol,
            clock,
            log: Log::default(),
            seed,
            upstream: Mutex::default(),
            active: Mutex::default(),
            cut: Mutex::default(),
        }
    }

    fn upstream(&self) -> Option<SocketAddr> {
        *lock(&self.upstream)
    }

    /// A new connection to the callee.
    pub(crate) async fn connect(&self) -> io::Result<Upstream> {
        Upstream::connect(self.upstream().ok_or(io::ErrorKind::NotConnected)?).await
    }

    pub(crate) fn lead_to(&self, upstream: SocketAddr) {
        *lock(&self.upstream) = Some(upstream);
    }

    /// Puts a rule in force.
    pub(crate) fn activate(&self, number: u16, rule: Rule) {
        let fresh = Active {
            number,
            rule,
            lifted: CancellationToken::new(),
            occurrences: Mutex::default(),
        };
        let mut active = lock(&self.active);
        let mut rules = active.as_ref().clone();
        rules.push(Arc::new(fresh));
        *active = Arc::new(rules);
    }

    /// Takes a rule out of force and releases what it held; says whether it was there.
    pub(crate) fn lift(&self, number: u16) -> bool {
        let mut active = lock(&self.active);
        let Some(at) = active.iter().position(|rule| rule.number == number) else {
            return false;
        };
        let mut rules = active.as_ref().clone();
        let gone = rules.remove(at);
        *active = Arc::new(rules);
        drop(active);
        gone.lifted.cancel();
        true
    }

    /// Whether some active fault shuts the door.
    pub(crate) fn is_shut(&self) -> bool {
        lock(&self.active)
            .iter()
            .any(|active| active.rule.fault.shuts_the_door())
    }

    /// Whether any decision needs a key: a fault that hits a share, or varies.
    pub(crate) fn draws_lots(&self) -> bool {
        !lock(&self.active).is_empty()
    }

    /// Decides what is done to an exchange (`None`: a connection of bytes).
    pub(crate) fn decide(&self, subject: Option<Subject<'_>>, key: u64) -> Decision {
        let active = Arc::clone(&lock(&self.active));
        let mut decision = Decision::default();
        for rule in active.iter().filter(|rule| rule.hits(subject)) {
            if let Some(mut dice) = rule.draw(self.seed, &self.name, key) {
                rule.rule.fault.treat(&mut dice, &mut decision.treatment);
                decision.fault.get_or_insert(rule.number);
                decision.lifted.push(rule.lifted.clone());
            }
        }
        decision
    }

    pub(crate) fn begin(
        &self,
        connection: u32,
        operation: &str,
        trace: Option<u128>,
        fault: Option<u16>,
    ) -> Slot {
        let exchange = Exchange {
            connection,
            start: self.clock.now(),
            first_byte: None,
            end: None,
            ended: Ended::Open,
            operation: 0,
            status: None,
            executed: false,
            fault,
            trace,
            bytes_up: 0,
            bytes_down: 0,
        };
        self.log.begin(exchange, operation)
    }

    /// The caller closed its side in the middle of an exchange: for the caller it ends here, even
    /// if the rest of the answer is still carried to its socket.
    pub(crate) fn gave_up(&self, slot: Slot) {
        let now = self.clock.now();
        self.log.update(slot, |exchange| {
            exchange.end = Some(now);
            exchange.ended = Ended::Caller;
        });
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

    /// Notes that a connection was cut in the middle of whatever it carried.
    pub(crate) fn cut_exchanges(&self, connection: u32) {
        self.log.cut(connection, self.clock.now());
    }

    /// The token that cuts connections accepted now.
    pub(crate) fn cut_token(&self) -> CancellationToken {
        lock(&self.cut).clone()
    }

    /// Resets every connection that is open now.
    pub(crate) fn cut_all(&self) {
        std::mem::take(&mut *lock(&self.cut)).cancel();
    }
}
