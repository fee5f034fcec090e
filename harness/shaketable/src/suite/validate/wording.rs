//! How shapes and values are called in messages.

use serde_json::Value;

use crate::suite::near;
use crate::suite::schema::Shape;
use crate::suite::tree::{Kind, Node, meaning};

/// Whether a value of the JSON type is accepted.
pub(super) fn accepts(shape: Shape<'_>, found: &str) -> bool {
    let branches = shape.branches();
    if !branches.is_empty() && shape.words().is_none() {
        return branches.iter().any(|branch| accepts(*branch, found));
    }
    let types = shape.types();
    if types.is_empty() {
        return shape.words().is_none() || found == "string";
    }
    types.contains(&found) || found == "integer" && types.contains(&"number")
}

/// Whether only scalars are accepted.
pub(super) fn is_scalar(shape: Shape<'_>) -> bool {
    ["string", "integer", "number", "boolean"]
        .iter()
        .any(|name| accepts(shape, name))
        && !["object", "array"].iter().any(|name| accepts(shape, name))
}

/// The least and the greatest number that is accepted.
pub(super) fn bounds(shape: Shape<'_>) -> (f64, f64) {
    let (low, high) = match shape.text("format") {
        Some("uint16") => (0.0, f64::from(u16::MAX)),
        Some("uint32") => (0.0, f64::from(u32::MAX)),
        Some("uint" | "uint64") => (0.0, f64::INFINITY),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let (least, most) = (shape.number("minimum"), shape.number("maximum"));
    (
        least.map_or(low, |least| least.max(low)),
        most.map_or(high, |most| most.min(high)),
    )
}

/// What is accepted: `a duration, as in 250ms`.
pub(super) fn describe(shape: Shape<'_>) -> String {
    if let Some(words) = shape.words() {
        return match shape.text("title") {
            Some(title) => with_article(title),
            None => near::list(words, "or"),
        };
    }
    let branches = shape.branches();
    if !branches.is_empty() {
        let mut parts: Vec<String> = Vec::new();
        for part in branches.iter().map(|branch| describe(*branch)) {
            if !parts.contains(&part) && part != "nothing" {
                parts.push(part);
            }
        }
        return parts.join(" or ");
    }
    if let Some(title) = shape.text("title") {
        return with_article(title);
    }
    if let Some(only) = shape.constant() {
        return format!("`{only}`");
    }
    match shape.text("format") {
        Some("scalar" | "expanded-scalar") => return "text or a number".to_owned(),
        Some(format) if shape.types() == ["string"] => {
            let noun = format
                .strip_suffix("-text")
                .unwrap_or(format)
                .replace('-', " ");
            let noun = if noun == "percent" {
                "percentage".to_owned()
            } else {
                noun
            };
            let example = shape
                .example()
                .map(|example| format!(", as in `{example}`"));
            return with_article(&noun) + &example.unwrap_or_default();
        }
        _ => {}
    }
    let names = shape.types().into_iter().map(|name| match name {
        "object" => "a map".to_owned(),
        "array" => "a list".to_owned(),
        "string" => "text".to_owned(),
        "integer" | "number" => numbers(name, shape),
        "boolean" => "`true` or `false`".to_owned(),
        _ => "nothing".to_owned(),
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "a value".to_owned()
    } else {
        names.join(" or ")
    }
}

fn numbers(name: &str, shape: Shape<'_>) -> String {
    let noun = if name == "integer" {
        "a whole number"
    } else {
        "a number"
    };
    match bounds(shape) {
        (low, high) if low.is_finite() && high.is_finite() => {
            format!("{noun} from {low} to {high}")
        }
        (low, _) if low.is_finite() => format!("{noun}, {low} or more"),
        (_, high) if high.is_finite() => format!("{noun}, {high} or less"),
        _ => noun.to_owned(),
    }
}

fn with_article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// What is written, for `expected …, found …`.
pub(super) fn found(node: &Node) -> String {
    match &node.kind {
        Kind::Map(_) => "a map".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Scalar { text, plain } => found_value(&meaning(text, *plain)),
    }
}

/// See [`found`].
pub(super) fn found_value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text `{}`", near::clip(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

/// How a key that is missing is introduced: what it is for, and what to write.
pub(super) fn introduce(key: &str, below: Shape<'_>, map: Shape<'_>) -> String {
    let named = map.properties().and_then(|named| named.get(key));
    let text = named
        .and_then(|property| property.get("description"))
        .and_then(Value::as_str);
    let example = below.example().map(|example| format!("`{key}: {example}`"));
    let write = example.unwrap_or_else(|| format!("`{key}:` with {}", describe(below)));
    match text.and_then(|text| text.split_inclusive(['.', ';', ':']).next()) {
        Some(text) => {
            let text = text
                .trim_end_matches(['.', ';', ':', ','])
                .replace('\n', " ");
            format!("add {write}: {}", lowercase_first(&text))
        }
        None => format!("add {write}"),
    }
}

fn lowercase_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(chars).collect()
}
