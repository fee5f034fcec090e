//! An edge as it is written: how the caller finds its callee, and what they speak.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use shaketable_faults::Protocol;

use super::matcher::Matcher;
use super::text::{HostName, HttpPath, ListenAddress, ProxiedHost, VariableName};
use super::tls::Tls;
use super::{ENTRIES_MAX, not_both};

/// What needs a variable to be put into.
pub(in crate::suite) const NEED_ENV: [&str; 2] = ["path", "dsn"];

/// An edge: the ways in which the caller is led to the proxy, of which several can be combined,
/// and what is spoken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    extend("not" = not_both("path", "dsn")),
    extend("dependentRequired" = json!({ NEED_ENV[0]: ["env"], NEED_ENV[1]: ["env"] })),
)]
pub(in crate::suite) struct Call {
    /// The caller's environment variable for whom to call: `http://HOST:PORT`, or `HOST:PORT`
    /// where the protocol is `tcp`.
    pub(in crate::suite) env: Option<VariableName>,
    /// What comes after the URL in `env`: a path.
    pub(in crate::suite) path: Option<HttpPath>,
    /// What `env` holds in production: a URL, `user:password@tcp(host:port)/db`,
    /// `host=… port=…`. Only host and port in it are replaced; each of them, where it lists several.
    #[schemars(example = "postgres://user:password@db.internal:5432/app")]
    pub(in crate::suite) dsn: Option<String>,
    /// The caller's environment variable for `HOST:PORT`, whatever is spoken.
    pub(in crate::suite) address: Option<VariableName>,
    /// The caller's environment variable for the host alone, which is an IP address.
    pub(in crate::suite) host: Option<VariableName>,
    /// The caller's environment variable for the port alone.
    pub(in crate::suite) port: Option<VariableName>,
    /// Where the proxy listens, for a caller that goes there anyway: any loopback address; at a
    /// free port of 127.0.0.1 when left out.
    pub(in crate::suite) listen: Option<ListenAddress>,
    /// The names of hosts, one or a list, that lead this caller to the proxy, and nobody else.
    pub(in crate::suite) hosts: Option<OneOrMore<HostName>>,
    /// What this caller asks an HTTP proxy for: hosts, one or a list, each with its port where that
    /// matters. The caller is given `HTTP_PROXY`, `HTTPS_PROXY` and a `NO_PROXY` for this machine, also in
    /// small letters. A CONNECT makes a tunnel. No name is looked up.
    pub(in crate::suite) via_http_proxy: Option<OneOrMore<ProxiedHost>>,
    /// What is spoken; each connection's first bytes tell when it is left out.
    #[serde(default)]
    pub(in crate::suite) protocol: Protocol,
    /// Whether the caller is meant to live without it, with an answer that offers less.
    #[serde(default)]
    pub(in crate::suite) soft: bool,
    /// By what an answer that offers less, because this edge failed, is known.
    #[schemars(with = "Option<Matcher>")]
    pub(in crate::suite) marker: Option<Value>,
    /// Where TLS is spoken; nowhere when left out, and what the two speak past the proxy is bytes.
    pub(in crate::suite) tls: Option<Tls>,
}

impl From<VariableName> for Call {
    fn from(env: VariableName) -> Self {
        Self {
            env: Some(env),
            ..Self::default()
        }
    }
}

/// One, or a list of them.
#[derive(Clone, Debug)]
pub(in crate::suite) struct OneOrMore<T>(pub(in crate::suite) Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = if value.is_array() {
            serde_json::from_value(value)
        } else {
            serde_json::from_value(value).map(|one| vec![one])
        };
        read.map(Self).map_err(de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "oneOf": [
                one,
                {
                    "type": "array",
                    "items": one,
                    "minItems": 1,
                    "maxItems": ENTRIES_MAX,
                    "title": "list of hosts",
                },
            ],
        })
    }
}
