//! What a proxy saw: every connection and every exchange, in bounded memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

/// Nanoseconds since the clock's zero.
pub type Nanos = u64;

/// The one clock of a run; everything that is observed is dated by it.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock whose zero is now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since its zero.
    pub fn now(&self) -> Nanos {
        Nanos::try_from(self.0.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// The instant of a reading.
    pub fn at(&self, nanos: Nanos) -> Instant {
        self.0 + std::time::Duration::from_nanos(nanos)
    }
}

/// How an exchange or a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It has not ended yet.
    Open,
    /// The whole answer went back to the caller (a connection: both sides are done).
    Answered,
    /// The caller closed or reset the connection first: it gave up.
    Caller,
    /// The callee closed, reset or refused the connection before its answer was complete.
    Callee,
    /// The proxy ended it, because a fault said so.
    Fault,
}

/// One request and its response on an edge; on a `tcp` edge, one connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The connection that carried it, a number within the edge.
    pub connection: u32,
    /// When its head was read.
    pub start: Nanos,
    /// When the first byte of the callee's answer came.
    pub first_byte: Option<Nanos>,
    /// When it ended.
    pub end: Option<Nanos>,
    /// How it ended.
    pub ended: Ended,
    /// What was asked, as an index into [`Seen::operations`].
    pub operation: u32,
    /// The status that the caller got.
    pub status: Option<u16>,
    /// Whether the callee was contacted.
    pub executed: bool,
    /// The fault that hit it, by its number on this edge.
    pub fault: Option<u32>,
    /// The trace id of its `traceparent` header.
    #[serde(with = "hex")]
    pub trace: Option<u128>,
    /// What its head says in the headers that its proxy was told to note; `None` where it has none
    /// of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<Box<Noted>>,
    /// Bytes from the caller.
    pub bytes_up: u64,
    /// Bytes to the caller.
    pub bytes_down: u64,
}

impl Exchange {
    /// One that begins now, of which nothing more is known.
    pub(crate) fn begun(connection: u32, start: Nanos) -> Self {
        Self {
            connection,
            start,
            first_byte: None,
            end: None,
            ended: Ended::Open,
            operation: 0,
            status: None,
            executed: false,
            fault: None,
            trace: None,
            noted: None,
            bytes_up: 0,
            bytes_down: 0,
        }
    }
}

/// The headers of one request that were to be noted: each its place in the list of those
/// ([`Proxy::note`](crate::plane::Proxy::note)), and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Noted(pub Vec<(u8, String)>);

/// What is kept of a noted value, in bytes.
const VALUE_MAX: usize = 256;

impl Noted {
    /// What a request's head says in these headers; of a header that comes twice, the first.
    pub(crate) fn of(head: &[u8], names: &[String]) -> Option<Box<Self>> {
        let mut noted: Vec<(u8, String)> = Vec::new();
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
                continue;
            };
            let is_meant = |(_, meant): &(u8, &String)| meant.as_bytes().eq_ignore_ascii_case(name);
            let Some((place, _)) = (0..).zip(names).find(is_meant) else {
                continue;
            };
            if noted.iter().all(|(known, _)| *known != place) {
                let value = value.trim_ascii();
                let kept = &value[..value.len().min(VALUE_MAX)];
                noted.push((place, String::from_utf8_lossy(kept).into_owned()));
            }
        }
        (!noted.is_empty()).then(|| Box::new(Self(noted)))
    }

    /// What the header says that has this place in the list.
    pub fn value(&self, place: usize) -> Option<&str> {
        let (_, value) = self
            .0
            .iter()
            .find(|(known, _)| usize::from(*known) == place)?;
        Some(value)
    }
}

/// One connection that a caller made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// When it was accepted.
    pub open: Nanos,
    /// When it was closed.
    pub close: Option<Nanos>,
    /// Who closed it.
    pub ended: Ended,
}

/// Everything seen on one edge up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// In the order in which they started.
    pub exchanges: Vec<Exchange>,
    /// In the order in which they were accepted.
    pub connections: Vec<Connection>,
    /// What was asked: `POST /reservations`, with numbers and identifiers in paths as `{}`.
    pub operations: Vec<String>,
    /// Records that found no room.
    pub dropped: u64,
}

/// How many bytes have passed on an edge, on either side of its proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received from callers.
    pub from_callers: u64,
    /// Sent to the callee.
    pub to_callee: u64,
    /// Received from the callee.
    pub from_callee: u64,
    /// Sent to callers.
    pub to_callers: u64,
}

/// Something that went wrong on an edge although no fault is to blame for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What happened, for a person.
    pub what: String,
    /// How often.
    pub times: u64,
}

/// The most different troubles that are told apart; later ones are not noted.
const TROUBLES_MAX: usize = 16;

/// Collects the troubles of one edge.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<Vec<Trouble>>);

impl Troubles {
    /// Once more.
    pub(crate) fn note(&self, what: String) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = troubles.iter_mut().find(|known| known.what == what) {
            known.times += 1;
        } else if troubles.len() < TROUBLES_MAX {
            troubles.push(Trouble { what, times: 1 });
        }
    }

    pub(crate) fn so_far(&self) -> Vec<Trouble> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.clone()
    }
}

/// The most different operations that are told apart; later ones count as the last.
const OPERATIONS_MAX: usize = 10_000;

/// Collects what is seen on one edge; of each sort it keeps the newest records.
#[derive(Debug)]
pub(crate) struct Log {
    seen: Mutex<Held>,
    keep: usize,
}

#[derive(Debug, Default)]
struct Held {
    exchanges: VecDeque<Exchange>,
    connections: VecDeque<Connection>,
    /// How many have been dropped at the front.
    exchanges_gone: usize,
    connections_gone: usize,
    in_flight: usize,
    operations: IndexSet<String>,
    /// Bytes from and to callers, in all exchanges that ever were.
    bytes: (u64, u64),
}

/// The place of a record in the log; `None` for what is not observed.
pub(crate) type Slot = Option<usize>;

impl Log {
    /// A log that keeps so many records of each sort.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            seen: Mutex::default(),
            keep: keep.max(1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections are numbered from 0; two that are accepted at once may come in either order.
    pub(crate) fn open_connection(&self, number: u32, open: Nanos) {
        let seen = &mut *self.lock();
        let record = Connection {
            open,
            close: None,
            ended: Ended::Open,
        };
        let Some(at) = (number as usize).checked_sub(seen.connections_gone) else {
            return;
        };
        while seen.connections.len() <= at {
            seen.connections.push_back(record.clone());
        }
        seen.connections[at] = record;
        while seen.connections.len() > self.keep {
            seen.connections.pop_front();
            seen.connections_gone += 1;
        }
    }

    pub(crate) fn close_connection(&self, connection: u32, close: Nanos, ended: Ended) {
        let seen = &mut *self.lock();
        let at = (connection as usize).checked_sub(seen.connections_gone);
        if let Some(record) = at.and_then(|at| seen.connections.get_mut(at)) {
            record.close = Some(close);
            record.ended = ended;
        }
    }

    pub(crate) fn begin(&self, mut exchange: Exchange, operation: &str) -> usize {
        let seen = &mut *self.lock();
        let at = match seen.operations.get_index_of(operation) {
            Some(at) => at,
            None if seen.operations.len() < OPERATIONS_MAX => {
                seen.operations.insert_full(operation.to_owned()).0
            }
            None => OPERATIONS_MAX - 1,
        };
        exchange.operation = u32::try_from(at).unwrap_or(u32::MAX);
        seen.exchanges.push_back(exchange);
        seen.in_flight += 1;
        if seen.exchanges.len() > self.keep
            && let Some(gone) = seen.exchanges.pop_front()
        {
            seen.exchanges_gone += 1;
            seen.in_flight -= usize::from(gone.end.is_none());
        }
        seen.exchanges_gone + seen.exchanges.len() - 1
    }

    pub(crate) fn update(&self, slot: Slot, change: impl FnOnce(&mut Exchange)) {
        let Some(slot) = slot else { return };
        let seen = &mut *self.lock();
        let at = slot.checked_sub(seen.exchanges_gone);
        let Some(exchange) = at.and_then(|at| seen.exchanges.get_mut(at)) else {
            // Its record is gone; its bytes still count.
            let mut nobody = Exchange::begun(0, 0);
            change(&mut nobody);
            seen.bytes.0 += nobody.bytes_up;
            seen.bytes.1 += nobody.bytes_down;
            return;
        };
        let was_open = exchange.end.is_none();
        let before = (exchange.bytes_up, exchange.bytes_down);
        change(exchange);
        seen.bytes.0 += exchange.bytes_up - before.0;
        seen.bytes.1 += exchange.bytes_down - before.1;
        seen.in_flight -= usize::from(was_open && exchange.end.is_some());
    }

    /// Bytes from and to callers so far.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        self.lock().bytes
    }

    pub(crate) fn snapshot(&self) -> Seen {
        let seen = &*self.lock();
        Seen {
            exchanges: seen.exchanges.iter().cloned().collect(),
            connections: seen.connections.iter().cloned().collect(),
            operations: seen.operations.iter().cloned().collect(),
            dropped: (seen.exchanges_gone + seen.connections_gone) as u64,
        }
    }

    pub(crate) fn count(&self) -> usize {
        let seen = self.lock();
        seen.exchanges_gone + seen.exchanges.len()
    }

    /// How many exchanges are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.lock().in_flight
    }
}

/// `POST /orders/17/lines?x=1` is the operation `POST /orders/{}/lines`.
pub(crate) fn operation(method: &str, target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut name = String::with_capacity(method.len() + 1 + path.len());
    name.push_str(method);
    name.push(' ');
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            name.push('/');
        }
        name.push_str(if is_identifier(segment) {
            "{}"
        } else {
            segment
        });
    }
    name.truncate(name.floor_char_boundary(200));
    name
}

/// Whether a path segment looks like a number, a UUID or another generated key.
fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    !segment.is_empty()
        && (digits == segment.len() || hex && digits > 0 && segment.len() >= 8 || digits >= 6)
}

/// A trace id in files: 32 hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(id: &Option<u128>, s: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => s.collect_str(&format_args!("{id:032x}")),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u128>, D::Error> {
        Option::<String>::deserialize(d)?
            .map(|text| u128::from_str_radix(&text, 16).map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_in_a_path_do_not_make_new_operations() {
        assert_eq!(operation("GET", "/orders/17?x=1"), "GET /orders/{}");
        assert_eq!(
            operation("GET", "/v2/items/9f1c2d3e-0000-4000-8000-00805f9b34fb"),
            "GET /v2/items/{}"
        );
        assert_eq!(operation("POST", "/reservations"), "POST /reservations");
    }

    #[test]
    fn only_the_named_headers_are_noted_and_no_more_of_them_than_fits() {
        let names = ["x-deadline-ms".to_owned(), "idempotency-key".to_owned()];
        let noted = |head: &str| Noted::of(head.as_bytes(), &names);
        let head = "POST /x-deadline-ms:1 HTTP/1.1\r\nHost: a:1\r\nIdempotency-KEY:\t k-1 \r\nX-Deadline-Ms: 5\r\nx-deadline-ms: 9\r\n\r\n";
        let found = noted(head).unwrap();
        assert_eq!(found.value(0), Some("5"));
        assert_eq!(found.value(1), Some("k-1"));
        assert_eq!(found.value(2), None);
        assert_eq!(noted("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), None);
        let long = format!(
            "GET / HTTP/1.1\r\nx-deadline-ms: {}\r\n\r\n",
            "1".repeat(9000)
        );
        assert_eq!(noted(&long).unwrap().value(0).unwrap().len(), VALUE_MAX);
    }

    #[test]
    fn an_exchange_survives_being_written_and_read() {
        let exchange = Exchange {
            connection: 1,
            start: 5,
            first_byte: None,
            end: Some(9),
            ended: Ended::Caller,
            operation: 0,
            status: None,
            executed: true,
            fault: Some(0),
            trace: Some(0xabc),
            noted: Some(Box::new(Noted(vec![(1, "k-1".to_owned())]))),
            bytes_up: 10,
            bytes_down: 0,
        };
        let text = serde_json::to_string(&exchange).unwrap();
        assert!(text.contains("00000000000000000000000000000abc"), "{text}");
        assert_eq!(serde_json::from_str::<Exchange>(&text).unwrap(), exchange);
    }
}
