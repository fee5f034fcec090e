//! The command line.

pub(crate) mod load;
pub(crate) mod proxy;
pub(crate) mod toxiproxy;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use shaketable_fixtures::FixtureArgs;

use self::load::LoadArgs;
use self::proxy::ProxyArgs;
use self::toxiproxy::ToxiproxyArgs;

/// Starts your services, puts a fault-injecting proxy on every dependency between them, drives
/// load, and judges with evidence whether they failed well.
#[derive(Debug, Parser)]
#[command(
    name = "shaketable",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 all checks passed, 1 a check failed, 2 the command line or the suite is wrong, \
3 the environment is, 4 nothing was selected, 5 inconclusive, 6 a fault could not be reverted, 130/143 interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: the embedded order system, naive and hardened, under the same faults
    Demo(RunArgs),
    /// Run a suite's experiments and judge them
    Run {
        /// The suite, a YAML file
        suite: PathBuf,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Say what is wrong with a suite, without starting anything
    Validate {
        /// The suites, YAML files
        #[arg(required = true)]
        suites: Vec<PathBuf>,
    },
    /// Say what a suite would run: services, edges, faults, phases, how long
    Plan {
        /// The suite, a YAML file
        suite: PathBuf,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// See what your services really do on each edge: timeouts, attempts, breakers, pools
    Inspect {
        /// The suite, a YAML file; its first experiment's load is used
        suite: PathBuf,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Judge a saved run again, by the checks it was judged by or by those of another suite
    Judge {
        /// The run's directory, or that of one of its experiments
        run: PathBuf,
        /// Take the checks from this suite; experiments are matched by name
        #[arg(long, value_name = "FILE")]
        suite: Option<PathBuf>,
        #[command(flatten)]
        volume: VolumeArgs,
    },
    /// Print the JSON Schema of suites, or of report.json
    Schema {
        /// Which schema
        #[arg(value_enum, default_value_t = SchemaOf::Suite)]
        of: SchemaOf,
    },
    /// List the checks that exist, or tell all of one
    Checks {
        /// The check to be told of
        name: Option<String>,
    },
    /// List the faults that exist, or tell all of one
    Faults {
        /// The fault to be told of
        name: Option<String>,
    },
    /// Load one URL, and tell what it took: calls on a schedule that no target can slow down
    Load(Box<LoadArgs>),
    /// Run proxies of their own, under Toxiproxy's HTTP API
    Proxy(ProxyArgs),
    /// Speak to a server of Toxiproxy's API: proxies and toxics
    Toxiproxy(ToxiproxyArgs),
    /// Run one of the services to practise on
    Fixture(FixtureArgs),
}

/// Which form a schema is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaOf {
    /// Suites
    Suite,
    /// report.json
    Report,
}

/// Which experiments, with which seed.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SelectArgs {
    /// Only experiments whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// The seed of every random decision; the suite's or a fresh one when left out
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// How a run goes.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    /// Where the run's files go: logs, recordings, report.json; `shaketable-out/SUITE/N` when left out
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, ClapArgs)]
pub(crate) struct VolumeArgs {
    /// Say more: the evidence of every verdict, not only of failures
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Say only how it came out
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
