//! What a request does: HTTP, or a command.

use std::str::FromStr as _;

use http::{HeaderName, HeaderValue};
use shaketable_faults::fault::{On, Short};

use super::Reader;
use super::request::Place;
use crate::between::names;
use crate::load::script::template::{Form, Template};
use crate::suite::model::Act;
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::written::{
    CommandLine, Connection, IdempotencyKey, METHODS, NOT_FOR_A_COMMAND, RequestPath, Scalar,
    by_path, by_program,
};

/// The header of an idempotency key (as in the IETF's draft, and with most payment services).
const KEY_HEADER: &str = "Idempotency-Key";

impl Reader<'_> {
    /// An HTTP request, and what it is called where it has no name.
    pub(super) fn http_act(&mut self, place: &Place<'_>) -> Option<(Act, String)> {
        let path = place.path;
        let mut headers = self.headers(place);
        let json = path.then("json");
        let mut body = Template::default();
        if let Some(value) = self.json(&json).cloned() {
            body = self.filled_json(place, &json, &value, "json");
            let is_type = |(name, _): &(String, _)| name.eq_ignore_ascii_case("content-type");
            if !headers.iter().any(is_type) {
                let json = Template::fixed("application/json");
                headers.push(("content-type".to_owned(), json));
            }
        } else if let Some(text) = self.part::<String>(&path.then("body")) {
            body = self.filled(place, &path.then("body"), &text, "body", Form::Plain);
        }
        let way = METHODS.iter().find_map(|(key, method)| {
            let at = path.then(*key);
            self.has(&at).then_some((at, *method))
        });
        let filled = way.and_then(|(at, method)| {
            let RequestPath(text) = self.part(&at)?;
            let template = self.filled(place, &at, &text, "path", Form::Path);
            Some((method, text, template))
        });
        let (method, text, template) = filled?;
        if !self.has(&path.then("to")) {
            let help = "add `to: order`: the service that it goes to";
            self.complain(path, "the key `to` is missing", help);
            return None;
        }
        let connection: Option<Connection> = self.part(&path.then("connection"));
        let key: Option<Short<On, IdempotencyKey>> = self.part(&path.then("idempotency_key"));
        if let Some(key) = key {
            let header = key
                .1
                .header
                .map_or(KEY_HEADER.to_owned(), |header| header.0);
            if headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(&header))
            {
                let message = format!("the header `{header}` is written in `headers` too");
                let help = "remove it there, or remove `idempotency_key`";
                self.complain_of_key(&path.then("idempotency_key"), &message, help);
            }
            let known = place.known("idempotency_key");
            let value = Template::parse("{{uuid}}", Form::Header, &known, &mut Vec::new());
            headers.push((header, value));
        }
        let act = Act::Http {
            method: method.to_owned(),
            path: template,
            headers,
            body,
            new_connection: place.new_connection(connection),
        };
        Some((act, by_path(method, &text)))
    }

    fn headers(&mut self, place: &Place<'_>) -> Vec<(String, Template)> {
        let path = place.path.then("headers");
        let mut headers = Vec::new();
        for name in self.keys(&path) {
            let path = path.then(name.as_str());
            let value: Option<Scalar<false>> = self.part(&path);
            self.header_name(&path, &name);
            let Some(value) = value else { continue };
            if HeaderValue::from_str(&value.0).is_err() {
                let help = "write it on one line, without control characters";
                self.complain(&path, "this cannot be sent as a header", help);
            }
            let value = self.filled(place, &path, &value.0, &name, Form::Header);
            headers.push((name, value));
        }
        headers
    }

    fn header_name(&mut self, path: &Path, name: &str) {
        let derived = ["content-length", "transfer-encoding"];
        if derived.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let help = "remove it; it follows from the body";
            self.complain_of_key(path, &format!("the header `{name}` cannot be set"), help);
        } else {
            self.names_header(path, name);
        }
    }

    /// A key that names a header.
    pub(super) fn names_header(&mut self, path: &Path, name: &str) -> Option<HeaderName> {
        let header = HeaderName::from_str(name).ok();
        if header.is_none() {
            let message = format!("`{}` cannot name a header", near::clip(name));
            let help = "use letters, digits and `-`, as in X-Request-Id";
            self.complain_of_key(path, &message, help);
        }
        header
    }

    /// A command, and what it is called where it has no name.
    pub(super) fn exec_act(&mut self, place: &Place<'_>) -> Option<(Act, String)> {
        for key in NOT_FOR_A_COMMAND {
            let path = place.path.then(key);
            if self.has(&path) {
                let message = format!("`{key}` has no effect on a command");
                let help = "remove it, or hand it over in the command's arguments";
                self.complain_of_key(&path, &message, help);
            }
        }
        let path = place.path.then("exec");
        let line: CommandLine = self.part(&path)?;
        let one = matches!(line, CommandLine::Line(_));
        let services: Vec<String> = self.keys(&steps!["services"]);
        let names = service_names(&services);
        let known: Vec<&str> = std::iter::once("SHAKETABLE")
            .chain(names.iter().map(|(name, _)| name.as_str()))
            .collect();
        let words = self.argv(&path, line, &known)?;
        let mut argv = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let path = if one { path.clone() } else { path.then(index) };
            let key = format!("exec {index}");
            argv.push(self.filled(place, &path, word, &key, Form::Plain));
        }
        let name = by_program(words.first().map_or("", String::as_str));
        let cwd = self.dir(&path);
        Some((Act::Exec { argv, cwd }, name))
    }

    /// The service that a command goes to, where it does not say: the first whose address it is told.
    pub(super) fn service_of(&self, act: &Act) -> String {
        let Act::Exec { argv, .. } = act else {
            return String::new();
        };
        let services = self.keys(&steps!["services"]);
        let names = service_names(&services);
        let used = argv.iter().flat_map(Template::texts);
        let mut used = used.flat_map(crate::expand::names_in);
        used.find_map(|used| names.iter().find(|(name, _)| name == used))
            .map(|(_, service)| service.clone())
            .unwrap_or_default()
    }
}

/// Every `$NAME` for the address of a service, and the service.
fn service_names(services: &[String]) -> Vec<(String, String)> {
    let none = indexmap::IndexMap::new();
    let called = |service| names::Called {
        callee: service,
        variables: &none,
        secure: false,
    };
    let called: Vec<names::Called<'_>> = services
        .iter()
        .map(|service| called(service.as_str()))
        .collect();
    names::of_caller(&called)
        .into_iter()
        .map(|(name, meaning)| (name, services[meaning.edge].clone()))
        .collect()
}
