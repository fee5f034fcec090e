//! The suite as it is written: what a file may say, key by key.
//!
//! These types are the one source for what is accepted, for the JSON Schema and for its
//! descriptions, which editors show; so the comments on the fields speak to the author of a suite.
//! The values of faults and checks are described by their own catalogues.

mod call;
mod entries;
mod load;
mod matcher;
mod request;
mod text;
mod tls;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shaketable_faults::fault::{On, Short};
use shaketable_faults::stub;
use shaketable_faults::units::HumanDuration;

pub(super) use call::{Call, NEED_ENV, OneOrMore};
pub(super) use entries::{Begins, Expectation, Fault};
pub(super) use load::{ARRIVALS, Going, Goose, Over};
use load::{Load, Nothing};
pub(super) use matcher::{BodySchema, Scalars, Statuses};
use request::Entry;
pub(super) use request::{
    Capture, Connection, IdempotencyKey, METHODS, NOT_FOR_A_COMMAND, by_path, by_program,
};
pub(super) use text::{
    CommandLine, Commands, DataFile, HttpPath, ListenAddress, ProxiedHost, RegexText, RequestPath,
    Scalar, SocketAddress, VariableName, complaint, pointer_complaint,
};
pub(super) use tls::{Tls, ToCallee};

/// How many services, experiments, or requests of a load there may be.
const ENTRIES_MAX: usize = 256;

/// The schema's way to say that exactly one of the keys is there.
fn exactly_one(keys: &[&str]) -> Value {
    keys.iter()
        .map(|key| json!({ "required": [key] }))
        .collect()
}

/// The schema's way to say that the two keys are not there together.
fn not_both(one: &str, other: &str) -> Value {
    json!({ "required": [one, other] })
}

/// The keys that mean nothing for a stub: it is no process, is ready at once, and calls nobody.
pub(super) const NOT_FOR_A_STUB: [&str; 5] = ["env", "cwd", "grace", "ready", "calls"];

/// The schema's way to say that the other keys are not there where the one is.
fn alone(key: &str, others: &[&str]) -> Value {
    json!({ key: { "not": { "anyOf": exactly_one(others) } } })
}

/// Services, the load on them, and the experiments that shake them.
#[expect(
    dead_code,
    reason = "describes the whole file; its parts are read one by one"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Shaketable suite")]
pub(super) struct Suite {
    /// Another suite, relative to this file, that this one completes: maps are merged, everything
    /// else that is written here replaces what is written there.
    extend: Option<String>,
    /// What the suite is called in reports.
    name: String,
    /// What all randomness depends on; the same seed gives the same injections.
    seed: Option<u64>,
    /// Who carries the faults out, where that is not Shaketable itself.
    backend: Option<Backend>,
    /// Command lines that run once, before the services start.
    setup: Option<Commands>,
    /// Command lines that run when the services are ready, before the load.
    reset: Option<Commands>,
    /// Command lines that run after the services have ended.
    teardown: Option<Commands>,
    /// The target processes by name.
    #[schemars(extend("minProperties" = 1, "maxProperties" = ENTRIES_MAX))]
    services: IndexMap<String, Service>,
    /// What is asked of the services in every experiment; `none` where they drive themselves.
    load: Option<Short<Nothing, Load>>,
    /// How long the phases take in every experiment.
    phases: Option<Phases>,
    /// What must hold whatever goes wrong: checks that bring the faults and the calls that they
    /// need.
    #[schemars(length(min = 1))]
    expect: Option<Vec<Expectation>>,
    /// The experiments by name.
    #[schemars(extend("minProperties" = 1, "maxProperties" = ENTRIES_MAX))]
    experiments: Option<IndexMap<String, Experiment>>,
}

/// Who carries the faults out. Our own proxies then only observe.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Backend {
    /// The API of a Toxiproxy server on loopback, as in `127.0.0.1:8474`; needs a build with the
    /// feature `toxiproxy`.
    pub(super) toxiproxy: SocketAddress,
}

/// One target process.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("oneOf" = exactly_one(&["run", "cargo", "stub", "address"])),
    extend("dependentSchemas" = alone("stub", &NOT_FOR_A_STUB)),
)]
pub(super) struct Service {
    /// The program to start, as one command line or as a list. `$PORT` is the port to listen on.
    run: Option<CommandLine>,
    /// A binary of a Cargo workspace, which is built and started.
    cargo: Option<Cargo>,
    /// A service that Shaketable plays itself, where the real one is not at hand.
    stub: Option<stub::Params>,
    /// Where the service already listens, on loopback.
    address: Option<SocketAddress>,
    /// The port to listen on; a free one is chosen when it is left out.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Environment variables. `$PORT` and the variables of `calls` can be used in the values.
    #[schemars(default)]
    env: IndexMap<String, Scalar<true>>,
    /// Files that are written for it when it starts, by their paths below `$FILES`: each is made
    /// of a template beside this file, in which `$NAME` and `${NAME}` are replaced.
    #[schemars(default, extend("maxProperties" = ENTRIES_MAX))]
    files: IndexMap<String, String>,
    /// The directory to start in, relative to this file; the file's own when left out.
    cwd: Option<String>,
    /// How to see that the service is ready; when its port accepts a connection, if left out.
    ready: Option<Ready>,
    /// How long the service has to end by itself after SIGTERM; 2s when left out.
    grace: Option<HumanDuration>,
    /// The services that this one calls, each with the environment variable in which it finds the
    /// address to call, or with another way to lead it there. Each becomes an edge with a proxy.
    #[schemars(default, extend("maxProperties" = ENTRIES_MAX))]
    calls: IndexMap<String, Short<VariableName, Call>>,
}

/// A binary of a Cargo workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cargo {
    /// The binary's name.
    pub(super) bin: String,
    /// The package, where the binary's name alone does not tell.
    pub(super) package: Option<String>,
    /// Its arguments, as one command line or as a list. `$PORT` is the port to listen on.
    pub(super) args: Option<CommandLine>,
    /// Whether to build with optimisation.
    #[serde(default)]
    pub(super) release: bool,
}

/// How to see that a service is ready: one way, and for how long to wait.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = exactly_one(&["http", "tcp", "log", "command"])))]
pub(super) struct Ready {
    /// The path whose GET is answered with a 2xx.
    pub(super) http: Option<HttpPath>,
    /// The port accepts a connection.
    pub(super) tcp: Option<On>,
    /// The text that the service prints.
    pub(super) log: Option<String>,
    /// The command that ends with success.
    pub(super) command: Option<CommandLine>,
    /// How long to wait; 10s when left out.
    pub(super) timeout: Option<HumanDuration>,
}

/// How long each phase takes, at most 1h.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Phases {
    /// Until the services have settled, judged by nobody; 1s when left out.
    warm_up: Option<HumanDuration>,
    /// What the services do when they are left alone; 3s when left out.
    baseline: Option<HumanDuration>,
    /// While the faults are active; 5s when left out.
    fault: Option<HumanDuration>,
    /// After the faults have been taken away; 5s when left out.
    recovery: Option<HumanDuration>,
}

/// Faults over phases, and the checks that must hold.
#[expect(
    dead_code,
    reason = "describes a part of the file that is read in smaller parts"
)]
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Experiment {
    /// What goes wrong in the fault phase. Left out, the checks bring the faults, the phases and
    /// the calls that they need.
    faults: Option<Vec<Fault>>,
    /// What differs from the suite's load; `none` for no load at all.
    load: Option<Short<Nothing, Load>>,
    /// What differs from the suite's phases.
    phases: Option<Phases>,
    /// The checks that must hold, each by its name alone or with parameters.
    #[schemars(length(min = 1))]
    expect: Vec<Expectation>,
}
