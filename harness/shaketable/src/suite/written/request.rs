//! Requests as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::text::{HttpPath, Scalar};
use super::{exactly_one, not_both};
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

/// One kind of call: where to, and its method with the path, as in `get: /orders/1`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    extend("oneOf" = exactly_one(&METHODS.map(|(key, _)| key))),
    extend("not" = not_both("json", "body")),
)]
pub(in crate::suite) struct Request {
    /// Its name in reports and checks; the method and the path when left out.
    pub(in crate::suite) name: Option<String>,
    /// How often it is sent in proportion to the others.
    #[schemars(range(min = 1))]
    pub(in crate::suite) weight: Option<u32>,
    /// The service that it goes to.
    pub(in crate::suite) to: ServiceName,
    /// GET this path.
    pub(in crate::suite) get: Option<HttpPath>,
    /// POST to this path.
    pub(in crate::suite) post: Option<HttpPath>,
    /// PUT to this path.
    pub(in crate::suite) put: Option<HttpPath>,
    /// PATCH this path.
    pub(in crate::suite) patch: Option<HttpPath>,
    /// DELETE this path.
    pub(in crate::suite) delete: Option<HttpPath>,
    /// HEAD of this path.
    pub(in crate::suite) head: Option<HttpPath>,
    /// Its headers.
    #[serde(default)]
    pub(in crate::suite) headers: IndexMap<String, Scalar<false>>,
    /// Its body, sent as JSON.
    #[serde(default, deserialize_with = "even_null")]
    pub(in crate::suite) json: Option<Value>,
    /// Its body as it is.
    pub(in crate::suite) body: Option<String>,
}

/// `json: null` is a body too.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
