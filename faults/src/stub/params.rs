//! A stub as it is written. The comments on the fields speak to the author of a suite: they become
//! the descriptions that an editor shows.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::spec::METHODS;
use crate::fault::Short;
use crate::units::HumanDuration;

/// How many routes a stub may have.
const ROUTES_MAX: usize = 256;
/// How many headers or conditions a route may have, and how many changes of the state.
const ENTRIES_MAX: usize = 64;
/// How many values a stub may keep at the beginning.
const STATE_MAX: usize = 1_000;

/// A service that Shaketable plays itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Stub")]
pub struct Params {
    /// What it answers; the first route that a request fits answers it.
    #[schemars(length(min = 1, max = ROUTES_MAX))]
    pub routes: Vec<Route>,
    /// What it keeps at the beginning, each value under a key.
    #[serde(default)]
    #[schemars(extend("maxProperties" = STATE_MAX))]
    pub state: IndexMap<String, Value>,
}

/// The requests that a route is for, as in `get: /accounts/{id}`, and what they are answered.
///
/// In the answer and in the state `{{…}}` is filled in: `path.NAME`, `query.NAME`, `header.NAME`,
/// `body` or `body/POINTER`, `counter.NAME`, `sequence.NAME` (the next number), `uuid`,
/// `state.KEY`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "StubRoute",
    extend("oneOf" = exactly_one_method()),
    extend("not" = json!({ "required": ["json", "body"] })),
)]
pub struct Route {
    /// Its name among the counters; the method and the path when left out.
    pub name: Option<String>,
    /// GET, and HEAD, of this path.
    pub get: Option<RoutePath>,
    /// POST to this path.
    pub post: Option<RoutePath>,
    /// PUT to this path.
    pub put: Option<RoutePath>,
    /// PATCH this path.
    pub patch: Option<RoutePath>,
    /// DELETE this path.
    pub delete: Option<RoutePath>,
    /// HEAD of this path.
    pub head: Option<RoutePath>,
    /// Any method on this path.
    pub any: Option<RoutePath>,
    /// Only requests that meet these conditions; all when left out.
    #[serde(rename = "where")]
    pub conditions: Option<Where>,
    /// The status of the answer; 200 when left out.
    #[schemars(range(min = 200, max = 599))]
    pub status: Option<u16>,
    /// The headers of the answer.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub headers: IndexMap<String, Text>,
    /// The body of the answer, sent as JSON. A text in it that is one `{{…}}` and nothing else
    /// becomes what that stands for: a number stays a number.
    #[serde(default, deserialize_with = "even_null")]
    pub json: Option<Value>,
    /// The body of the answer as it is.
    pub body: Option<Text>,
    /// Counts the request under this name, too; several routes can share one.
    pub count: Option<String>,
    /// What the request reads and changes of the stub's key-value state.
    pub state: Option<State>,
    /// How long the answer takes.
    pub latency: Option<Short<HumanDuration, Latency>>,
}

/// Conditions on a request; all must hold. `*` in a text stands for anything, `\*` for a star.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StubWhere")]
pub struct Where {
    /// Parameters of the query, each with its value.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub query: IndexMap<String, Text>,
    /// Headers, each with its value.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub headers: IndexMap<String, Text>,
    /// Parts of the JSON body, each as its JSON pointer with its value, as in `/sku: A1`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub body: IndexMap<String, Value>,
}

/// What a request reads and changes of the state: `get` first, then `put`, `increment`, `delete`;
/// the answer's `{{state.…}}` sees what has become of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StubState")]
pub struct State {
    /// Answers with the value of this key, unless `json` or `body` says another; where nothing is
    /// kept, with 404, and nothing is counted or changed.
    pub get: Option<Text>,
    /// Keeps values, each under a key.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub put: IndexMap<String, Value>,
    /// Adds to the numbers under these keys; what is not there yet counts as 0.
    #[serde(default)]
    #[schemars(extend("maxProperties" = ENTRIES_MAX))]
    pub increment: IndexMap<String, Amount>,
    /// Removes this key.
    pub delete: Option<Text>,
}

/// How long an answer takes, and how much that varies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StubLatency")]
pub struct Latency {
    /// How long an answer takes.
    pub delay: HumanDuration,
    /// The delay varies evenly by up to this much, either way.
    #[serde(default)]
    pub jitter: HumanDuration,
}

impl From<HumanDuration> for Latency {
    fn from(delay: HumanDuration) -> Self {
        Self {
            delay,
            jitter: HumanDuration::default(),
        }
    }
}

/// Of the keys that say the method, exactly one is there.
fn exactly_one_method() -> Value {
    METHODS
        .iter()
        .map(|(key, _)| json!({ "required": [key] }))
        .collect()
}

/// `json: null` is a body too.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The path of a route: `/accounts/{id}`, where `{id}` is any one segment, and a last `{*rest}`
/// all that follows.
#[derive(Clone, Debug, Deserialize)]
pub struct RoutePath(pub String);

impl JsonSchema for RoutePath {
    fn schema_name() -> Cow<'static, str> {
        "RoutePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "route-path",
            "pattern": "^/[!-~]*$",
            "examples": ["/accounts/{id}"],
        })
    }
}

/// A text, a number or a truth value, which counts as the text that it is written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            value @ (Value::Number(_) | Value::Bool(_)) => Ok(Self(value.to_string())),
            _ => Err(de::Error::custom("expected text or a number")),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "StubText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The format keeps `1.10` from becoming 1.1 where a reader knows what was written.
        json_schema!({ "type": ["string", "number", "boolean"], "format": "scalar" })
    }
}

/// A number, or a text with `{{…}}` that gives one.
#[derive(Clone, Debug, Deserialize)]
pub struct Amount(pub Value);

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "StubAmount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}
