//! The commands, one a file. Each returns an exit code.

mod demo;
#[cfg(feature = "goose")]
pub(crate) mod goose;
mod inspect;
mod judge;
mod list;
mod load;
mod plan;
mod proxy;
mod run;
mod suites;
mod toxiproxy;
mod validate;

use std::process::ExitCode;

use crate::args::{Args, Command, SchemaOf};
use crate::exit::{self, Exit};
use crate::terminal::{complain, say};

/// The hidden command under which the binary keeps a target.
pub(crate) const KEEP: &str = "keep";

/// Carries a command out.
pub(crate) fn run(args: Args) -> ExitCode {
    let exit = match args.command {
        Command::Demo(args) => demo::demo(&args),
        Command::Run { suite, run } => run::run(&suite, &run),
        Command::Validate { suites } => validate::validate(&suites),
        Command::Plan { suite, select } => plan::plan(&suite, &select),
        Command::Inspect { suite, run } => inspect::inspect(&suite, &run),
        Command::Judge { run, suite, volume } => judge::judge(&run, suite.as_deref(), volume),
        Command::Schema { of } => schema(of),
        Command::Checks { name } => list::checks(name.as_deref()),
        Command::Faults { name } => list::faults(name.as_deref()),
        Command::Load(args) => load::load(&args),
        Command::Proxy(args) => proxy::proxy(&args),
        Command::Toxiproxy(args) => toxiproxy::toxiproxy(&args),
        Command::Fixture(args) => match shaketable_fixtures::run(args) {
            Ok(()) => exit::OK,
            Err(error) => {
                complain(&format!("failed to {error}"));
                exit::FAILED
            }
        },
    };
    exit.into()
}

fn schema(of: SchemaOf) -> Exit {
    let schema = match of {
        SchemaOf::Suite => shaketable::suite::schema(),
        SchemaOf::Report => shaketable::report::json::schema(),
    };
    say(&format!("{schema:#}"));
    exit::OK
}
