//! The requests of a load.

use std::collections::HashMap;
use std::str::FromStr as _;

use http::{HeaderName, HeaderValue};

use super::Reader;
use crate::suite::model::Request;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written::{self, METHODS};

impl Reader<'_> {
    /// The requests; where an experiment has any, they replace the suite's.
    pub(super) fn requests(&mut self, general: &Path, own: &Path) -> Vec<Request> {
        let ways = ["request", "requests"];
        let replaced = ways.iter().any(|way| self.has(&own.then(*way)));
        let load = if replaced { own } else { general };
        let one = load.then("request");
        let several = load.then("requests");
        let count = self.count(&several);
        let mut paths: Vec<Path> = (0..count).map(|index| several.then(index)).collect();
        if self.has(&one) {
            paths.insert(0, one);
        }
        let mut named: HashMap<String, usize> = HashMap::new();
        let mut requests = Vec::new();
        for path in paths {
            let line = self.at(&path).line_number();
            let Some(request) = self.request(&path) else {
                continue;
            };
            if let Some(first) = named.get(&request.name) {
                let message = format!("two requests are called `{}`", near::clip(&request.name));
                let help = format!("give this one or that of line {first} another `name`");
                self.complain(&path, &message, &help);
            } else {
                named.insert(request.name.clone(), line);
            }
            requests.push(request);
        }
        requests
    }

    fn request(&mut self, path: &Path) -> Option<Request> {
        self.headers(&path.then("headers"));
        let written: written::Request = self.part(path)?;
        let written::Request {
            get,
            post,
            put,
            patch,
            delete,
            head,
            headers,
            ..
        } = written;
        let mut ways = METHODS
            .into_iter()
            .zip([get, post, put, patch, delete, head]);
        let (method, target) = ways.find_map(|((_, method), target)| Some((method, target?.0)))?;
        let name = written.name.unwrap_or_else(|| format!("{method} {target}"));
        if name.trim().is_empty() {
            self.complain(
                &path.then("name"),
                "the name is empty",
                "remove it, or write one",
            );
        }
        let mut request = Request {
            name,
            weight: written.weight.unwrap_or(1),
            to: written.to.0,
            method: method.to_owned(),
            path: target,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, value.0))
                .collect(),
            body: written.body.map(String::into_bytes),
        };
        if let Some(json) = written.json {
            request.body = Some(json.to_string().into_bytes());
            let is_type = |header: &String| header.eq_ignore_ascii_case("content-type");
            if !request.headers.keys().any(is_type) {
                let (header, value) = ("content-type".to_owned(), "application/json".to_owned());
                request.headers.insert(header, value);
            }
        }
        Some(request)
    }

    fn headers(&mut self, path: &Path) {
        for name in self.keys(path) {
            let path = path.then(name.as_str());
            let value: Option<written::Scalar<false>> = self.part(&path);
            self.header_name(&path, &name);
            if value.is_some_and(|value| HeaderValue::from_str(&value.0).is_err()) {
                let help = "write it on one line, without control characters";
                self.complain(&path, "this cannot be sent as a header", help);
            }
        }
    }

    fn header_name(&mut self, path: &Path, name: &str) {
        let derived = ["content-length", "transfer-encoding"];
        if derived.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let help = "remove it; it follows from the body";
            self.complain_of_key(path, &format!("the header `{name}` cannot be set"), help);
        } else if HeaderName::from_str(name).is_err() {
            let message = format!("`{}` cannot name a header", near::clip(name));
            self.complain_of_key(
                path,
                &message,
                "use letters, digits and `-`, as in X-Request-Id",
            );
        }
    }
}
