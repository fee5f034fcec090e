//! Conditions on answers, what is captured from them, and the rows of a load.

use std::sync::Arc;

use serde_json::Value;

use super::Reader;
use super::request::{Common, Place};
use crate::load::script::data::Table;
use crate::load::script::template::{RESERVED, is_name};
use crate::load::script::{self, Capture, Expected, Matcher, Pattern, StatusRange};
use crate::suite::extend::beside;
use crate::suite::files::read_text;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written::{self, DataFile, RegexText, Scalars, Statuses, pointer_complaint};

impl Reader<'_> {
    /// Conditions on an answer; `None` where there are none.
    pub(super) fn matcher(&mut self, place: &Place<'_>, key: &str, path: &Path) -> Option<Matcher> {
        let of_command = self.has(&place.path.then("exec"));
        for key in ["status", "header"] {
            let path = path.then(key);
            if of_command && self.has(&path) {
                let message = format!("a command's answer has no {key}");
                let help = "look at what it prints: `json`, `contains` or `regex`";
                self.complain_of_key(&path, &message, help);
            }
        }
        let mut matcher = Matcher {
            json: self.expected(place, key, &path.then("json")),
            schema: self.body_schema(&path.then("schema")),
            ..Matcher::default()
        };
        for name in self.keys(&path.then("header")) {
            let path = path.then("header").then(name.as_str());
            if let Some(header) = self.names_header(&path, &name)
                && let Some(Scalars(mut values)) = self.part(&path)
            {
                if values.iter().any(|value| value == "*") {
                    values.clear();
                }
                matcher.header.push((header, values));
            }
        }
        let statuses: Option<Statuses> = self.part(&path.then("status"));
        let statuses = statuses.into_iter().flat_map(|statuses| statuses.0);
        matcher.status = statuses.filter_map(|status| range(&status)).collect();
        matcher.contains = self.part(&path.then("contains"));
        let regex: Option<RegexText> = self.part(&path.then("regex"));
        matcher.regex = regex.and_then(|text| Pattern::new(&text.0).ok());
        self.json(path).is_some().then_some(matcher)
    }

    /// By what a degraded answer is known, whatever was asked.
    pub(super) fn marker(&mut self, path: &Path) -> Option<Matcher> {
        let place = Place {
            path,
            common: &Common::none(),
            in_journey: false,
            captured: &[],
            later: &[],
        };
        let matcher = self.matcher(&place, "marker", path)?;
        let mut expected = matcher.json.iter().flat_map(|(_, values)| values);
        if expected.any(|value| matches!(value, Expected::Filled(_))) {
            let help = "write the value itself";
            self.complain(path, "nothing is filled in here", help);
        }
        Some(matcher)
    }

    /// JSON pointers, and what they are to point at.
    fn expected(
        &mut self,
        place: &Place<'_>,
        key: &str,
        path: &Path,
    ) -> Vec<(String, Vec<Expected>)> {
        let mut expected = Vec::new();
        for pointer in self.keys(path) {
            let path = path.then(pointer.as_str());
            if let Some(wrong) = pointer_complaint(&pointer) {
                let (message, help) = wrong.split_once("; ").unwrap_or((&wrong, ""));
                self.complain_of_key(&path, message, help);
            }
            let Some(value) = self.json(&path).cloned() else {
                continue;
            };
            let several = matches!(value, Value::Array(_));
            let values = match value {
                Value::Array(values) => values,
                one => vec![one],
            };
            if values.is_empty() {
                let help = "write the values of which it has one";
                self.complain(&path, "nothing is in this list", help);
            }
            let mut wanted = Vec::new();
            for (index, value) in values.into_iter().enumerate() {
                let path = if several {
                    path.then(index)
                } else {
                    path.clone()
                };
                let template = self.filled_json(place, &path, &value, &format!("{key} {pointer}"));
                wanted.push(match template.plain() {
                    Some(text) => Expected::Fixed(serde_json::from_str(text).unwrap_or(value)),
                    None => Expected::Filled(template),
                });
            }
            expected.push((pointer, wanted));
        }
        expected
    }

    /// The names that a request captures, right or wrong.
    pub(super) fn captures_at(&self, request: &Path) -> Vec<String> {
        self.keys(&request.then("capture"))
    }

    /// What is taken from the answer of a request.
    pub(super) fn captures(&mut self, place: &Place<'_>) -> Vec<Capture> {
        let path = place.path.then("capture");
        let of_command = self.has(&place.path.then("exec"));
        let mut captures = Vec::new();
        for name in self.keys(&path) {
            let path = path.then(name.as_str());
            if RESERVED.contains(&name.as_str()) {
                let message = format!("`{{{{{name}}}}}` already means something else");
                self.complain_of_key(&path, &message, "choose another name, as in `order`");
            } else if !is_name(&name) {
                let message = format!("`{}` cannot name a captured value", near::clip(&name));
                self.complain_of_key(&path, &message, "use letters, digits, `_` and `-`");
            }
            for key in ["status", "header"] {
                let path = path.then(key);
                if of_command && self.has(&path) {
                    let message = format!("a command's answer has no {key}");
                    self.complain_of_key(
                        &path,
                        &message,
                        "use `json` or `regex` on what it prints",
                    );
                }
            }
            let written: Option<written::Capture> = self.part(&path);
            if let Some(from) = written.and_then(from) {
                captures.push(Capture { name, from });
            }
        }
        captures
    }

    /// The rows of a load.
    pub(super) fn table(&mut self, path: &Path) -> Option<Arc<Table>> {
        let DataFile(from) = self.part(path)?;
        let name = beside(&self.at(path).source.name, &from);
        let read = match read_text(self.files, &name) {
            Ok(text) => {
                let is_json = std::path::Path::new(&from)
                    .extension()
                    .is_some_and(|e| e == "json");
                let table = if is_json {
                    Table::of_json(&text)
                } else {
                    Table::of_csv(&text)
                };
                table.map_err(|wrong| format!("{} (line {})", wrong.reason, wrong.line))
            }
            Err(unreadable) => Err(unreadable.reason),
        };
        match read {
            Ok(table) => Some(Arc::new(table)),
            Err(reason) => {
                let message = format!("the data `{}` {reason}", near::clip(&from));
                let help = "a CSV file with the names of its columns in the first line, or a JSON list of objects; the path is relative to this file";
                self.complain(path, &message, help);
                None
            }
        }
    }
}

/// `200` or `2xx`.
fn range(status: &Value) -> Option<StatusRange> {
    if let Some(code) = status.as_u64() {
        let code = u16::try_from(code).ok()?;
        return Some(StatusRange(code, code));
    }
    let class = status.as_str()?.strip_suffix("xx")?;
    let class: u16 = class.parse().ok()?;
    Some(StatusRange(class * 100, class * 100 + 99))
}

fn from(written: written::Capture) -> Option<script::From> {
    let written::Capture {
        json,
        header,
        regex,
        status,
    } = written;
    json.map(|pointer| script::From::Json(pointer.0))
        .or_else(|| Some(script::From::Header(header?.0.parse().ok()?)))
        .or_else(|| Some(script::From::Regex(Pattern::new(&regex?.0).ok()?)))
        .or_else(|| status.map(|_| script::From::Status))
}
