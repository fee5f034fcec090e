//! The faults: each is one file that says what it is called, what can be set, and how it treats
//! what passes.
//!
//! A fault does not touch sockets. It turns a decision into a [`Treatment`], the short list of
//! things that a relay knows how to do; the relays in `http/` and `tcp/` carry it out. So a new
//! fault is one file here, its line in `catalogue!` and its test.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::dice::Dice;
use crate::which::Age;

pub mod flow;
pub mod rewrite;
mod treatment;

pub use treatment::{Answer, Break, Cap, Made, Make, OfConnection, OfRequest, Treatment};

/// Something that a proxy does wrong.
pub trait Fault: Debug + Send + Sync {
    /// What is decided when it hits: a connection, an exchange on it, or the port itself.
    fn level(&self) -> Level {
        Level::Either
    }

    /// What becomes of the port while the fault is active.
    fn door(&self) -> Door {
        Door::Open
    }

    /// Changes how one exchange or one connection is treated. `dice` is a stream of numbers that
    /// depends only on the seed, the edge, the fault and the key of what is hit; the same dice
    /// must give the same treatment.
    fn treat(&self, dice: &mut Dice, treatment: &mut Treatment);

    /// Whether it draws from the dice, so that what it does differs from one hit to the next.
    fn varies(&self) -> bool {
        false
    }

    /// The connections that it is for, if it means nothing on the others: new ones (made while it
    /// holds), or reused ones.
    fn only(&self) -> Option<Age> {
        None
    }

    /// Whether it means nothing unless the bytes are read as HTTP.
    fn needs_http(&self) -> bool {
        self.level() == Level::Exchange
    }

    /// Which way of hanging this is, if it is one: the caller waits, and nothing tells it why.
    fn hang(&self) -> Option<Hang> {
        None
    }

    /// The name of who gets the request instead of the callee, if that is what it does; whoever
    /// injects it finds the address and puts it into [`Rule::redirect`](crate::Rule::redirect).
    fn redirects_to(&self) -> Option<&str> {
        None
    }

    /// How long it holds an answer back at least, if that is what it does.
    fn delay(&self) -> Option<Duration> {
        None
    }

    /// How long it tells callers to wait before they ask again (`Retry-After`), if it does.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// One line for a person: `latency 3s ± 500ms`.
    fn describe(&self) -> String;
}

/// What a fault is decided for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The port: nothing is decided one by one.
    Door,
    /// A connection, whatever it carries.
    Connection,
    /// An HTTP exchange.
    Exchange,
    /// An exchange where HTTP is spoken, else the connection.
    Either,
    /// A connection whose bytes are not read as HTTP.
    Bytes,
}

/// What becomes of an edge's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// It accepts.
    #[default]
    Open,
    /// It listens, but its backlog is full: handshakes are not answered.
    Full,
    /// Nothing listens.
    Shut {
        /// Whether the connections that are there are reset.
        cut: bool,
    },
}

/// What has to be spoken for a kind of fault to mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Anything.
    Any,
    /// HTTP.
    Http,
    /// Bytes that are not read as HTTP: an edge with `protocol: tcp`.
    Bytes,
}

impl Speaks {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Http => "http",
            Self::Bytes => "tcp",
        }
    }
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

/// What is known of a kind of fault without making one.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The key in a suite.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// A complete example of the key and its value.
    pub example: &'static str,
    /// On which edges it means something.
    pub speaks: Speaks,
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

impl Kind {
    /// The JSON Schema of the value, with all that it refers to below `$defs`.
    pub fn whole_schema(&self) -> Value {
        whole_schema(self.schema)
    }
}

/// A JSON Schema with all that it refers to below `$defs`.
pub fn whole_schema(schema: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = schema(&mut generator).to_value();
    schema["$defs"] = generator.take_definitions(true).into();
    schema
}

/// What each kind says of itself.
pub(crate) trait Known: Fault + Sized + 'static {
    /// What its value looks like in a suite.
    type Params: DeserializeOwned + JsonSchema;
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const EXAMPLE: &'static str;
    const SPEAKS: Speaks = Speaks::Any;

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
        speaks: F::SPEAKS,
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
    bandwidth::Bandwidth,
    slicer::Slicer,
    drip::Drip,
    stall::Stall,
    hang::Hanging,
    mute::Mute,
    half_open::HalfOpen,
    half_close::HalfClose,
    slow_close::SlowClose,
    freeze::Freeze,
    refuse::Refuse,
    backlog_full::BacklogFull,
    slow_accept::SlowAccept,
    max_connections::MaxConnections,
    reset::Reset,
    cut_idle::CutIdle,
    limit_data::LimitData,
    truncate::Truncate,
    corrupt::Corrupt,
    packet_loss::PacketLoss,
    tls_stall::TlsStall,
    status::Status,
    abort::Abort,
    response_lost::ResponseLost,
    content_type::ContentType,
    large_headers::LargeHeaders,
    malformed::Malformed,
    mutate::Mutate,
    close_connection::CloseConnection,
    duplicate::Duplicate,
    reorder::Reorder,
    redirect::Redirect,
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
