//! A suite as a tree in which every node knows where it was written.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::path::{Path, Step};
use super::source::Span;

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it is written; where an alias stands for it, where its anchor is.
    pub(super) at: Span,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Text as written. Only a plain one, without quotes, can mean a number, `true` or nothing.
    Scalar {
        /// The text.
        text: String,
        /// Whether it is written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(IndexMap<String, Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where its key is written.
    pub(super) key_at: Span,
    /// Its value.
    pub(super) value: Node,
}

impl Node {
    /// The entry of a map, if it is one.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The value of a map's key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entries of a map; none of anything else.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        let entries = match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten()
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// Whether nothing was written here.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if meaning(text, true).is_null())
    }

    /// The text as written, of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What stands at the path.
    pub(super) fn at(&self, path: &Path) -> Option<&Self> {
        path.0.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.items().get(*index),
        })
    }
}

/// What a scalar means in JSON's terms.
pub(super) fn meaning(text: &str, plain: bool) -> Value {
    // What is no number in JSON (`.nan`), and everything that is not null, a truth value or a
    // number, is text. Asked of the YAML library only where it can be something else.
    let maybe = text.is_empty()
        || text.len() < 40
            && (text.starts_with(['+', '-', '.', '~']) || text.as_bytes()[0].is_ascii_digit())
        || matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false"
        );
    if plain && maybe {
        match serde_yaml::from_str::<serde_yaml::Value>(text) {
            Ok(serde_yaml::Value::Null) => return Value::Null,
            Ok(serde_yaml::Value::Bool(truth)) => return Value::Bool(truth),
            Ok(serde_yaml::Value::Number(number)) => {
                let number = number
                    .as_u64()
                    .map(Number::from)
                    .or_else(|| number.as_i64().map(Number::from))
                    .or_else(|| number.as_f64().and_then(Number::from_f64));
                if let Some(number) = number {
                    return Value::Number(number);
                }
            }
            _ => {}
        }
        // Longer than 64 bits: the nearest number, as JSON's readers take it.
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && let Some(number) = text.parse().ok().and_then(Number::from_f64)
        {
            return Value::Number(number);
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_what_yaml_says_and_quoted_ones_are_text() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("true", json!(true)),
            ("no", json!("no")),
            ("42", json!(42)),
            ("-1", json!(-1)),
            ("0x1f", json!(31)),
            ("1.50", json!(1.5)),
            ("1e3", json!(1000.0)),
            (".nan", json!(".nan")),
            ("250ms", json!("250ms")),
            ("- a", json!("- a")),
            ("1: 2", json!("1: 2")),
            ("99999999999999999999", json!(99_999_999_999_999_999_999.0)),
        ] {
            assert_eq!(meaning(text, true), value, "{text}");
            assert_eq!(meaning(text, false), json!(text), "{text}");
        }
    }
}
