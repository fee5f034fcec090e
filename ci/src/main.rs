//! The gate, as one program: `cargo ci` runs all of it, `cargo ci STEP` one step.

mod deny;
mod format;
mod schemas;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What CI runs.
#[derive(Debug, Parser)]
#[command(name = "cargo ci")]
struct Args {
    #[command(subcommand)]
    step: Option<Step>,
}

/// One step of the gate; without one, all that check.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Step {
    /// All tests of the workspace
    Test,
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
const GATE: [Step; 6] = [
    Step::Test,
    Step::Fmt,
    Step::Clippy,
    Step::Docs,
    Step::Deny,
    Step::Fuzz,
];

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.step {
        Some(step) => step.run(),
        None => GATE.into_iter().try_for_each(Step::run),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            steps::tell(&format!("failed to {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Step {
    fn run(self) -> Result<(), steps::StepError> {
        use steps::cargo;
        match self {
            // The README's own command.
            Self::Test => cargo(&["test", "--workspace"], &[]),
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
