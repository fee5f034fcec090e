//! Texts with `{{…}}` in them: what a call sends that differs from the one before it.
//!
//! They look like the templates of stubs. `source` is what a `{{…}}` can stand for, `scene` what one
//! call draws it from. A text is split once, when the suite is read; to fill it in is to join pieces.

mod scene;
mod source;

use std::fmt::Write as _;

use serde_json::Value;
use shaketable_faults::stub::{Problem, Step};

pub use scene::{Missing, Scene};
pub use source::{Data, Known};
pub(crate) use source::{RESERVED, is_name};

use source::Source;

/// A text, split where something is filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Filled(Source, Form),
}

/// Where a value is filled in, which decides how it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is: a body, the argument of a command.
    Plain,
    /// In a path: what no path may hold is percent-encoded.
    Path,
    /// In a header: what no header may hold becomes a blank.
    Header,
    /// Within a JSON text.
    InJson,
    /// As a JSON value, with its type.
    Json,
}

impl Template {
    /// A text in which nothing is filled in.
    pub fn fixed(text: impl Into<String>) -> Self {
        Self(vec![Part::Text(text.into())])
    }

    /// Reads a text; what is wrong with it is added to the problems.
    pub fn parse(text: &str, form: Form, known: &Known<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut template = Self::default();
        template.read(text, form, known, problems);
        template
    }

    /// Reads the texts in a JSON value; what stands alone in one keeps its type. Each problem says
    /// where below the value it is.
    pub fn of_json(value: &Value, known: &Known<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut template = Self::default();
        let mut at = Vec::new();
        template.read_json(value, known, &mut at, problems);
        template
    }

    /// The text, where nothing is filled in.
    pub fn plain(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its own texts, without what is filled in.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Filled(..) => None,
        })
    }

    /// The same with its own texts changed, and not what is filled in.
    pub fn map_texts<E>(
        &self,
        mut change: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<Self, E> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => change(text).map(Part::Text),
            filled @ Part::Filled(..) => Ok(filled.clone()),
        });
        parts.collect::<Result<_, E>>().map(Self)
    }

    /// The text with everything filled in.
    pub fn fill(&self, scene: &Scene<'_>) -> Result<String, Missing> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Filled(source, form) => form.write(&source.value(scene)?, &mut text),
            }
        }
        Ok(text)
    }

    /// Adds what stands in a text.
    fn read(&mut self, text: &str, form: Form, known: &Known<'_>, problems: &mut Vec<Problem>) {
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, inside) = (&rest[..open], &rest[open + 2..]);
            if let Some(before) = before.strip_suffix('\\') {
                self.push_text(before, form);
                self.push_text("{{", form);
                rest = inside;
                continue;
            }
            self.push_text(before, form);
            let Some(length) = inside.find("}}") else {
                problems.push(Problem {
                    word: "{{".to_owned(),
                    message: "a `{{` without its `}}`".to_owned(),
                    help: "write `}}` behind it, or `\\{{` for two braces".to_owned(),
                    ..Problem::default()
                });
                return;
            };
            let written = &inside[..length];
            match Source::parse(written.trim(), known, self.0.len()) {
                Ok(source) => self.0.push(Part::Filled(source, form)),
                Err(problem) => problems.push(Problem {
                    word: format!("{{{{{written}}}}}"),
                    ..problem
                }),
            }
            rest = &inside[length + 2..];
        }
        self.push_text(rest, form);
    }

    fn read_json(
        &mut self,
        value: &Value,
        known: &Known<'_>,
        at: &mut Vec<Step>,
        problems: &mut Vec<Problem>,
    ) {
        let raw = Form::Plain;
        match value {
            Value::String(text) => {
                let mut found = Vec::new();
                let mut inside = Self(Vec::new());
                inside.read(text, Form::Json, known, &mut found);
                if let [Part::Filled(..)] = &inside.0[..] {
                    // Read anew at its own place among the parts, on which its randomness depends.
                    self.read(text, Form::Json, known, &mut Vec::new());
                } else {
                    self.push_text("\"", raw);
                    self.read(text, Form::InJson, known, &mut Vec::new());
                    self.push_text("\"", raw);
                }
                problems.extend(found.into_iter().map(|problem| Problem {
                    at: at.clone(),
                    ..problem
                }));
            }
            Value::Array(items) => {
                self.push_text("[", raw);
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push_text(",", raw);
                    }
                    at.push(index.into());
                    self.read_json(item, known, at, problems);
                    at.pop();
                }
                self.push_text("]", raw);
            }
            Value::Object(entries) => {
                self.push_text("{", raw);
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.push_text(",", raw);
                    }
                    self.push_text(&Value::from(key.as_str()).to_string(), raw);
                    self.push_text(":", raw);
                    at.push(key.as_str().into());
                    self.read_json(value, known, at, problems);
                    at.pop();
                }
                self.push_text("}", raw);
            }
            other => self.push_text(&other.to_string(), raw),
        }
    }

    /// Adds a text, to the one before it where there is one.
    fn push_text(&mut self, text: &str, form: Form) {
        let text = match form {
            Form::InJson => within_json(text),
            _ => text.to_owned(),
        };
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Part::Text(before)) => before.push_str(&text),
            _ => self.0.push(Part::Text(text)),
        }
    }
}

impl Form {
    /// Writes a value as it has to be where it is filled in.
    fn write(self, value: &Value, to: &mut String) {
        if self == Self::Json {
            let _ = write!(to, "{value}");
            return;
        }
        let text = match value {
            Value::Null => return,
            Value::String(text) => text.as_str(),
            other => &other.to_string(),
        };
        match self {
            Self::Plain | Self::Json => to.push_str(text),
            Self::InJson => to.push_str(&within_json(text)),
            Self::Header => to.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c })),
            Self::Path => {
                for byte in text.bytes() {
                    if byte.is_ascii_graphic() && byte != b'#' {
                        to.push(char::from(byte));
                    } else {
                        let _ = write!(to, "%{byte:02X}");
                    }
                }
            }
        }
    }
}

/// A text as it stands between the quotes of JSON.
fn within_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;
