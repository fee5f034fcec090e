//! Requests as they are written: one kind of call each, or journeys of several.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};
use shaketable_faults::fault::{On, Short};
use shaketable_faults::units::HumanDuration;

use super::matcher::Matcher;
use super::text::{CommandLine, HeaderName, JsonPointer, RegexText, RequestPath, Scalar};
use super::{ENTRIES_MAX, exactly_one, not_both};
use crate::names::ServiceName;

/// The keys that say a request's method, and the methods.
pub(in crate::suite) const METHODS: [(&str, &str); 6] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
];

/// The keys of which a request has one: a method, or a command.
const WAYS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "exec"];

/// The keys that mean nothing for a command.
pub(in crate::suite) const NOT_FOR_A_COMMAND: [&str; 6] = [
    "headers",
    "json",
    "body",
    "idempotency_key",
    "connection",
    "poll",
];

/// The name of a request that has none: `GET /orders/{order}`.
pub(in crate::suite) fn by_path(method: &str, path: &str) -> String {
    format!("{method} {}", path.replace("{{", "{").replace("}}", "}"))
}

/// The name of a command that has none: `exec ./client`.
pub(in crate::suite) fn by_program(first: &str) -> String {
    let program = first.split_whitespace().next().unwrap_or_default();
    format!("exec {}", program.replace("{{", "{").replace("}}", "}"))
}

/// What stands in the list of a load's requests: one kind of call, or a journey of several.
pub(in crate::suite) struct Entry;

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "RequestOrJourney".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let request = generator.subschema_for::<Request>();
        let journey = generator.subschema_for::<Journey>();
        json_schema!({ "oneOf": [request, journey] })
    }
}

/// Several calls, one after the other; what one answers can be used by the next.
#[expect(
    dead_code,
    clippy::struct_field_names,
    reason = "describes a part of the file that is read in smaller parts, by its keys"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "journey")]
pub(in crate::suite) struct Journey {
    /// What it is called.
    journey: String,
    /// How often it is made in proportion to the others.
    #[schemars(range(min = 1))]
    weight: Option<u32>,
    /// Its calls. It ends at the first that is no success.
    #[schemars(length(min = 1, max = ENTRIES_MAX))]
    steps: Vec<Request>,
}

/// One kind of call: where to, and its method with the path, as in `get: /orders/1`; or a command. In
/// path, headers, body, JSON and command `{{…}}` is filled in: `data.COLUMN`, `id`, `uuid`, `call`,
/// `random 1..100`, `pick a|b`, or what an earlier step has captured.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "request",
    extend("oneOf" = exactly_one(&WAYS)),
    extend("not" = not_both("json", "body")),
    extend("dependentRequired" = to_needed()),
)]
pub(in crate::suite) struct Request {
    /// Its name in reports and checks; the method and the path when left out.
    name: Option<String>,
    /// How often it is sent in proportion to the others.
    #[schemars(range(min = 1))]
    weight: Option<u32>,
    /// The service that it goes to. A command goes where it wants; this is whom its calls count for.
    to: Option<ServiceName>,
    /// GET this path.
    get: Option<RequestPath>,
    /// POST to this path.
    post: Option<RequestPath>,
    /// PUT to this path.
    put: Option<RequestPath>,
    /// PATCH this path.
    patch: Option<RequestPath>,
    /// DELETE this path.
    delete: Option<RequestPath>,
    /// HEAD of this path.
    head: Option<RequestPath>,
    /// A command as a call, started without a shell: a success is the exit code 0, what it prints is its
    /// answer. `$ORDER_URL` (and `_ADDRESS`, `_HOST`, `_PORT`) is where the service `order` listens;
    /// `TRACEPARENT` and `SHAKETABLE_CALL_ID` are in its environment.
    exec: Option<CommandLine>,
    /// Its headers.
    #[schemars(default)]
    headers: IndexMap<String, Scalar<false>>,
    /// Its body, sent as JSON. A `{{…}}` that is all of a text keeps its type.
    json: Option<Value>,
    /// Its body as it is.
    body: Option<String>,
    /// A header `Idempotency-Key`, or another, with a value for each call: the same where it is repeated.
    idempotency_key: Option<Short<On, IdempotencyKey>>,
    /// Whether it takes a connection that was kept, or a `new` one for each call; what the load says
    /// when left out.
    connection: Option<Connection>,
    /// After how long the client gives it up; what the load says when left out.
    timeout: Option<HumanDuration>,
    /// After how long the client leaves, as planned: to see what becomes of a call that is cancelled.
    abort: Option<HumanDuration>,
    /// What is asked behind it until the answer is final: one call, with one latency.
    poll: Option<Poll>,
    /// What makes its answer a valid one; a status from 200 to 399 when left out.
    valid: Option<Matcher>,
    /// The marker of an answer that offers less, and says so: it is valid too.
    degraded: Option<Matcher>,
    /// How often the very same request is sent again, whatever came of it, as a client does that tries
    /// again; each is a call of its own.
    #[schemars(range(max = 100))]
    repeat: Option<u32>,
    /// In a journey: how long to wait before it.
    pause: Option<HumanDuration>,
    /// In a journey: whether it goes on where this call is no success.
    go_on: Option<bool>,
    /// In a journey: values of its answer, by the names that `{{…}}` has for them in later steps (and in
    /// its own `poll`). Where one is not found, the answer is wrong and the journey ends.
    #[schemars(default, extend("maxProperties" = 64))]
    capture: IndexMap<String, Capture>,
}

/// Whoever has a method has somewhere to send it.
fn to_needed() -> Value {
    let needed = METHODS.map(|(key, _)| (key.to_owned(), json!(["to"])));
    Value::Object(needed.into_iter().collect())
}

/// The header of an idempotency key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct IdempotencyKey {
    /// Its name; `Idempotency-Key` when left out.
    pub(in crate::suite) header: Option<HeaderName>,
}

impl From<On> for IdempotencyKey {
    fn from(_: On) -> Self {
        Self::default()
    }
}

/// What becomes of a connection after a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::suite) enum Connection {
    /// It is kept for the next.
    #[default]
    Keep,
    /// Each call has one of its own.
    New,
}

/// Where in an answer a value is found.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one(&["json", "header", "regex", "status"])))]
pub(in crate::suite) struct Capture {
    /// Where this JSON pointer points in the body.
    pub(in crate::suite) json: Option<JsonPointer>,
    /// In this header.
    pub(in crate::suite) header: Option<HeaderName>,
    /// Where this regular expression first occurs in the body: what its first group holds, or all of it.
    pub(in crate::suite) regex: Option<RegexText>,
    /// The status itself.
    pub(in crate::suite) status: Option<On>,
}

/// What is asked behind a request until the answer is final. The last answer is what counts; one that is
/// never final is a timeout.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::suite) struct Poll {
    /// What is asked for: a path of the same service. The headers of the request are sent along.
    get: RequestPath,
    /// How long after the answer before; 100ms when left out.
    every: Option<HumanDuration>,
    /// What makes an answer final.
    until: Matcher,
    /// How long all of the call may take; 10s when left out.
    within: Option<HumanDuration>,
}
