//! What a stub remembers: counters, sequences, its state, the last requests, and which bounds it met.

use std::collections::{BTreeMap, HashMap, VecDeque};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::kept::{self, Kept};
use super::scene::Asked;
use super::spec::{Spec, UNMATCHED};

/// How many bytes of a request's body are taken.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How many requests are remembered, the last ones.
pub const REQUESTS_MAX: usize = 200;
/// How many bytes of a body, and of all headers, are remembered of a request.
const REMEMBERED_BYTES_MAX: usize = 4096;
/// The most different requests whose occurrences are told apart.
const KEYS_MAX: usize = 100_000;

/// A bound that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    /// A body was too large.
    Body,
    /// Nothing more could be kept.
    State,
    /// An answer would have been too large.
    Answer,
    /// Somebody had to wait for a connection.
    Connections,
    /// Too many different requests: `uuid` and jitter no longer follow from the seed alone.
    Occurrences,
}

impl Limit {
    fn describe(self) -> String {
        let mib = |bytes: usize| bytes >> 20;
        match self {
            Self::Body => format!(
                "a body of more than {} MiB was refused",
                mib(BODY_BYTES_MAX)
            ),
            Self::State => format!(
                "the state was full, at {} values or {} MiB",
                kept::ENTRIES_MAX,
                mib(kept::BYTES_MAX)
            ),
            Self::Answer => format!(
                "an answer would have had more than {} MiB",
                mib(super::scene::ANSWER_BYTES_MAX)
            ),
            Self::Connections => "a connection had to wait for another one's end".to_owned(),
            Self::Occurrences => {
                format!("more than {KEYS_MAX} different requests came, and were not told apart")
            }
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Memory {
    counters: IndexMap<String, u64>,
    sequences: BTreeMap<String, u64>,
    pub(super) kept: Kept,
    requests: VecDeque<Value>,
    /// How many requests there were, with those that are no longer remembered.
    count: u64,
    /// How often each request came that looks the same.
    occurrences: HashMap<u64, u64>,
    limits: BTreeMap<Limit, u64>,
}

impl Memory {
    pub(super) fn new(spec: &Spec) -> Self {
        Self {
            counters: spec.counters.iter().map(|name| (name.clone(), 0)).collect(),
            sequences: BTreeMap::new(),
            kept: Kept::new(&spec.state),
            requests: VecDeque::new(),
            count: 0,
            occurrences: HashMap::new(),
            limits: BTreeMap::new(),
        }
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// Counts one; every counter has been declared.
    pub(super) fn count(&mut self, name: &str) {
        if let Some(count) = self.counters.get_mut(name) {
            *count += 1;
        }
    }

    /// The next number of a sequence, from 1.
    pub(super) fn next_of(&mut self, sequence: &str) -> u64 {
        let number = self.sequences.entry(sequence.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// The how-manieth request with this key it is, from 1.
    pub(super) fn occurrence(&mut self, key: u64) -> u64 {
        if self.occurrences.len() >= KEYS_MAX && !self.occurrences.contains_key(&key) {
            self.met(Limit::Occurrences);
            return 0;
        }
        let count = self.occurrences.entry(key).or_default();
        *count += 1;
        *count
    }

    /// A bound was met.
    pub(super) fn met(&mut self, limit: Limit) {
        *self.limits.entry(limit).or_default() += 1;
    }

    /// Remembers a request, and which route it was answered by.
    pub(super) fn remember(&mut self, asked: &Asked<'_>, route: Option<&str>, status: u16) {
        self.count += 1;
        if route.is_none() {
            self.count(UNMATCHED);
        }
        if self.requests.len() >= REQUESTS_MAX {
            self.requests.pop_front();
        }
        let (headers, body) = (asked.headers_up_to(REMEMBERED_BYTES_MAX), asked.bytes());
        let mut request = json!({
            "number": self.count,
            "method": asked.method,
            "target": clipped(asked.target),
            "route": route,
            "status": status,
            "headers": headers,
        });
        if !body.is_empty() {
            request["body_bytes"] = body.len().into();
            let small = body.len() <= REMEMBERED_BYTES_MAX;
            let json = asked
                .json()
                .filter(|json| small && !kept::too_deep(json, kept::DEPTH_MAX));
            request["body"] = match json {
                Some(json) => json.clone(),
                None => clipped(&String::from_utf8_lossy(body)).into(),
            };
        }
        self.requests.push_back(request);
    }

    /// The counters, in the order of the routes.
    pub(super) fn counters(&self) -> &IndexMap<String, u64> {
        &self.counters
    }

    pub(super) fn reset_counters(&mut self) {
        self.counters.values_mut().for_each(|count| *count = 0);
        self.sequences.clear();
    }

    pub(super) fn reset_requests(&mut self) {
        self.requests.clear();
        self.count = 0;
    }

    /// How many requests there were, and the last ones of them.
    pub(super) fn requests(&self) -> Value {
        json!({ "count": self.count, "last": self.requests })
    }

    /// The bounds that were met, and how often.
    pub(super) fn limits(&self) -> BTreeMap<String, u64> {
        let limits = self.limits.iter();
        limits
            .map(|(limit, times)| (limit.describe(), *times))
            .collect()
    }

    pub(super) fn sequences(&self) -> &BTreeMap<String, u64> {
        &self.sequences
    }
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(REMEMBERED_BYTES_MAX)].to_owned()
}
