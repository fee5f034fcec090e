//! Which exchanges and connections a fault is meant for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::units::{Network, Size};

/// Conditions on an exchange or a connection; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Which {
    /// The request's method.
    pub method: Option<String>,
    /// The request's path without its query; `*` stands for one segment, `**` for any number.
    pub path: Option<String>,
    /// Headers of the request and their values; `*` stands for any characters.
    pub headers: BTreeMap<String, String>,
    /// Parameters of the request's query and their values, as sent; `*` stands for any characters.
    pub query: BTreeMap<String, String>,
    /// Values in the request's JSON body by JSON pointer, as in `/customer/id: 7`.
    pub body: BTreeMap<String, Value>,
    /// Only exchanges on new connections, or only on reused ones. Where bytes are not read as
    /// HTTP: connections made while the fault holds, or those that were there before.
    pub connection: Option<Age>,
    /// Only callers at this address, or in this network (`10.0.0.0/8`).
    pub peer: Option<Network>,
    /// Bytes only (not HTTP): from when the caller has sent this text on the connection.
    pub sent: Option<String>,
    /// Bytes only (not HTTP): from when the caller has sent so much on the connection.
    pub sent_bytes: Option<Size>,
}

/// Whether a connection is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Made for this exchange; on bytes: since the fault holds.
    New,
    /// Used before; on bytes: made before the fault.
    Reused,
}

/// What is known of a request when it is decided whether a fault hits it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The method as sent.
    pub(crate) method: &'a str,
    /// Path and query as sent.
    pub(crate) target: &'a str,
    /// The whole head as sent.
    pub(crate) head: &'a [u8],
    /// Whether it is the first on its connection.
    pub(crate) first: bool,
    /// Who asks.
    pub(crate) peer: IpAddr,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionFacts {
    /// Whether it was made before the fault held.
    pub(crate) older: bool,
    /// How many bytes the caller has sent.
    pub(crate) sent: u64,
    /// Who made it.
    pub(crate) peer: IpAddr,
}

/// Whether conditions hold, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// It depends on what is still to be read.
    Later,
}

impl Which {
    /// Whether there are conditions that only an HTTP request can meet.
    pub fn asks_for_http(&self) -> bool {
        self.method.is_some()
            || self.path.is_some()
            || !self.headers.is_empty()
            || !self.query.is_empty()
            || !self.body.is_empty()
    }

    /// Whether it can only be told from the body.
    pub(crate) fn needs_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Whether every condition but the one on the body holds for a request.
    pub(crate) fn holds_before_body(&self, subject: &Subject<'_>) -> bool {
        let (path, query) = subject
            .target
            .split_once('?')
            .unwrap_or((subject.target, ""));
        self.sent.is_none()
            && self.sent_bytes.is_none()
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(subject.method))
            && self.peer.is_none_or(|peer| peer.holds(subject.peer))
            && self.path.as_deref().is_none_or(|glob| matches(glob, path))
            && self
                .connection
                .is_none_or(|age| (age == Age::New) == subject.first)
            && self.headers.iter().all(|(name, glob)| {
                headers(subject.head)
                    .any(|(n, value)| n.eq_ignore_ascii_case(name) && matches(glob, value))
            })
            && self.query.iter().all(|(name, glob)| {
                query
                    .split('&')
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .any(|(n, value)| n == name && matches(glob, value))
            })
    }

    /// Whether the condition on the body holds.
    pub(crate) fn holds_for_body(&self, body: Option<&[u8]>) -> bool {
        if self.body.is_empty() {
            return true;
        }
        let Some(Ok(json)) = body.map(serde_json::from_slice::<Value>) else {
            return false;
        };
        self.body
            .iter()
            .all(|(pointer, wanted)| json.pointer(pointer) == Some(wanted))
    }

    /// Whether the conditions hold for a connection whose bytes are not read as HTTP.
    pub(crate) fn holds_for_bytes(&self, facts: ConnectionFacts) -> Holds {
        let wrong_age = self
            .connection
            .is_some_and(|age| (age == Age::Reused) != facts.older);
        let wrong_peer = self.peer.is_some_and(|peer| !peer.holds(facts.peer));
        if self.asks_for_http() || wrong_age || wrong_peer {
            Holds::No
        } else if self.sent_bytes.is_some_and(|Size(n)| facts.sent < n) || self.sent.is_some() {
            Holds::Later
        } else {
            Holds::Yes
        }
    }
}

/// Whether a text matches a glob; most differ in the part before the first wildcard, which is
/// compared first.
fn matches(glob: &str, text: &str) -> bool {
    let literal = glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len());
    text.as_bytes().starts_with(&glob.as_bytes()[..literal])
        && (literal == glob.len() && text.len() == literal || fast_glob::glob_match(glob, text))
}

/// The headers of a head.
fn headers(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    head.split(|b| *b == b'\n')
        .skip(1)
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn which(value: Value) -> Which {
        serde_json::from_value(value).unwrap()
    }

    fn holds(conditions: Value, method: &str, target: &str, body: &[u8]) -> bool {
        let head =
            format!("{method} {target} HTTP/1.1\r\nX-Tenant: acme\r\nAccept: text/html\r\n\r\n");
        let subject = Subject {
            method,
            target,
            head: head.as_bytes(),
            first: true,
            peer: IpAddr::from([127, 0, 0, 1]),
        };
        let which = which(conditions);
        which.holds_before_body(&subject) && which.holds_for_body(Some(body))
    }

    #[test]
    fn every_given_condition_must_hold() {
        let get = |conditions| {
            holds(
                conditions,
                "GET",
                "/stock/A1?fresh=1&page=2",
                b"{\"a\":{\"b\":7}}",
            )
        };
        assert!(get(json!({})));
        assert!(get(json!({ "method": "get", "path": "/stock/*" })));
        assert!(!get(json!({ "method": "POST", "path": "/stock/*" })));
        assert!(!get(json!({ "path": "/stock" })));
        assert!(get(json!({ "path": "/stock/A1" })));
        assert!(!get(json!({ "path": "/*" })), "one star is one segment");
        assert!(get(json!({ "path": "/**" })));
        assert!(get(json!({ "headers": { "x-tenant": "acme" } })));
        assert!(!get(json!({ "headers": { "x-tenant": "other" } })));
        assert!(get(json!({ "query": { "page": "2", "fresh": "*" } })));
        assert!(!get(json!({ "query": { "page": "3" } })));
        assert!(get(json!({ "body": { "/a/b": 7 } })));
        assert!(!get(json!({ "body": { "/a/b": "7" } })));
        assert!(!get(json!({ "body": { "/a/c": null } })));
        assert!(get(json!({ "connection": "new" })));
        assert!(!get(json!({ "connection": "reused" })));
        assert!(get(json!({ "peer": "127.0.0.0/8" })));
        assert!(!get(json!({ "peer": "127.0.0.2" })));
        assert!(!get(json!({ "sent": "x" })), "that is for bytes");
    }

    #[test]
    fn bytes_that_are_not_http_match_only_conditions_on_bytes() {
        let facts = ConnectionFacts {
            older: true,
            sent: 10,
            peer: IpAddr::from([127, 0, 0, 1]),
        };
        let bytes = |conditions| which(conditions).holds_for_bytes(facts);
        assert_eq!(bytes(json!({})), Holds::Yes);
        assert_eq!(bytes(json!({ "method": "GET" })), Holds::No);
        assert_eq!(bytes(json!({ "connection": "new" })), Holds::No);
        assert_eq!(bytes(json!({ "connection": "reused" })), Holds::Yes);
        assert_eq!(bytes(json!({ "peer": "127.0.0.1" })), Holds::Yes);
        assert_eq!(bytes(json!({ "peer": "10.0.0.0/8" })), Holds::No);
        assert_eq!(bytes(json!({ "sent_bytes": "10B" })), Holds::Yes);
        assert_eq!(bytes(json!({ "sent_bytes": "11B" })), Holds::Later);
        assert_eq!(bytes(json!({ "sent": "SET" })), Holds::Later);
    }
}
