//! The scalars: their types, formats and ranges, and the names in them.

use serde_json::Value;
use shaketable_faults::units;

use super::{Walker, wording};
use crate::suite::near;
use crate::suite::schema::Shape;
use crate::suite::source::Span;
use crate::suite::tree::{Node, meaning};
use crate::suite::written;

/// How many bytes a text with a form of its own may have.
const FORMED_BYTES_MAX: usize = 8192;

/// What JSON calls the type of a value.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What a scalar means. A value from the environment often needs quotes, as in
/// `{ port: "${PORT}" }`: they do not make it a text where none is accepted.
pub(super) fn value(written: &str, filled: &str, plain: bool, shape: Shape<'_>) -> Value {
    let from_outside = written.starts_with("${") && !wording::accepts(shape, "string");
    meaning(filled, plain || from_outside)
}

/// Whether the shape is a quantity, which is a number with a unit.
pub(super) fn is_quantity(shape: Shape<'_>) -> bool {
    let format = shape.text("format").unwrap_or_default();
    units::complaint(format, "").is_some()
}

impl Walker<'_> {
    /// Checks a scalar, with the environment filled in.
    pub(super) fn scalar(
        &mut self,
        node: &Node,
        text: &str,
        plain: bool,
        shape: Shape<'_>,
    ) -> Value {
        let format = shape.text("format").unwrap_or_default();
        let expanded = matches!(format, "expanded-scalar" | "command-line");
        let written = text;
        let text = match self.environment.fill(written, expanded) {
            Ok(text) => text,
            Err(complaint) => {
                self.complain(
                    &node.at.narrow(&complaint.word),
                    complaint.message,
                    complaint.help,
                );
                return Value::Null;
            }
        };
        let value = self::value(written, &text, plain, shape);
        let found = type_of(&value);
        if wording::accepts(shape, found) {
            let fine = match &value {
                Value::String(text) => self.text(&node.at, text, format, shape),
                Value::Number(number) => {
                    self.range(&node.at, number.as_f64().unwrap_or_default(), shape)
                }
                Value::Bool(_) => self.constant(&node.at, &value, shape),
                _ => true,
            };
            return match (fine, format, value) {
                (false, ..) => Value::Null,
                (true, "scalar" | "expanded-scalar", _) => Value::String(text),
                (true, _, value) => value,
            };
        }
        self.wrong_scalar(&node.at, &text, &value, format, shape);
        Value::Null
    }

    fn wrong_scalar(
        &mut self,
        at: &Span,
        text: &str,
        value: &Value,
        format: &str,
        shape: Shape<'_>,
    ) {
        let expected = wording::describe(shape);
        if value.is_null() {
            self.complain(
                at,
                "nothing is written here",
                format!("expected {expected}, or remove the entry"),
            );
            return;
        }
        if value.is_number() && text.len() < 40 && is_quantity(shape) {
            let with_unit: Vec<String> = ["ms", "s", "%", "/s", "B", "KiB"]
                .iter()
                .map(|unit| format!("{text}{unit}"))
                .filter(|text| units::complaint(format, text).is_none())
                .take(2)
                .collect();
            let help = if with_unit.is_empty() {
                format!("expected {expected}")
            } else {
                format!(
                    "add one, as in {}",
                    near::list(with_unit.iter().map(String::as_str), "or")
                )
            };
            self.complain(at, format!("`{text}` has no unit"), help);
            return;
        }
        let quotes =
            if wording::accepts(shape, "string") && format.is_empty() && shape.words().is_none() {
                format!("put it in quotes: `\"{}\"`", near::clip(text))
            } else if value.is_string() && meaning(text, true).is_number() {
                "write the number without quotes".to_owned()
            } else {
                String::new()
            };
        let message = format!("expected {expected}, found {}", wording::found_value(value));
        self.complain(at, message, quotes);
    }

    fn text(&mut self, at: &Span, text: &str, format: &str, shape: Shape<'_>) -> bool {
        if let Some(words) = shape.words() {
            if words.contains(&text) {
                return true;
            }
            let noun = shape.text("title");
            let (message, what) = match noun {
                Some(noun) => (
                    format!("unknown {noun} `{}`", near::clip(text)),
                    format!("known {noun}s"),
                ),
                None => (
                    format!(
                        "expected {}, found `{}`",
                        wording::describe(shape),
                        near::clip(text)
                    ),
                    "possible here".to_owned(),
                ),
            };
            let help = if self.errors.many() {
                String::new()
            } else {
                near::advice(text, &words, &what)
            };
            let help = if noun.is_none() && !help.starts_with("did") {
                String::new()
            } else {
                help
            };
            self.complain(at, message, help);
            return false;
        }
        if text.len() > FORMED_BYTES_MAX && !matches!(format, "" | "scalar" | "expanded-scalar") {
            self.complain(at, format!("longer than {FORMED_BYTES_MAX} bytes"), "");
            return false;
        }
        if let Some(wrong) = written::complaint(format, text) {
            let (message, help) = wrong.split_once("; ").unwrap_or((&wrong, ""));
            self.complain(at, message, help);
            return false;
        }
        self.name(at, text, format)
    }

    /// Looks a name up among those that the suite declares.
    fn name(&mut self, at: &Span, text: &str, format: &str) -> bool {
        match self
            .names
            .complaint(format, text, &self.path, self.errors.many())
        {
            None => true,
            Some((message, help)) => {
                self.complain(at, message, help);
                false
            }
        }
    }

    fn range(&mut self, at: &Span, number: f64, shape: Shape<'_>) -> bool {
        let (low, high) = wording::bounds(shape);
        if number < low || number > high {
            let message = format!("`{number}` is out of range");
            self.complain(at, message, format!("expected {}", wording::range(shape)));
            return false;
        }
        true
    }

    fn constant(&mut self, at: &Span, value: &Value, shape: Shape<'_>) -> bool {
        match shape.constant() {
            Some(only) if only != value => {
                self.complain(
                    at,
                    format!("only `{only}` can be written here"),
                    "to go without, remove the key",
                );
                false
            }
            _ => true,
        }
    }
}
