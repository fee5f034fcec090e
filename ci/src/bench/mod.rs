//! `cargo ci bench`: ours beside its peers, as ratios out of one alternated run.
//!
//! A map of the room:
//!
//! - [`proxy`]: our proxy beside other proxies; [`load`]: our load engine beside other generators;
//! - [`session`]: the order of a run; `install`, `tools`: the peers' programs; [`builds`]: our own;
//! - `machine`, `cores`, `process`, `running`, `proc`, `ports`: the machine and the processes on it;
//! - `nginx`: the service that answers; `wrk`: what it prints;
//! - [`row`]: what is measured of whom; [`alternate`]: the rounds; `calm`: that others leave us
//!   alone;
//! - `ratio`, `judge`, `table`: what came out.

mod alternate;
mod builds;
mod calm;
mod cores;
mod error;
mod install;
mod judge;
pub(crate) mod load;
mod machine;
mod nginx;
mod ports;
mod proc;
mod process;
pub(crate) mod proxy;
mod ratio;
mod row;
mod running;
mod session;
mod table;
mod tools;
mod wrk;

use std::path::PathBuf;
use std::time::Duration;

use calm::Calm;
use error::BenchError;

use crate::steps;

/// What to measure, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds, in each of which everyone is measured once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Length of one measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Measure only these rows
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure only these peers beside ours
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    peers: Vec<String>,
    /// One round of one second each: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// A measurement is made again where others used more of the machine meanwhile
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    calm: f64,
    /// For how long to wait for calm in one row; then it is measured as it is
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    patience: u64,
    /// Another build of ours, measured beside
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// A build of ours, instead of building one
    #[arg(long, value_name = "PROGRAM")]
    ours: Option<PathBuf>,
}

/// What every row and peer needs to know.
#[derive(Debug)]
pub(crate) struct Bench {
    /// For configurations and logs; goes with the run.
    dir: PathBuf,
    cores: usize,
    /// How many descriptors a process may have.
    descriptors: u64,
    pairs: usize,
    seconds: u64,
    /// Whether it only matters that it works.
    quick: bool,
    calm: Calm,
}

/// Both ends of 10,000 connections, in one process, and some.
const DESCRIPTORS: u64 = 32_768;

impl Bench {
    fn new(options: &Options, dir: PathBuf) -> Result<Self, BenchError> {
        let (pairs, seconds, minutes) = if options.quick {
            (1, 1, 0)
        } else {
            (options.pairs.into(), options.seconds, options.patience)
        };
        Ok(Self {
            dir,
            cores: machine::cores(),
            descriptors: machine::raise_descriptor_limit(DESCRIPTORS)?,
            pairs,
            seconds,
            calm: Calm::new(options.calm, Duration::from_secs(60 * minutes)),
            quick: options.quick,
        })
    }

    /// How long one measurement takes.
    fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Installs what is measured beside ours, as far as it is to be had.
pub(crate) fn install_peers() -> Result<(), BenchError> {
    let problems = [install::proxies(), install::generators()].concat();
    if problems.is_empty() {
        return Ok(());
    }
    Err(BenchError::Install(problems.join("; ")))
}
