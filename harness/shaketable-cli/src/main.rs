//! The `shaketable` binary: so far only the hidden word that keepers are started with.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        // Before anything else: a keeper has to be up within milliseconds.
        Some(word) if word == "keep" => shaketable::launch::keeper::main(args),
        _ => ExitCode::from(2),
    }
}
