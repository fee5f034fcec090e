//! The `shaketable` binary. It reads the command line, hands over, and returns an exit code.

mod args;
mod commands;
mod exit;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let first = words.next().unwrap_or_default();
    // Before anything else: a keeper has to be up within milliseconds.
    if first == commands::KEEP {
        return shaketable::launch::keeper::main(words);
    }
    #[cfg(feature = "goose")]
    if first == shaketable::load::goose::WORD {
        return commands::goose::main(words);
    }
    match args::Args::try_parse_from(args::proxy::with_two_dashes(std::env::args_os())) {
        Ok(args) => commands::run(args),
        Err(error) => {
            // Help and version are answers, not errors; clap prints each where it belongs.
            let _ = error.print();
            if error.use_stderr() {
                exit::USAGE.into()
            } else {
                ExitCode::SUCCESS
            }
        }
    }
}
