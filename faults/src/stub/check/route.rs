//! One route: its path, its conditions, its answer, what it counts and keeps.

use std::str::FromStr as _;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde_json::Value;

use super::{Checker, line, name};
use crate::stub::condition::{Conditions, Wanted};
use crate::stub::json::{Json, templates_in};
use crate::stub::params;
use crate::stub::pattern::PathPattern;
use crate::stub::problem::{Problem, clip};
use crate::stub::source::{Known, pointer};
use crate::stub::spec::{Content, Route, UNMATCHED};
use crate::stub::template::Template;

/// How long an answer may take.
const DELAY_MAX: Duration = Duration::from_hours(1);
/// How many bytes the name of a route or a counter may have.
const NAME_BYTES_MAX: usize = 256;

impl Checker<'_> {
    pub(super) fn route(&mut self, written: params::Route) -> Route {
        let name = name(&written);
        let (key, method, path) = line(&written);
        let mut problems = Vec::new();
        let path = PathPattern::parse(path, &mut problems);
        let captures = problems.is_empty().then(|| path.captures().collect());
        self.complain_at(&[key], problems);
        let known = Known {
            captures,
            counters: self.counters,
        };
        if let Some(name) = &written.name {
            self.name(&["name"], name);
        }
        if let Some(count) = &written.count {
            self.name(&["count"], count);
            if self.names.contains(count) {
                let message = format!("`{}` counts itself already", clip(count));
                let help = "every route is counted by its name; count under another name";
                self.complain_at(&["count"], vec![Problem::new(message, help)]);
            }
        }
        let status = written.status.unwrap_or(200);
        let content = self.content(&written, status, &known);
        let state = written.state.unwrap_or_default();
        let (delay, jitter) = written.latency.map_or_else(Default::default, |latency| {
            (latency.1.delay.0, latency.1.jitter.0)
        });
        self.latency(delay, jitter);
        Route {
            name,
            method,
            conditions: self.conditions(written.conditions.unwrap_or_default()),
            status,
            headers: self.headers(&written.headers, &known),
            content,
            count: written.count,
            get: self.key(&["state", "get"], state.get, &known),
            put: self.changes("put", &state.put, &known),
            increment: self.amounts(&state.increment, &known),
            delete: self.key(&["state", "delete"], state.delete, &known),
            delay,
            jitter,
            path,
        }
    }

    fn name(&mut self, at: &[&str], name: &str) {
        let problem = if name.trim().is_empty() {
            Problem::new("the name is empty", "remove it, or write one")
        } else if name == UNMATCHED {
            let message = format!("`{UNMATCHED}` counts the requests that no route is for");
            Problem::new(message, "choose another name")
        } else if name.trim() != name
            || name.contains(char::is_control)
            || name.contains("{{")
            || name.len() > NAME_BYTES_MAX
        {
            let message = format!("`{}` cannot be a name", clip(name));
            Problem::new(message, "write a few words on one line, without `{{`")
        } else {
            return;
        };
        self.complain_at(at, vec![problem]);
    }

    fn content(
        &mut self,
        written: &params::Route,
        status: u16,
        known: &Known<'_>,
    ) -> Option<Content> {
        let mut problems = Vec::new();
        let (key, content) = if let Some(json) = &written.json {
            let json = Json::parse(json, known, &mut problems);
            ("json", Content::Json(json))
        } else {
            let text = Template::parse(&written.body.as_ref()?.0, known, &mut problems);
            ("body", Content::Text(text))
        };
        self.complain_at(&[key], problems);
        if is_bodiless(status) {
            let message = format!("an answer with status {status} has no body");
            self.complain_of_key(&[key], Problem::new(message, "remove it"));
        }
        Some(content)
    }

    fn latency(&mut self, delay: Duration, jitter: Duration) {
        let problem = if jitter > delay {
            Problem::new("the jitter is larger than the delay", "make it smaller")
        } else if delay > DELAY_MAX {
            Problem::new("no answer takes longer than 1h", "write less")
        } else {
            return;
        };
        self.complain_at(&["latency"], vec![problem]);
    }

    fn conditions(&mut self, written: params::Where) -> Conditions {
        let mut conditions = Conditions::default();
        for (name, wanted) in written.query {
            self.as_written(&["where", "query", &name], &wanted.0.as_str().into());
            conditions.query.push((name, Wanted::text(&wanted.0)));
        }
        for (name, wanted) in written.headers {
            let at = ["where", "headers", &name];
            self.header_name(&at, &name);
            self.as_written(&at, &wanted.0.as_str().into());
            let name = name.to_ascii_lowercase();
            conditions.headers.push((name, Wanted::text(&wanted.0)));
        }
        for (key, wanted) in written.body {
            let at = ["where", "body", &key];
            if let Err(problem) = pointer(key.clone()) {
                self.complain_of_key(&at, problem);
            }
            self.as_written(&at, &wanted);
            conditions.body.push((key, Wanted::value(&wanted)));
        }
        conditions
    }

    /// A condition is a condition on the request alone.
    fn as_written(&mut self, at: &[&str], wanted: &Value) {
        let why = "a condition is compared as it is written; `*` in a text stands for anything";
        self.complain_at(at, templates_in(wanted, why));
    }

    fn headers(
        &mut self,
        written: &IndexMap<String, params::Text>,
        known: &Known<'_>,
    ) -> Vec<(String, Template)> {
        let mut headers = Vec::new();
        for (name, value) in written {
            let at = ["headers", name];
            let follows = ["content-length", "transfer-encoding"];
            if follows.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                let message = format!("the header `{name}` cannot be set");
                self.complain_of_key(
                    &at,
                    Problem::new(message, "remove it; it follows from the body"),
                );
            } else {
                self.header_name(&at, name);
            }
            let mut problems = Vec::new();
            let template = Template::parse(&value.0, known, &mut problems);
            if template
                .plain()
                .is_some_and(|plain| HeaderValue::from_str(plain).is_err())
            {
                let help = "write it on one line, without control characters";
                problems.push(Problem::new("this cannot be sent as a header", help));
            }
            self.complain_at(&at, problems);
            headers.push((name.to_ascii_lowercase(), template));
        }
        headers
    }

    fn header_name(&mut self, at: &[&str], name: &str) {
        if HeaderName::from_str(name).is_err() {
            let message = format!("`{}` cannot name a header", clip(name));
            let help = "use letters, digits and `-`, as in X-Request-Id";
            self.complain_of_key(at, Problem::new(message, help));
        }
    }

    /// A key of the state.
    fn key(
        &mut self,
        at: &[&str],
        key: Option<params::Text>,
        known: &Known<'_>,
    ) -> Option<Template> {
        let mut problems = Vec::new();
        let key = Template::parse(&key?.0, known, &mut problems);
        self.complain_at(at, problems);
        Some(key)
    }

    /// Values, each under a key of the state.
    fn changes<'v>(
        &mut self,
        what: &str,
        values: impl IntoIterator<Item = (&'v String, &'v Value)>,
        known: &Known<'_>,
    ) -> Vec<(Template, Json)> {
        let mut changes = Vec::new();
        for (key, value) in values {
            let at = ["state", what, key];
            let mut problems = Vec::new();
            let template = Template::parse(key, known, &mut problems);
            for problem in std::mem::take(&mut problems) {
                self.complain_of_key(&at, problem);
            }
            let value = Json::parse(value, known, &mut problems);
            self.complain_at(&at, problems);
            changes.push((template, value));
        }
        changes
    }

    fn amounts(
        &mut self,
        amounts: &IndexMap<String, params::Amount>,
        known: &Known<'_>,
    ) -> Vec<(Template, Json)> {
        for (key, amount) in amounts {
            let text = amount.0.as_str().unwrap_or("{{");
            if !text.contains("{{") {
                let message = format!("`{}` is not a number", clip(text));
                let help =
                    "write a number, or a template that gives one, as in \"{{body./quantity}}\"";
                let problem = Problem::new(message, help);
                self.complain_at(&["state", "increment", key], vec![problem]);
            }
        }
        let values = amounts.iter().map(|(key, amount)| (key, &amount.0));
        self.changes("increment", values, known)
    }
}

/// Whether an answer with this status has no body (RFC 9110, sections 15.3.5 and 15.4.5).
pub(in crate::stub) fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 304)
}
