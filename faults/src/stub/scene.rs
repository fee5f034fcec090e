//! What one answer draws on: the request that was asked, and the stub's memory.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::{Refusal, Request};
use super::memory::Memory;
use super::pattern::{Captures, decode};
use crate::dice::{self, Dice};

/// How large an answer may be, with what it keeps, about.
pub(super) const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A request, taken apart.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) path: &'a str,
    query: Vec<(String, String)>,
    headers: &'a [(&'a str, &'a [u8])],
    body: &'a [u8],
    /// Read when somebody wants it.
    json: OnceCell<Option<Value>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(request: &'a Request<'a>) -> Self {
        let target = request.target;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        });
        Self {
            method: request.method,
            target,
            path,
            query: query.collect(),
            headers: request.headers,
            body: request.body,
            json: OnceCell::new(),
        }
    }

    /// The values of a parameter of the query.
    pub(super) fn query(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.query.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The values of a header.
    pub(super) fn header(&self, name: &str) -> impl Iterator<Item = String> {
        let named = self.headers.iter();
        let named = named.filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The headers, as many as have so few bytes together; of those that come again, the first.
    pub(super) fn headers_up_to(&self, bytes_max: usize) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::new();
        let mut bytes = 0;
        for (name, value) in self.headers {
            bytes += name.len() + value.len();
            if bytes > bytes_max {
                break;
            }
            let value = String::from_utf8_lossy(value).into_owned();
            headers.entry(name.to_ascii_lowercase()).or_insert(value);
        }
        headers
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.body
    }

    /// The body as JSON, if it is.
    pub(super) fn json(&self) -> Option<&Value> {
        let read = || serde_json::from_slice(self.body).ok();
        self.json.get_or_init(read).as_ref()
    }

    /// What a JSON pointer points at in the body. All of a body that is no JSON is text.
    pub(super) fn body(&self, pointer: &str) -> Option<Value> {
        match self.json() {
            Some(json) => json.pointer(pointer).cloned(),
            None if pointer.is_empty() && !self.body.is_empty() => {
                Some(String::from_utf8_lossy(self.body).into())
            }
            None => None,
        }
    }

    /// What the request looks like, as a number.
    fn key(&self) -> u64 {
        let method = dice::hash(self.method.as_bytes());
        let target = dice::hash(self.target.as_bytes());
        dice::join(dice::join(method, target), dice::hash(self.body))
    }
}

/// What the templates of one answer draw on.
pub(super) struct Scene<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) memory: &'a mut Memory,
    captures: Captures,
    /// The name of the stub, which with the seed decides what is random.
    name: &'a str,
    seed: u64,
    /// Which request it is, told from those that look the same; known when somebody wants it.
    key: Option<u64>,
    /// The numbers that this answer has drawn from sequences.
    drawn: BTreeMap<String, u64>,
    bytes_left: usize,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        asked: &'a Asked<'a>,
        memory: &'a mut Memory,
        captures: Captures,
        (name, seed): (&'a str, u64),
    ) -> Self {
        Self {
            asked,
            memory,
            captures,
            name,
            seed,
            key: None,
            drawn: BTreeMap::new(),
            bytes_left: ANSWER_BYTES_MAX,
        }
    }

    /// What a named segment of the path stands for.
    pub(super) fn capture(&self, name: &str) -> Option<Value> {
        let found = self.captures.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str().into())
    }

    /// The number that this answer has of a sequence.
    pub(super) fn draw(&mut self, sequence: &str) -> u64 {
        if let Some(number) = self.drawn.get(sequence) {
            return *number;
        }
        let number = self.memory.next_of(sequence);
        self.drawn.insert(sequence.to_owned(), number);
        number
    }

    fn key(&mut self) -> u64 {
        if let Some(key) = self.key {
            return key;
        }
        let key = self.asked.key();
        let key = dice::join(key, self.memory.occurrence(key));
        self.key = Some(key);
        key
    }

    /// The dice for something random about this answer.
    pub(super) fn dice(&mut self, about: &str) -> Dice {
        let key = self.key();
        Dice::of(self.seed, self.name, about, key)
    }

    /// A UUID (version 4 in form); the same for the same name all through one answer.
    pub(super) fn uuid(&mut self, name: &str) -> String {
        let stub = dice::join(self.seed, dice::hash(self.name.as_bytes()));
        let key = dice::join(stub, self.key());
        let high = dice::join(key, dice::hash(name.as_bytes()));
        let low = dice::join(high, key);
        dice::uuid(high, low)
    }

    /// Takes from what the answer may have in bytes.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(Refusal::AnswerTooLarge),
        }
    }
}
