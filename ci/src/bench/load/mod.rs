//! `cargo ci bench load`: our load engine, `shaketable load`, beside other load generators.
//!
//! - [`generators`]: who is measured, ours too, one a file; [`task`]: what they are asked to do and
//!   what they tell of it; `run`: one run of one of them on a processor of its own;
//! - [`server`]: the target where nginx is none: it notes when each request came, and can stall or
//!   sleep; `gaps`: how even arrivals are;
//! - [`rows`]: what is measured.

mod gaps;
mod generators;
mod rows;
mod run;
mod server;
mod task;

use generators::LineUp;
use rows::ROWS;

use super::error::BenchError;
use super::session::Session;
use super::{Options, alternate, install};

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let known: Vec<&str> = ROWS.iter().map(|(about, _)| about.name).collect();
    let (mut session, builds) = Session::open(options, &known, install::generators)?;
    let LineUp {
        generators,
        left_out,
    } = generators::line_up(builds, &options.peers)?;
    let named = generators.iter().map(|one| (one.name(), one.version()));
    session.introduce(named, &left_out);
    for (about, open) in ROWS {
        session.row(&about, |bench| {
            let row = open(bench)?;
            let entries = row.entries(bench, &generators);
            Ok(alternate::measure(bench, about, entries))
        });
    }
    session.close();
    Ok(())
}
