//! An answer, as what judges it and what captures from it look at it.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use crate::load::client::Answer;

/// An answer; its body is read as JSON when somebody asks.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    answer: &'a Answer,
    /// The status; a command has none.
    pub(super) status: Option<u16>,
    json: OnceCell<Option<Value>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(answer: &'a Answer, status: Option<u16>) -> Self {
        Self {
            answer,
            status,
            json: OnceCell::new(),
        }
    }

    /// What a JSON pointer points at in the body.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        self.json()?.pointer(pointer)
    }

    /// The body as JSON, if it is.
    pub(super) fn json(&self) -> Option<&Value> {
        let read = || serde_json::from_slice(&self.answer.body).ok();
        self.json.get_or_init(read).as_ref()
    }

    /// The body as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.answer.body)
    }

    /// The values of a header.
    pub(super) fn header(&self, name: &http::HeaderName) -> impl Iterator<Item = Cow<'_, str>> {
        let values = self.answer.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// What is to be said beside that something is not in the body.
    pub(super) fn nature(&self) -> &'static str {
        if self.answer.cut {
            "; only the first MiB of the body was looked at"
        } else if self.answer.body.is_empty() {
            "; the body is empty"
        } else if self.json().is_none() {
            "; the body is not JSON"
        } else {
            ""
        }
    }
}

/// The beginning of a text, on one line.
pub(super) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut shown: String = text.chars().take(CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, " ")
}
