//! `cargo ci bench proxy`: our proxy beside its peers, as ratios out of one alternated run.
//!
//! A map of the room, in the order of a run:
//!
//! - `install`, `tools`: the peers' programs; [`ours`]: our own;
//! - `machine`, `process`, `proc`, `ports`, `lane`: the machine and the processes on it;
//! - [`peers`]: the proxies, one a file; `job`: what they are asked to do; `control`: their API;
//! - `wrk`, `ends`: what sends through them and what answers behind them;
//! - [`rows`]: what is measured; [`alternate`]: the rounds; `calm`: that others leave us alone;
//! - `ratio`, `judge`, `table`: what came out.

mod alternate;
mod calm;
mod control;
mod ends;
mod error;
mod install;
mod job;
mod judge;
mod lane;
mod machine;
mod ours;
mod peers;
mod ports;
mod proc;
mod process;
mod ratio;
mod rows;
mod table;
mod tools;
mod wrk;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use calm::Calm;
use error::{BenchError, Doing};
use ours::Ours;
use peers::{LineUp, Peer};
use rows::{About, ROWS, syscalls};

use crate::steps::tell;

/// What to measure, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Rounds, in each of which every proxy is measured once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Length of one measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Measure only these rows (also `syscalls`, which is not measured otherwise)
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

/// Another build of ours, in tables.
const BEFORE: &str = "before";

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
    idle_connections: usize,
    calm: Calm,
}

/// Each end of 5,000 connections, in one process, and some.
const DESCRIPTORS: u64 = 32_768;
const IDLE_CONNECTIONS: usize = 5000;

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
            idle_connections: if options.quick {
                1000
            } else {
                IDLE_CONNECTIONS
            },
        })
    }

    /// How long one measurement takes.
    fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Installs what is measured beside ours, as far as it is to be had.
pub(crate) fn install_peers() -> Result<(), BenchError> {
    let problems = install::peers();
    if problems.is_empty() {
        return Ok(());
    }
    Err(BenchError::Install(problems.join("; ")))
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    check_names(&options.only)?;
    // Who is not there is left out.
    if let Err(missing) = install_peers() {
        tell(&format!("failed to {missing}"));
    }
    let (ours, version) = match &options.ours {
        Some(program) => (program.clone(), program.display().to_string()),
        None => (ours::build()?, ours::version()),
    };
    let dir = tempfile::Builder::new()
        .prefix("shaketable-bench-")
        .tempdir()
        .doing("make a directory")?;
    process::end_on_signal(dir.path().to_owned())?;
    let bench = Bench::new(options, dir.path().to_owned())?;
    // A build in the meantime shall not change what is measured.
    let ours = copy(&ours, &bench, ours::NAME)?;
    let mut builds = vec![Ours::new(ours::NAME, version, ours)];
    if let Some(before) = &options.before {
        let copied = copy(before, &bench, BEFORE)?;
        builds.push(Ours::new(BEFORE, before.display().to_string(), copied));
    }
    let LineUp { peers, left_out } = peers::line_up(builds, &options.peers)?;

    say(&machine::describe());
    for peer in &peers {
        say(&format!("{} {}", peer.name(), peer.version()));
    }
    for out in &left_out {
        say(&format!("{} is left out: {}", out.name, out.why));
    }
    if options.quick {
        say("a quick run: whether it works, not how fast it is");
    }
    measure(&bench, options, &peers)
}

fn measure(bench: &Bench, options: &Options, peers: &[Box<dyn Peer>]) -> Result<(), BenchError> {
    let wanted = |name: &str| options.only.iter().any(|only| only == name);
    let mut judged = Vec::new();
    let mut unasked = Vec::new();
    for (about, open) in ROWS {
        if !options.only.is_empty() && !wanted(about.name) {
            unasked.push(about.name);
            continue;
        }
        let row = match open(bench) {
            Ok(row) => row,
            Err(why) => {
                say(&format!("\n{} is not measured: {why}", about.name));
                continue;
            }
        };
        let measured = alternate::measure(bench, about, row.as_ref(), peers);
        say(&format!("\n{}", table::row(&measured)));
        judged.extend(judge::judge(&measured));
    }
    if !unasked.is_empty() {
        say(&format!("not among --only: {}\n", unasked.join(", ")));
    }
    if !judged.is_empty() {
        say(&table::targets(&judged));
    }
    if wanted(syscalls::NAME) {
        say(&format!("\n{}", syscalls::count(bench, peers)?));
    }
    Ok(())
}

fn check_names(only: &[String]) -> Result<(), BenchError> {
    let mut known: Vec<&str> = ROWS.iter().map(|(About { name, .. }, _)| *name).collect();
    known.push(syscalls::NAME);
    match only.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(BenchError::Unknown {
            kind: "row",
            name: name.clone(),
            known: known.join(", "),
        }),
    }
}

fn copy(program: &Path, bench: &Bench, name: &str) -> Result<PathBuf, BenchError> {
    let to = bench.dir.join(name);
    std::fs::copy(program, &to).doing(format!("copy {}", program.display()))?;
    Ok(to)
}

/// A line of the result.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
