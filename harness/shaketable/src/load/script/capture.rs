//! What a step takes from its answer for later ones.

use http::HeaderName;
use serde_json::Value;

use super::answer::Seen;
use super::pattern::Pattern;
use crate::load::client::Wanted;

/// A value that later steps can use.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Its name in templates.
    pub name: String,
    /// Where it is found.
    pub from: From,
}

/// Where in an answer a value is found.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// Where a JSON pointer points in the body; null is nothing.
    Json(String),
    /// In a header, the first of its values.
    Header(HeaderName),
    /// Where an expression first occurs in the body: what its first group holds, or all of it.
    Regex(Pattern),
    /// The status itself.
    Status,
}

impl From {
    /// What it needs of an answer.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            headers: matches!(self, Self::Header(_)),
            body: matches!(self, Self::Json(_) | Self::Regex(_)),
        }
    }

    /// The value; where there is none, what there is not.
    pub(super) fn find(&self, seen: &Seen<'_>) -> Result<Value, String> {
        let (found, what) = match self {
            Self::Json(pointer) => {
                let found = seen.at(pointer).filter(|value| !value.is_null());
                let at = if pointer.is_empty() { "JSON" } else { pointer };
                (found.cloned(), format!("{at}{}", seen.nature()))
            }
            Self::Header(name) => {
                let found = seen.header(name).next();
                (
                    found.map(|value| Value::from(value.into_owned())),
                    format!("header {name}"),
                )
            }
            Self::Regex(pattern) => {
                let found = pattern.find_in(&seen.text()).map(Value::from);
                (found, format!("match of {}", pattern.as_str()))
            }
            Self::Status => (seen.status.map(Value::from), "status".to_owned()),
        };
        found.ok_or(what)
    }
}

impl Capture {
    /// The value; where there is none, a sentence about it.
    pub(super) fn take(&self, seen: &Seen<'_>) -> Result<Value, String> {
        self.from
            .find(seen)
            .map_err(|what| format!("`{}` was not found: no {what}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load::client::Answer;

    fn take(from: From, body: &str) -> Result<Value, String> {
        let mut answer = Answer {
            body: body.to_owned().into(),
            ..Answer::default()
        };
        let location = http::HeaderValue::from_static("/orders/7");
        answer.headers.insert("location", location);
        let capture = Capture {
            name: "order".to_owned(),
            from,
        };
        capture.take(&Seen::new(&answer, Some(201)))
    }

    #[test]
    fn values_are_taken_with_their_types() {
        let body = r#"{"id": 7, "a/b": [{"c": "x"}], "none": null}"#;
        for (pointer, value) in [("/id", json!(7)), ("/a~1b/0/c", json!("x"))] {
            assert_eq!(take(From::Json(pointer.to_owned()), body), Ok(value));
        }
        assert_eq!(take(From::Status, body), Ok(json!(201)));
        let location = From::Header(HeaderName::from_static("location"));
        assert_eq!(take(location, body), Ok(json!("/orders/7")));
        for (pattern, text) in [(r"id=(\d+)", "17"), (r"id=\d+", "id=17")] {
            let from = From::Regex(Pattern::new(pattern).unwrap());
            assert_eq!(take(from, "<a href='?id=17&id=18'>"), Ok(json!(text)));
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (from, body, why) in [
            (
                From::Json("/id".to_owned()),
                "{}",
                "`order` was not found: no /id",
            ),
            (
                From::Json("/none".to_owned()),
                r#"{"none": null}"#,
                "no /none",
            ),
            (
                From::Json("/id".to_owned()),
                "<html>",
                "no /id; the body is not JSON",
            ),
            (
                From::Json("/id".to_owned()),
                "",
                "no /id; the body is empty",
            ),
            (
                From::Header(HeaderName::from_static("x-a")),
                "",
                "no header x-a",
            ),
            (
                From::Regex(Pattern::new("a+").unwrap()),
                "b",
                "no match of a+",
            ),
        ] {
            let said = take(from, body).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
