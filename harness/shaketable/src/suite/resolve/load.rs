//! The load of an experiment: the suite's, with what the experiment changes.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Reader;
use crate::suite::model::{Load, Phases, Request};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::written::{self, METHODS};

/// After how long the load gives a call up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a phase may be.
const PHASE_MAX: Duration = Duration::from_secs(3600);

/// The two ways to say what the calls are; what an experiment says replaces either.
const REQUESTS: [&str; 2] = ["request", "requests"];

impl Reader<'_> {
    /// The load of an experiment.
    pub(super) fn load(&mut self, experiment: &Path) -> Option<Load> {
        let (general, own) = (steps!["load"], experiment.then("load"));
        let (has_general, has_own) = (
            self.root.at(&general).is_some(),
            self.root.at(&own).is_some(),
        );
        if !has_general && !has_own {
            self.complain_of_key(
                experiment,
                "this experiment has no load",
                "add `load:` with a rate and a request, here or at the top of the suite",
            );
            return None;
        }
        let mut merged = Map::new();
        let mut origin = IndexMap::new();
        for (there, path) in [(has_general, &general), (has_own, &own)] {
            if !there {
                continue;
            }
            let part = self.json(path)?.as_object()?.clone();
            if part.keys().any(|key| REQUESTS.contains(&key.as_str())) {
                merged.retain(|key, _| !REQUESTS.contains(&key.as_str()));
            }
            for (key, value) in part {
                origin.insert(key.clone(), path.then(key.as_str()));
                merged.insert(key, value);
            }
        }
        let at = |key: &str| origin.get(key).cloned().unwrap_or_else(|| own.clone());
        let written: written::Load = self.typed(&own, Value::Object(merged))?;
        let timeout = written.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        self.above_zero(&at("timeout"), timeout);
        let mut requests = Vec::new();
        let mut written_at = Vec::new();
        if let Some(request) = written.request {
            requests.extend(self.request(&at("request"), request));
            written_at.push(at("request"));
        }
        for (index, request) in written.requests.into_iter().flatten().enumerate() {
            let path = at("requests").then(index);
            requests.extend(self.request(&path, request));
            written_at.push(path);
        }
        if requests.len() == written_at.len() {
            self.names_are_distinct(&requests, &written_at);
        }
        let missing = |what: &str| format!("the load of this experiment has no {what}");
        if requests.is_empty() && written_at.is_empty() {
            let help = "add `request` or `requests`, here or to the suite's load";
            self.complain_of_key(&own, &missing("requests"), help);
        }
        let Some(rate) = written.rate else {
            let help = "add `rate: 100/s`, here or to the suite's load";
            self.complain_of_key(&own, &missing("rate"), help);
            return None;
        };
        Some(Load {
            rate,
            timeout,
            requests,
        })
    }

    fn names_are_distinct(&mut self, requests: &[Request], written_at: &[Path]) {
        let mut first: HashMap<&str, &Path> = HashMap::new();
        for (request, path) in requests.iter().zip(written_at) {
            if let Some(other) = first.get(request.name.as_str()) {
                let position = self.position(other);
                self.complain(
                    path,
                    &format!("two requests are called `{}`", near::clip(&request.name)),
                    &format!(
                        "give this one or that of line {} another `name`",
                        position.line
                    ),
                );
            } else {
                first.insert(&request.name, path);
            }
        }
    }

    fn request(&mut self, path: &Path, written: written::Request) -> Option<Request> {
        let ways = [
            &written.get,
            &written.post,
            &written.put,
            &written.patch,
            &written.delete,
            &written.head,
        ];
        let way = METHODS
            .into_iter()
            .zip(ways)
            .find_map(|((_, method), way)| Some((method, way.as_ref()?)));
        let (method, target) = way?;
        let name = written
            .name
            .unwrap_or_else(|| format!("{method} {}", target.0));
        if name.trim().is_empty() {
            self.complain(
                &path.then("name"),
                "the name is empty",
                "remove it, or write one",
            );
        }
        let mut headers = IndexMap::new();
        for (header, value) in written.headers {
            self.header(
                &path.then("headers").then(header.as_str()),
                &header,
                &value.0,
            );
            headers.insert(header, value.0);
        }
        let body = match (written.json, written.body) {
            (Some(json), _) => {
                if !headers
                    .keys()
                    .any(|header: &String| header.eq_ignore_ascii_case("content-type"))
                {
                    headers.insert("content-type".to_owned(), "application/json".to_owned());
                }
                Some(json.to_string().into_bytes())
            }
            (None, body) => body.map(String::into_bytes),
        };
        Some(Request {
            name,
            weight: written.weight.unwrap_or(1),
            to: written.to.0,
            method: method.to_owned(),
            path: target.0.clone(),
            headers,
            body,
        })
    }

    fn header(&mut self, path: &Path, name: &str, value: &str) {
        if HeaderName::from_str(name).is_err() {
            let message = format!("`{}` cannot name a header", near::clip(name));
            self.complain_of_key(
                path,
                &message,
                "use letters, digits and `-`, as in X-Request-Id",
            );
        }
        if HeaderValue::from_str(value).is_err() {
            let help = "write it on one line, without control characters";
            self.complain(path, "this cannot be sent as a header", help);
        }
        if ["content-length", "transfer-encoding"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            let help = "remove it; it is derived from the body";
            self.complain_of_key(path, &format!("`{name}` cannot be set"), help);
        }
    }

    /// The phases of an experiment.
    pub(super) fn phases(&mut self, experiment: &Path) -> Option<Phases> {
        let mut phases = Phases::default();
        for path in [steps!["phases"], experiment.then("phases")] {
            if self.root.at(&path).is_none() {
                continue;
            }
            let written: written::Phases = self.part(&path)?;
            for (key, written, time) in [
                ("warm_up", written.warm_up, &mut phases.warm_up),
                ("baseline", written.baseline, &mut phases.baseline),
                ("fault", written.fault, &mut phases.fault),
                ("recovery", written.recovery, &mut phases.recovery),
            ] {
                let Some(written) = written else { continue };
                self.above_zero(&path.then(key), written.0);
                if written.0 > PHASE_MAX {
                    self.complain(
                        &path.then(key),
                        "a phase takes at most 1h",
                        "write a shorter duration",
                    );
                }
                *time = written.0;
            }
        }
        Some(phases)
    }
}
