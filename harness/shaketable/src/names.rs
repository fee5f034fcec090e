//! The names that a suite gives to things, as types: an edge, a service, a request.
//!
//! Each describes itself to the JSON Schema by a `format`, so that validation can look the name up
//! among those that the suite declares, wherever it occurs.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One dependency: `order -> inventory`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeName {
    /// Who calls.
    pub caller: String,
    /// Who is called.
    pub callee: String,
}

/// A service's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(pub String);

/// A request's name in the load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestName(pub String);

impl FromStr for EdgeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("->") {
            Some((caller, callee)) if !caller.trim().is_empty() && !callee.trim().is_empty() => {
                Ok(Self {
                    caller: caller.trim().to_owned(),
                    callee: callee.trim().to_owned(),
                })
            }
            _ => Err(format!(
                "`{text}` is not an edge; write it as `caller -> callee`"
            )),
        }
    }
}

impl fmt::Display for EdgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.caller, self.callee)
    }
}

macro_rules! plain_name {
    ($($name:ident),*) => {$(
        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

plain_name!(ServiceName, RequestName);

macro_rules! written_as_text {
    ($($name:ident, $format:literal, $example:literal;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "examples": [$example] })
            }
        }
    )*};
}

written_as_text! {
    EdgeName, "edge-name", "order -> inventory";
    ServiceName, "service-name", "order";
    RequestName, "request-name", "POST /orders";
}
