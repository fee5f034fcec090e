//! The gate, as one program: `cargo ci` runs all of it, `cargo ci STEP` one step. Beside it stands
//! what is run by hand: the benches, and the installer of the peers beside which they measure.

// It reads `/proc` and keeps to what Linux guarantees of processes.
#[cfg(target_os = "linux")]
mod bench;
mod clients;
mod deny;
mod format;
mod goose;
mod hlog;
mod schemas;
mod steps;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What CI runs.
#[derive(Debug, Parser)]
#[command(name = "cargo ci")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Step(Step),
    /// Measure something beside its peers
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Bench(Bench),
    /// Install what a command needs
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Install(Install),
}

/// What can be measured.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug, Subcommand)]
enum Bench {
    /// Our proxy beside haproxy, nginx, Envoy, socat and Toxiproxy
    Proxy(bench::Options),
    /// Our load engine beside wrk, wrk2, h2load, oha, k6 and hyper without an engine
    Load(bench::Options),
}

/// What can be installed.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, Subcommand)]
enum Install {
    /// The proxies and load generators that ours are measured beside, and what measures them
    Peers,
}

/// One step of the gate; without one, all that check.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Step {
    /// All tests of the workspace
    Test,
    /// Toxiproxy's own clients against our server, `HdrHistogram`'s against our logs
    Clients,
    /// What only a build with goose has
    Goose,
    /// The form of the source
    Fmt,
    /// Clippy, every warning an error
    Clippy,
    /// The documentation, without warnings
    Docs,
    /// Licences, bans and sources of the dependencies
    Deny,
    /// The fuzz targets still compile
    Fuzz,
    /// Write the committed JSON Schemas anew
    Schemas,
}

/// The steps of the whole gate, the most telling first.
const GATE: [Step; 8] = [
    Step::Test,
    Step::Clients,
    Step::Goose,
    Step::Fmt,
    Step::Clippy,
    Step::Docs,
    Step::Deny,
    Step::Fuzz,
];

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Some(command) => command.run(),
        None => GATE.into_iter().try_for_each(Step::run).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            steps::tell(&format!("failed to {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Step(step) => Ok(step.run()?),
            #[cfg(target_os = "linux")]
            Self::Bench(Bench::Proxy(options)) => Ok(bench::proxy::run(&options)?),
            #[cfg(target_os = "linux")]
            Self::Bench(Bench::Load(options)) => Ok(bench::load::run(&options)?),
            #[cfg(target_os = "linux")]
            Self::Install(Install::Peers) => Ok(bench::install_peers()?),
        }
    }
}

impl Step {
    fn run(self) -> Result<(), steps::StepError> {
        use steps::cargo;
        match self {
            // The README's own command.
            Self::Test => cargo(&["test", "--workspace"], &[]),
            Self::Clients => clients::check(),
            Self::Goose => goose::check(),
            Self::Fmt => format::check(),
            Self::Clippy => cargo(
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
                &[],
            ),
            Self::Docs => cargo(
                &[
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                ],
                &[("RUSTDOCFLAGS", "-D warnings")],
            ),
            Self::Deny => deny::check(),
            Self::Fuzz => cargo(&["check", "--manifest-path", "ci/fuzz/Cargo.toml"], &[]),
            Self::Schemas => schemas::write(),
        }
    }
}
