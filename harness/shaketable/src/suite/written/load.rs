//! The load as it is written: which calls arrive when.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;
use shaketable_faults::fault::{On, Short};
use shaketable_faults::units::{HumanDuration, Rate};

use super::text::{CertificateFile, ServerName};
use super::{CommandLine, Connection, DataFile, ENTRIES_MAX, Entry, exactly_one, not_both};
use crate::load::Pacing;
use crate::load::arrival::Spacing;
use crate::names::ServiceName;
use crate::record::Phase;

/// `load: none`: the targets drive themselves.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::suite) enum Nothing {
    /// No calls are made.
    None,
}

/// What is asked of the services: how often, and what. It says all that a stream says, and more.
pub(in crate::suite) struct Load;

impl JsonSchema for Load {
    fn schema_name() -> Cow<'static, str> {
        "Load".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Stream::json_schema(generator);
        let more = OfLoad::json_schema(generator);
        if let (Some(Value::Object(all)), Some(Value::Object(more))) =
            (schema.get_mut("properties"), more.get("properties"))
        {
            all.extend(more.clone());
        }
        let about = "What is asked of the services: how often, and what.";
        schema.insert("description".to_owned(), about.into());
        schema
    }
}

/// What a load says beyond what a stream does.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
struct OfLoad {
    /// How exactly calls are sent when they are due: `precise` to some ten microseconds, `lowcpu` to
    /// a millisecond; `auto`, when left out, is precise up to 2000 calls a second.
    pacing: Option<Pacing>,
    /// Several streams of calls side by side, by name. What one does not say is taken from what
    /// stands beside `streams`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 64))]
    streams: Option<IndexMap<String, Stream>>,
    /// Goose's users instead of a rate, or journeys written for goose, beside it where there is one.
    /// A slow target gets fewer of their calls, so latency is better judged at a rate.
    goose: Option<Goose>,
}

/// Users of goose (a load generator), who wait for an answer before they ask again; in a process of
/// goose's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    extend("anyOf" = exactly_one(&["users", "run"])),
    extend("dependentRequired" = serde_json::json!({ "run": ["to"], "to": ["run"] })),
    extend("not" = not_both("run", "think")),
)]
pub(in crate::suite) struct Goose {
    /// How many users there are. Without `run` they make the requests of the load, which needs a
    /// build with the feature `goose`.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::suite) users: Option<u32>,
    /// How long each user waits between two requests.
    pub(in crate::suite) think: Option<HumanDuration>,
    /// A program that was written with goose, and its arguments.
    pub(in crate::suite) run: Option<CommandLine>,
    /// The service that its journeys lead through.
    pub(in crate::suite) to: Option<ServiceName>,
}

/// Calls that arrive in one way.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("not" = not_both("request", "requests")))]
pub(in crate::suite) struct Stream {
    /// How many calls arrive, whatever becomes of them: a rate, or how it goes over time.
    rate: Option<Short<Rate, Going>>,
    /// How the calls of a rate are spaced; `even` when left out.
    spacing: Option<Spacing>,
    /// So many users instead of a rate, each of whom waits for an answer before the next call. A
    /// slow target gets fewer calls, so latency is better judged at a rate.
    #[schemars(range(min = 1, max = 100_000))]
    users: Option<u32>,
    /// How long each user waits between two calls.
    think: Option<HumanDuration>,
    /// One call at a time instead of a rate, the next when nothing is under way on any edge.
    serial: Option<On>,
    /// So many calls at once instead of a rate.
    #[schemars(range(min = 1, max = 100_000))]
    burst: Option<u32>,
    /// Calls as they once arrived instead of a rate: a file, relative to this one, with a moment in
    /// each line, in seconds from the first (in its first column, if there are several).
    trace: Option<String>,
    /// How many calls arrive at most.
    #[schemars(range(min = 1))]
    calls: Option<u64>,
    /// The phase with which calls begin to arrive; `warm_up` when left out.
    starts: Option<Phase>,
    /// How long after the beginning of that phase.
    after: Option<HumanDuration>,
    /// For how long calls arrive; to the end when left out.
    lasts: Option<HumanDuration>,
    /// After how long the load itself gives a call up; 10s when left out.
    timeout: Option<HumanDuration>,
    /// How many calls may be under way at once; 10000 when left out. Those that are due beyond that
    /// are not sent, and counted as missed.
    #[schemars(range(min = 1, max = 1_000_000))]
    in_flight: Option<u32>,
    /// How many connections to each service there may be; calls beyond that wait for one, and their
    /// waiting counts as latency. As many as are needed when left out.
    #[schemars(range(min = 1, max = 100_000))]
    connections: Option<u32>,
    /// How calls get to the services, where that is not plain HTTP/1.1 over TCP.
    over: Option<Over>,
    /// Whether connections are kept for the next call, or each call has a `new` one; kept when left
    /// out.
    connection: Option<Connection>,
    /// The rows that `{{data.COLUMN}}` draws on, one for each arrival, in order and from the first
    /// again: a CSV file (its first line names the columns), or a JSON file with a list of objects;
    /// relative to this file.
    data: Option<DataFile>,
    /// The one kind of call, or a journey of several.
    request: Option<Entry>,
    /// Several kinds of calls, or journeys, in proportion to their weights.
    #[schemars(length(min = 1, max = ENTRIES_MAX))]
    requests: Option<Vec<Entry>>,
}

/// How calls get to the services.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(in crate::suite) struct Over {
    /// HTTP/2: agreed upon within TLS, without TLS by prior knowledge. Its connections carry many
    /// calls at once.
    pub(in crate::suite) http2: Option<On>,
    /// The services speak TLS: the file with the certificates that they are held against (PEM),
    /// or more of how they are known.
    pub(in crate::suite) tls: Option<Short<CertificateFile, Trust>>,
    /// The Unix socket that the service listens at, relative to this file, instead of its port.
    pub(in crate::suite) unix: Option<String>,
}

/// How a service that speaks TLS is known.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one(&["ca", "insecure"])))]
pub(in crate::suite) struct Trust {
    /// The file with the certificates of authorities, or of the service itself (PEM), relative to
    /// this file. One that `setup` makes need not be there before.
    pub(in crate::suite) ca: Option<CertificateFile>,
    /// Whoever answers is believed.
    pub(in crate::suite) insecure: Option<On>,
    /// The name that the certificate is for; `localhost` when left out.
    pub(in crate::suite) name: Option<ServerName>,
}

impl From<CertificateFile> for Trust {
    fn from(ca: CertificateFile) -> Self {
        Self {
            ca: Some(ca),
            ..Self::default()
        }
    }
}

/// How a rate goes over time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one(&["ramp", "steps", "spike", "wave"])))]
pub(in crate::suite) struct Going {
    /// Evenly from one rate to another, which is then kept.
    pub(in crate::suite) ramp: Option<Ramp>,
    /// One rate after the other; the last is kept.
    #[schemars(length(min = 1, max = ENTRIES_MAX))]
    pub(in crate::suite) steps: Option<Vec<Level>>,
    /// A rate, for a time a higher one, and the first again.
    pub(in crate::suite) spike: Option<Spike>,
    /// Rates that come again and again, as in a square wave.
    #[schemars(length(min = 1, max = ENTRIES_MAX))]
    pub(in crate::suite) wave: Option<Vec<Level>>,
}

impl From<Rate> for Going {
    /// One rate is one step.
    fn from(rate: Rate) -> Self {
        let level = Level {
            rate: Some(rate),
            lasts: HumanDuration(std::time::Duration::from_secs(1)),
        };
        Self {
            ramp: None,
            steps: Some(vec![level]),
            spike: None,
            wave: None,
        }
    }
}

/// From one rate to another.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct Ramp {
    /// The first rate; nothing when left out.
    pub(in crate::suite) from: Option<Rate>,
    /// The last one.
    pub(in crate::suite) to: Rate,
    /// How long it takes.
    pub(in crate::suite) over: HumanDuration,
}

/// A rate for a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct Level {
    /// The rate; nothing arrives when it is left out.
    pub(in crate::suite) rate: Option<Rate>,
    /// How long it is kept.
    pub(in crate::suite) lasts: HumanDuration,
}

/// A higher rate for a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct Spike {
    /// The rate before and after.
    pub(in crate::suite) base: Rate,
    /// The higher rate.
    pub(in crate::suite) to: Rate,
    /// How long after the beginning.
    pub(in crate::suite) after: HumanDuration,
    /// How long it is kept.
    pub(in crate::suite) lasts: HumanDuration,
}

/// The keys of which one says how calls arrive.
pub(in crate::suite) const ARRIVALS: [&str; 5] = ["rate", "users", "serial", "burst", "trace"];
