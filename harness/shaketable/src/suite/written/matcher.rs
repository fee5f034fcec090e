//! Conditions on an answer as they are written.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ENTRIES_MAX;
use super::text::{RegexText, Scalar, SchemaFile, StatusClass};

/// Conditions on an answer, all of which must hold.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
pub(in crate::suite) struct Matcher {
    /// Its status: `200`, `2xx`, or a list of these; 200 to 399 when left out.
    status: Option<Statuses>,
    /// What JSON pointers point at in its body: a value, or a list of values of which it has one; `null`
    /// is also what is not there. `{{…}}` is filled in as in the request.
    #[schemars(default)]
    json: IndexMap<String, Value>,
    /// Its headers: a value, or a list of values of which it has one; `*` is any.
    #[schemars(default)]
    header: IndexMap<String, Scalars>,
    /// The JSON Schema that its body satisfies: a JSON file beside the suite, or the schema itself. It
    /// refers to nothing outside itself; drafts 4 to 2020-12, this one when `$schema` is left out.
    schema: Option<BodySchema>,
    /// A text that its body contains.
    contains: Option<String>,
    /// A regular expression that occurs in its body.
    regex: Option<RegexText>,
}

/// Where a JSON Schema is found.
#[derive(Clone, Debug)]
pub(in crate::suite) enum BodySchema {
    /// In this file.
    File(SchemaFile),
    /// Here.
    Inline(Value),
}

/// A status, a class of them, or a list of these.
#[derive(Clone, Debug)]
pub(in crate::suite) struct Statuses(pub(in crate::suite) Vec<Value>);

/// A value, or a list of them.
#[derive(Clone, Debug)]
pub(in crate::suite) struct Scalars(pub(in crate::suite) Vec<String>);

/// One value, or all of a list.
fn listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(values) => values,
        one => vec![one],
    })
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        listed(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self(listed(deserializer)?.into_iter().map(text).collect()))
    }
}

impl<'de> Deserialize<'de> for BodySchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(file) => Self::File(SchemaFile(file)),
            document => Self::Inline(document),
        })
    }
}

impl JsonSchema for BodySchema {
    fn schema_name() -> Cow<'static, str> {
        "BodySchema".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<SchemaFile>();
        json_schema!({ "oneOf": [file, { "type": "object", "title": "JSON Schema" }] })
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let code = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        let class = generator.subschema_for::<StatusClass>();
        let one = json_schema!({ "oneOf": [code, class] });
        json_schema!({
            "oneOf": [
                code,
                class,
                { "type": "array", "items": one, "minItems": 1, "maxItems": ENTRIES_MAX, "title": "list of statuses" },
            ],
        })
    }
}

impl JsonSchema for Scalars {
    fn schema_name() -> Cow<'static, str> {
        "Scalars".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Scalar<false>>();
        json_schema!({
            "oneOf": [
                one,
                { "type": "array", "items": one, "minItems": 1, "maxItems": ENTRIES_MAX, "title": "list of values" },
            ],
        })
    }
}
