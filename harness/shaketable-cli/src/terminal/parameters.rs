//! What can be set, as a text for people: read off the JSON Schema that also checks it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{text, width};

/// The ways to write a value, and what each of its keys means.
pub(crate) fn parameters(name: &str, schema: &Value) -> String {
    let defs = &schema["$defs"];
    let mut out = String::new();
    for way in ways(schema, defs) {
        let way = resolve(way, defs);
        match way["properties"].as_object() {
            None => {
                let _ = writeln!(out, "  {name}: {}", type_name(way, defs));
                choices(&mut out, way, "    ");
            }
            Some(properties) => {
                let _ = writeln!(out, "  {name}:");
                let required = &way["required"];
                for (key, property) in properties {
                    let needed = required
                        .as_array()
                        .is_some_and(|keys| keys.iter().any(|k| k == key));
                    let needed = if needed { ", required" } else { "" };
                    let kind = type_name(resolve(property, defs), defs);
                    let _ = writeln!(out, "    {key}: {kind}{needed}");
                    let says = property["description"]
                        .as_str()
                        .or(way["description"].as_str());
                    paragraph(&mut out, says.unwrap_or_default(), "      ");
                    choices(&mut out, resolve(property, defs), "        ");
                }
            }
        }
    }
    out
}

/// The alternatives that are forms of their own, not just words to choose from.
fn ways<'a>(schema: &'a Value, defs: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(schema, defs);
    match schema["oneOf"].as_array() {
        Some(forms) if words(schema).is_empty() => forms.iter().collect(),
        _ => vec![schema],
    }
}

fn resolve<'a>(schema: &'a Value, defs: &'a Value) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &defs[name])
}

/// The words that a value can be, each with its meaning.
fn words(schema: &Value) -> Vec<(&str, &str)> {
    let word = |form: &'_ Value| form["const"].is_string();
    let forms = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    if !forms.iter().all(word) {
        return Vec::new();
    }
    forms
        .iter()
        .map(|form| {
            (
                form["const"].as_str().unwrap_or_default(),
                form["description"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

fn choices(out: &mut String, schema: &Value, indent: &str) {
    for (word, meaning) in words(schema) {
        paragraph(out, &format!("{word}: {}", lower(meaning)), indent);
    }
}

fn type_name(schema: &Value, defs: &Value) -> String {
    let words = words(schema);
    if !words.is_empty() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        return words.join(" | ");
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        let names = forms.iter().map(|form| resolve(form, defs));
        let names = names.filter(|form| form["type"] != "null");
        let names: Vec<String> = names.map(|form| type_name(form, defs)).collect();
        return names.join(" or ");
    }
    let example = schema["examples"][0]
        .as_str()
        .map(|example| format!(", as in {example}"))
        .unwrap_or_default();
    let format = schema["format"].as_str().unwrap_or_default();
    let name = match (format.strip_suffix("-text"), schema["type"].as_str()) {
        (Some(name), _) => name,
        _ if schema["const"] == true => "true",
        (_, Some("integer" | "number")) => "number",
        (_, Some("boolean")) => "true or false",
        (_, Some("object")) => "map",
        (_, Some("array")) => "list",
        (_, Some("string")) => "text",
        _ => "anything",
    };
    format!("{name}{example}")
}

fn paragraph(out: &mut String, says: &str, indent: &str) {
    let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in text::lines(&says, width().saturating_sub(indent.len())) {
        let _ = writeln!(out, "{indent}{line}");
    }
}

/// Without the capital at the beginning.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}
