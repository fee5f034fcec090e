//! `cargo ci bench proxy`: our proxy beside its peers.
//!
//! - [`peers`]: the proxies, one a file, and `ours`; `job`: what they are asked to do; `control`:
//!   their API;
//! - [`rows`]: what is measured; [`ends`]: what sends through them and what answers behind them,
//!   where `wrk` and nginx cannot; `lane`: a processor for who measures.

mod control;
mod ends;
mod job;
mod lane;
mod ours;
mod peers;
mod rows;

use peers::LineUp;
use rows::{ROWS, syscalls};

use super::error::BenchError;
use super::session::{Session, say};
use super::{Options, alternate, install};

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let mut known: Vec<&str> = ROWS.iter().map(|(about, ..)| about.name).collect();
    // Not measured unless asked for.
    known.push(syscalls::NAME);
    let (mut session, builds) = Session::open(options, &known, install::proxies)?;
    let LineUp { peers, left_out } = peers::line_up(builds, &options.peers)?;
    let named = peers.iter().map(|peer| (peer.name(), peer.version()));
    session.introduce(named, &left_out);
    for (about, jobs, open) in ROWS {
        session.row(&about, |bench| {
            let row = open(bench)?;
            let entries = rows::entries(bench, row.as_ref(), &about, jobs, &peers);
            Ok(alternate::measure(bench, about, entries))
        });
    }
    session.close();
    if session.wants(syscalls::NAME) {
        say(&format!("\n{}", syscalls::count(&session.bench, &peers)?));
    }
    Ok(())
}
