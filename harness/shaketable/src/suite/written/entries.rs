//! The entries of an experiment whose keys come from the catalogues: faults and checks.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shaketable_faults::fault;
use shaketable_faults::times::{Shape, Times};
use shaketable_faults::units::{HumanDuration, Percent};
use shaketable_faults::which::Which;

use super::exactly_one;
use crate::check;
use crate::names::EdgeName;

/// One fault: the edge, the kind of fault with its value, and which exchanges it hits.
pub(in crate::suite) struct Fault;

impl JsonSchema for Fault {
    fn schema_name() -> Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        let edge = generator.subschema_for::<EdgeName>();
        properties.insert(
            "edge".to_owned(),
            described(edge, "The edge, as `caller -> callee`."),
        );
        for kind in fault::CATALOGUE {
            let text = format!("{}. Example: `{}`", sentence(kind.summary), kind.example);
            properties.insert(
                kind.name.to_owned(),
                described((kind.schema)(generator), &text),
            );
        }
        let which = generator.subschema_for::<Which>();
        let text = "Only exchanges that meet these conditions; all when left out.";
        properties.insert("where".to_owned(), described(which, text));
        let percent = generator.subschema_for::<Percent>();
        let text = "The share of these exchanges; 100% when left out.";
        properties.insert("probability".to_owned(), described(percent, text));
        let times = generator.subschema_for::<Times>();
        let text = "Which of these by their count: the first n, all but the first n, every n-th, the n-th.";
        properties.insert("times".to_owned(), described(times, text));
        let duration = generator.subschema_for::<HumanDuration>();
        let text = "How long after the phase began the fault begins.";
        properties.insert("after".to_owned(), described(duration.clone(), text));
        let text = "How long the fault lasts; to the end of the phase when left out.";
        properties.insert("lasts".to_owned(), described(duration, text));
        let shape = generator.subschema_for::<Shape>();
        let text = "How the fault comes and goes meanwhile; it stays when left out.";
        properties.insert("schedule".to_owned(), described(shape, text));
        let from = generator.subschema_for::<Begins>();
        let text = "When the fault is injected; at the beginning of the fault phase when left out.";
        properties.insert("from".to_owned(), described(from, text));
        let kinds: Vec<&str> = fault::CATALOGUE.iter().map(|kind| kind.name).collect();
        json_schema!({
            "description": "One fault on one edge, with its kind as a key.",
            "type": "object",
            "properties": properties,
            "required": ["edge"],
            "oneOf": exactly_one(&kinds),
            "additionalProperties": false,
        })
    }
}

/// When a fault is injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::suite) enum Begins {
    /// Before the services start, and to the end of the fault phase.
    Start,
    /// At the beginning of the fault phase.
    #[default]
    Fault,
}

/// One check: its name, or a map from its name to its parameters.
pub(in crate::suite) struct Expectation;

impl JsonSchema for Expectation {
    fn schema_name() -> Cow<'static, str> {
        "Expectation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for kind in check::CATALOGUE {
            let text = format!(
                "Holds when {}. Example: `{}`",
                kind.holds_when, kind.example
            );
            // `fast_failure:` with nothing behind it is the same as its name alone.
            let params = (kind.schema)(generator);
            let schema = json_schema!({ "oneOf": [params, { "type": "null" }] });
            properties.insert(kind.name.to_owned(), described(schema, &text));
        }
        let mut names: Vec<&str> = check::CATALOGUE.iter().map(|kind| kind.name).collect();
        for bundle in check::bundle::BUNDLES {
            let text = format!(
                "Stands for {}. Example: `{}`",
                bundle.stands_for, bundle.example
            );
            let edge = generator.subschema_for::<EdgeName>();
            let edge = described(edge, "The edge; each edge of the suite when left out.");
            let params = json_schema!({
                "type": "object",
                "properties": { "edge": edge },
                "additionalProperties": false,
            });
            let schema = json_schema!({ "oneOf": [params, { "type": "null" }] });
            properties.insert(bundle.name.to_owned(), described(schema, &text));
            names.push(bundle.name);
        }
        json_schema!({
            "description": "One check, by its name alone or with parameters.",
            "oneOf": [
                { "type": "string", "enum": names, "title": "check" },
                {
                    "type": "object",
                    "title": "check",
                    "properties": properties,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                },
            ],
        })
    }
}

fn described(mut schema: Schema, text: &str) -> Value {
    schema.insert("description".to_owned(), json!(text));
    schema.to_value()
}

/// With a capital at the beginning.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
