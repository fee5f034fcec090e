//! A JSON Schema that answers are held against. It is compiled once, when the suite is read; nothing
//! is ever fetched for it, neither from the network nor from a file.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

#[cfg(feature = "json-schema")]
mod compiled;

#[cfg(feature = "json-schema")]
use compiled::Compiled;

/// A schema, ready to be used.
#[derive(Clone)]
pub struct BodySchema {
    document: Arc<Value>,
    compiled: Arc<Compiled>,
}

/// Why a document is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongSchema {
    /// A JSON pointer to what is wrong in it; empty where that is all of it.
    pub pointer: String,
    /// What is wrong: a lowercase fragment.
    pub reason: String,
    /// What to do about it; empty where nobody knows.
    pub help: String,
}

impl BodySchema {
    /// Compiles a schema of draft 4, 6, 7, 2019-09 or 2020-12; the last where `$schema` names none.
    pub fn compile(document: Value) -> Result<Self, WrongSchema> {
        Ok(Self {
            compiled: Arc::new(Compiled::of(&document)?),
            document: Arc::new(document),
        })
    }

    /// The first thing in a body that breaks it: `at /price: want integer, but got null`.
    pub(super) fn violation(&self, body: &Value) -> Option<String> {
        self.compiled.violation(body)
    }
}

impl fmt::Debug for BodySchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodySchema").field(&self.document).finish()
    }
}

impl PartialEq for BodySchema {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

/// There are none in this build.
#[cfg(not(feature = "json-schema"))]
enum Compiled {}

#[cfg(not(feature = "json-schema"))]
impl Compiled {
    fn of(_: &Value) -> Result<Self, WrongSchema> {
        Err(WrongSchema {
            pointer: String::new(),
            reason: "this build has no JSON Schema in it".to_owned(),
            help: "build it with the feature `json-schema`, which `shaketable-cli` has by default, or \
                   write what is expected as `json: { /status: accepted }`"
                .to_owned(),
        })
    }

    fn violation(&self, _: &Value) -> Option<String> {
        match *self {}
    }
}

#[cfg(test)]
#[cfg(feature = "json-schema")]
mod tests;
