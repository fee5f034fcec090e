//! The command line of `shaketable load`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use shaketable::load::Pacing;
use shaketable::load::arrival::Spacing;
use shaketable::load::solo::Threshold;
use shaketable::units::{HumanDuration, Rate};

/// Load one URL, and tell what it took: calls on a schedule that no target can slow down
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// What to load, as in `http://127.0.0.1:8080/orders/1`
    pub(crate) url: String,

    /// Calls a second, whatever becomes of the earlier ones
    #[arg(
        long,
        value_name = "RATE",
        default_value = "50/s",
        help_heading = "How often"
    )]
    pub(crate) rate: Rate,
    /// How the calls of a rate are spaced
    #[arg(long, value_enum, default_value_t = SpacingArg::Even, help_heading = "How often")]
    pub(crate) spacing: SpacingArg,
    /// So many users instead of a rate; each waits for its answer before the next call, so a slow
    /// target gets fewer calls and hides that it is slow
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "spacing"], help_heading = "How often",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) users: Option<u32>,
    /// How long each user waits between two calls
    #[arg(
        long,
        value_name = "TIME",
        requires = "users",
        help_heading = "How often"
    )]
    pub(crate) think: Option<HumanDuration>,
    /// For how long
    #[arg(
        long = "for",
        value_name = "TIME",
        default_value = "10s",
        help_heading = "How often"
    )]
    pub(crate) lasts: HumanDuration,
    /// For how long before that, without being measured
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        help_heading = "How often"
    )]
    pub(crate) warm_up: HumanDuration,
    /// How many calls at most
    #[arg(long, value_name = "N", help_heading = "How often",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) calls: Option<u64>,
    /// How exactly calls are sent when they are due: to some ten microseconds, or to a millisecond at
    /// less cost; `auto` is precise up to 2000 calls a second; above 4000 that keeps a processor busy
    #[arg(long, value_enum, default_value_t = PacingArg::Auto, help_heading = "How often")]
    pub(crate) pacing: PacingArg,
    /// The seed of what is random in the schedule
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        help_heading = "How often"
    )]
    pub(crate) seed: u64,
    /// How many calls may be under way; those that are due beyond that are missed, and counted
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "How often",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) in_flight: u32,

    /// The method
    #[arg(
        short = 'X',
        long,
        default_value = "GET",
        help_heading = "What is sent"
    )]
    pub(crate) method: String,
    /// A header, as in 'Accept: text/plain'; with {{id}}, {{uuid}}, {{call}}, {{random 1..9}} or {{pick a|b}}
    /// where calls are to differ, as in bodies
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "What is sent"
    )]
    pub(crate) headers: Vec<String>,
    /// The body
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "json",
        help_heading = "What is sent"
    )]
    pub(crate) body: Option<String>,
    /// The body, as JSON
    #[arg(long, value_name = "JSON", help_heading = "What is sent")]
    pub(crate) json: Option<String>,
    /// After how long a call is given up
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        help_heading = "What is sent"
    )]
    pub(crate) timeout: HumanDuration,
    /// How many connections there may be; calls beyond that wait for one, and their waiting counts
    #[arg(long, value_name = "N", help_heading = "What is sent",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: Option<u32>,
    /// A new connection for each call
    #[arg(long, help_heading = "What is sent")]
    pub(crate) no_keep_alive: bool,
    /// Speak HTTP/2
    #[arg(long, help_heading = "What is sent")]
    pub(crate) http2: bool,
    /// Believe an https:// target that this certificate, or one of these, vouches for (PEM)
    #[arg(long, value_name = "FILE", help_heading = "What is sent")]
    pub(crate) ca: Option<PathBuf>,
    /// Believe any https:// target
    #[arg(long, conflicts_with = "ca", help_heading = "What is sent")]
    pub(crate) insecure: bool,
    /// Send it to this Unix socket, whatever host the URL names
    #[arg(long, value_name = "SOCKET", help_heading = "What is sent")]
    pub(crate) unix: Option<PathBuf>,
    /// The host is meant, although it is not this machine
    #[arg(long, help_heading = "What is sent")]
    pub(crate) remote: bool,

    /// A bound, as in 'p99<50ms', 'errors<1%', 'goodput>=99%', 'rate>=99%'; one that is not kept
    /// makes the exit code 1
    #[arg(
        long = "threshold",
        value_name = "BOUND",
        help_heading = "What is told"
    )]
    pub(crate) thresholds: Vec<Threshold>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = FormatArg::Text, help_heading = "What is told")]
    pub(crate) format: FormatArg,
    /// Write the latencies of each second as an `HdrHistogram` V2 interval log
    #[arg(long, value_name = "FILE", help_heading = "What is told")]
    pub(crate) hdr: Option<PathBuf>,
    /// Say nothing while it goes on
    #[arg(short, long, help_heading = "What is told")]
    pub(crate) quiet: bool,
}

/// How calls are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpacingArg {
    /// Always the same gap
    Even,
    /// Each somewhere within its own gap
    Jitter,
    /// As independent users come
    Poisson,
}

impl From<SpacingArg> for Spacing {
    fn from(arg: SpacingArg) -> Self {
        match arg {
            SpacingArg::Even => Self::Even,
            SpacingArg::Jitter => Self::Jitter,
            SpacingArg::Poisson => Self::Poisson,
        }
    }
}

/// How calls are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacingArg {
    /// Whichever fits the rate
    Auto,
    /// To some ten microseconds
    Precise,
    /// To a millisecond
    Lowcpu,
}

impl From<PacingArg> for Pacing {
    fn from(arg: PacingArg) -> Self {
        match arg {
            PacingArg::Auto => Self::Auto,
            PacingArg::Precise => Self::Precise,
            PacingArg::Lowcpu => Self::LowCpu,
        }
    }
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For people
    Text,
    /// For programs
    Json,
}
