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

/// The bounds that are more than what every such number has.
fn telling_bounds(shape: Shape<'_>) -> (f64, f64) {
    let (low, high) = bounds(shape);
    let widest = [f64::from(u16::MAX), f64::from(u32::MAX), u64::MAX as f64];
    (
        low,
        if widest.contains(&high) {
            f64::INFINITY
        } else {
            high
        },
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
        "object" => map(shape),
        "array" => "a list".to_owned(),
        "string" => "text".to_owned(),
        "integer" | "number" => numbers(name, telling_bounds(shape)),
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

/// A map, with its keys where they are few.
fn map(shape: Shape<'_>) -> String {
    let keys: Vec<&str> = shape
        .properties()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    match keys.len() {
        1..=6 => format!("a map with {}", near::list(keys, "or")),
        _ => "a map".to_owned(),
    }
}

/// What is accepted of a number, to the last detail.
pub(super) fn range(shape: Shape<'_>) -> String {
    let integer = shape.types().contains(&"integer");
    numbers(if integer { "integer" } else { "number" }, bounds(shape))
}

fn numbers(name: &str, bounds: (f64, f64)) -> String {
    let noun = if name == "integer" {
        "a whole number"
    } else {
        "a number"
    };
    match bounds {
        (low, high) if low.is_finite() && high.is_finite() => {
            format!("{noun} from {low} to {high}")
        }
        (0.0, _) => noun.to_owned(),
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

/// What to say where one of several keys must be there.
pub(super) fn choose_one(keys: &[&str], map: Shape<'_>) -> (String, String) {
    let all = near::list_all(keys.iter().copied(), "or");
    let message = format!("one of the keys {all} must be here");
    if keys.len() > 4 {
        return (message, String::new());
    }
    let each = keys.iter().map(|key| match about(key, map) {
        Some(text) => format!("`{key}`: {text}"),
        None => format!("`{key}`"),
    });
    (message, each.collect::<Vec<_>>().join("; "))
}

/// How a key that is missing is introduced: what it is for, and what to write.
pub(super) fn introduce(key: &str, below: Shape<'_>, map: Shape<'_>) -> String {
    let example = below.example().map(|example| format!("`{key}: {example}`"));
    let write = example.unwrap_or_else(|| format!("`{key}:` with {}", describe(below)));
    match about(key, map) {
        Some(text) => format!("add {write}: {text}"),
        None => format!("add {write}"),
    }
}

/// The beginning of what the schema says about a key.
fn about(key: &str, map: Shape<'_>) -> Option<String> {
    let text = map.properties()?.get(key)?.get("description")?.as_str()?;
    let text = text.split(['.', ';', ':']).next()?;
    Some(lowercase_first(&text.replace('\n', " ")))
}

fn lowercase_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(chars).collect()
}
