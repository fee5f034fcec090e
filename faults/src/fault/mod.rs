//! The faults: each is one file that says what it is called, what can be set, and how it treats
//! what passes.
//!
//! A fault does not touch sockets. It turns a decision into a [`Treatment`], the short list of
//! things that a relay knows how to do; the relays in `http/` and `tcp/` carry it out. So a new
//! fault is one file here, its line in `catalogue!` and its test.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::dice::Dice;

/// Something that a proxy does wrong.
pub trait Fault: Debug + Send + Sync {
    /// Whether nothing listens on the edge while the fault is active.
    fn shuts_the_door(&self) -> bool {
        false
    }

    /// Changes how one exchange (on a `tcp` edge: one connection) is treated. `dice` is a stream
    /// of numbers that depends only on the seed, the edge, the fault and the exchange's key.
    fn treat(&self, dice: &mut Dice, treatment: &mut Treatment);

    /// Which way of hanging this is, if it is one: the caller waits, and nothing tells it why.
    fn hang(&self) -> Option<Hang> {
        None
    }

    /// How long it holds an answer back at least, if that is what it does.
    fn delay(&self) -> Option<Duration> {
        None
    }

    /// One line for a person: `latency 3s ± 500ms`.
    fn describe(&self) -> String;
}

/// The ways in which a dependency keeps its caller waiting without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hang {
    /// The connection is never accepted.
    Connect,
    /// Accepted, and then silence.
    Accepted,
    /// The headers came, the body does not.
    Headers,
    /// The body drips for ever.
    Drip,
}

impl Hang {
    /// Every way, in the order in which a response comes about.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Accepted, Self::Headers, Self::Drip];

    /// What a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect black-hole",
            Self::Accepted => "accept then silence",
            Self::Headers => "headers then silence",
            Self::Drip => "dripping body",
        }
    }
}

/// What a relay does to one exchange. The default leaves it untouched.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// The answer is held back for so long.
    pub delay: Duration,
    /// Where the answer comes from.
    pub answer: Answer,
    /// The connection is reset after so many bytes of the answer's body.
    pub cut_body_after: Option<u64>,
}

/// Where the answer to an exchange comes from.
#[derive(Clone, Debug, Default)]
pub enum Answer {
    /// From the callee, as it should.
    #[default]
    Upstream,
    /// Made up by the proxy, as bytes on the wire; the callee is not contacted.
    Made(MadeAnswer),
    /// Nothing comes; the callee is not contacted.
    Silence,
    /// The connection is reset (a real RST); the callee is not contacted.
    Reset,
}

/// An HTTP answer that the proxy gives in the callee's place.
#[derive(Clone, Debug)]
pub struct MadeAnswer {
    /// The status code.
    pub status: u16,
    /// The whole response as it goes over the wire.
    pub wire: Bytes,
}

/// What is known of a kind of fault without making one.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The key in a suite.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// A complete example of the key and its value.
    pub example: &'static str,
    /// Whether it means anything on an edge that does not speak HTTP.
    pub any_protocol: bool,
    /// The JSON Schema of the value.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Makes the fault from the value.
    pub build: fn(&Value) -> Result<Arc<dyn Fault>, String>,
}

impl Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What each kind says of itself.
pub(crate) trait Known: Fault + Sized + 'static {
    /// What its value looks like in a suite.
    type Params: DeserializeOwned + JsonSchema;
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const EXAMPLE: &'static str;
    const ANY_PROTOCOL: bool = true;

    fn new(params: Self::Params) -> Result<Self, String>;
}

fn build<F: Known>(value: &Value) -> Result<Arc<dyn Fault>, String> {
    let params = serde_json::from_value::<F::Params>(value.clone()).map_err(|e| e.to_string())?;
    Ok(Arc::new(F::new(params)?))
}

const fn kind<F: Known>() -> Kind {
    Kind {
        name: F::NAME,
        summary: F::SUMMARY,
        example: F::EXAMPLE,
        any_protocol: F::ANY_PROTOCOL,
        schema: |generator| generator.subschema_for::<F::Params>(),
        build: build::<F>,
    }
}

/// Names each fault's file once, and lists it.
macro_rules! catalogue {
    ($($file:ident::$fault:ident,)*) => {
        $(pub mod $file;)*

        /// Every fault there is, in the order in which the documentation lists them.
        pub const CATALOGUE: &[Kind] = &[$(kind::<$file::$fault>()),*];
    };
}

catalogue! {
    latency::Latency,
    hang::Hanging,
    refuse::Refuse,
    reset::Reset,
    status::Status,
    truncate::Truncate,
}

/// Looks a kind up by its key in a suite.
pub fn find(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name)
}

/// A value that is just `true`: the fault has nothing to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On;

impl<'de> serde::Deserialize<'de> for On {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(On)
        } else {
            Err(serde::de::Error::custom(
                "write `true`, or leave the fault out",
            ))
        }
    }
}

impl JsonSchema for On {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "On".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "boolean", "const": true })
    }
}

/// Either one plain value or the full set of parameters: `latency: 3s`, `latency: { delay: 3s }`.
#[derive(Clone, Copy, Debug)]
pub struct Short<S, L>(std::marker::PhantomData<S>, pub L);

impl<'de, S, L> serde::Deserialize<'de> for Short<S, L>
where
    S: DeserializeOwned + Into<L>,
    L: DeserializeOwned,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = Value::deserialize(deserializer)?;
        let long = if value.is_object() {
            serde_json::from_value::<L>(value).map_err(Error::custom)?
        } else {
            serde_json::from_value::<S>(value)
                .map_err(Error::custom)?
                .into()
        };
        Ok(Short(std::marker::PhantomData, long))
    }
}

impl<S: JsonSchema, L: JsonSchema> JsonSchema for Short<S, L> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Or{}", S::schema_name(), L::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<S>();
        let long = generator.subschema_for::<L>();
        schemars::json_schema!({ "oneOf": [short, long] })
    }
}
