//! A stub that was checked: its routes, and what it keeps at the beginning.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::condition::Conditions;
use super::json::Json;
use super::pattern::{Captures, PathPattern};
use super::scene::Asked;
use super::template::Template;

/// The keys that say the method of a route, and the method; `any` has none.
pub(super) const METHODS: [(&str, Option<&str>); 7] = [
    ("get", Some("GET")),
    ("post", Some("POST")),
    ("put", Some("PUT")),
    ("patch", Some("PATCH")),
    ("delete", Some("DELETE")),
    ("head", Some("HEAD")),
    ("any", None),
];

/// The counter of the requests that no route was for.
pub(super) const UNMATCHED: &str = "unmatched";

/// What a stub answers. It can be played any number of times, each time from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    pub(super) routes: Vec<Route>,
    /// Every counter there is: of each route by its name, of `count`, and of what fits no route.
    pub(super) counters: Vec<String>,
    pub(super) state: IndexMap<String, Value>,
}

impl Spec {
    /// The names of its routes, in the order in which they are tried.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| route.name.as_str())
    }
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) method: Option<&'static str>,
    pub(super) path: PathPattern,
    pub(super) conditions: Conditions,
    pub(super) status: u16,
    /// Names in small letters.
    pub(super) headers: Vec<(String, Template)>,
    pub(super) content: Option<Content>,
    pub(super) count: Option<String>,
    pub(super) get: Option<Template>,
    pub(super) put: Vec<(Template, Json)>,
    pub(super) increment: Vec<(Template, Json)>,
    pub(super) delete: Option<Template>,
    pub(super) delay: Duration,
    /// Never more than the delay.
    pub(super) jitter: Duration,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Json(Json),
    Text(Template),
}

impl Route {
    /// What the names in its path stand for, if the request is for this route.
    pub(super) fn captured(&self, asked: &Asked<'_>) -> Option<Captures> {
        if !allows(self.method, asked.method) {
            return None;
        }
        let captures = self.path.captured(asked.path)?;
        self.conditions.hold(asked).then_some(captures)
    }

    /// Whether it leaves no request to the other one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let methods = match other.method {
            Some(method) => allows(self.method, method),
            None => self.method.is_none(),
        };
        methods && self.conditions.none() && self.path.covers(&other.path)
    }
}

/// HEAD is answered as GET is, without the body (RFC 9110, section 9.3.2).
fn allows(route: Option<&str>, method: &str) -> bool {
    route.is_none_or(|route| route == method || (route, method) == ("GET", "HEAD"))
}
