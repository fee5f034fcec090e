//! Who makes load: one a file, each told what its own documentation calls fit for a measurement, all
//! on one thread.

mod h2load;
mod json;
mod k6;
mod oha;
mod ours;
mod raw_hyper;
mod wrk;

use std::path::Path;

use super::task::{Task, Told};
use crate::bench::Bench;
use crate::bench::builds::Build;
use crate::bench::error::BenchError;
use crate::bench::row::{BEFORE, LeftOut, OURS};
use crate::bench::session::check_names;
use ours::Ours;

pub(super) const WRK: &str = "wrk";
pub(super) const WRK2: &str = "wrk2";
pub(super) const H2LOAD: &str = "h2load";
pub(super) const OHA: &str = "oha";
pub(super) const K6: &str = "k6";
pub(super) const RAW_HYPER: &str = "raw-hyper";

/// Who is measured.
pub(crate) trait Generator {
    /// In tables and on the command line.
    fn name(&self) -> &str;
    /// Which one it is.
    fn version(&self) -> String;
    /// What is started.
    fn program(&self) -> &Path;
    /// How it is told what to do; an error where it cannot do that.
    fn args(&self, bench: &Bench, task: &Task) -> Result<Vec<String>, BenchError>;
    /// What it said, both streams.
    fn told(&self, said: &str) -> Result<Told, BenchError>;
    /// Whether it stands where a row wants this one; another build of ours does where ours does.
    fn is(&self, name: &str) -> bool {
        self.name() == name || (name == OURS && self.name() == BEFORE)
    }
}

/// Makes a generator, or says why it is not there.
type Find = fn() -> Result<Box<dyn Generator>, String>;

/// Every peer. Who stands first is measured closest in time to ours.
const PEERS: [(&str, Find); 6] = [
    (WRK, wrk::find),
    (WRK2, wrk::find_wrk2),
    (RAW_HYPER, raw_hyper::find),
    (H2LOAD, h2load::find),
    (OHA, oha::find),
    (K6, k6::find),
];

/// Who is measured and who is not.
pub(crate) struct LineUp {
    /// Ours first.
    pub(crate) generators: Vec<Box<dyn Generator>>,
    /// And why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Ours, and those of its peers that are wanted and there.
pub(crate) fn line_up(ours: Vec<Build>, wanted: &[String]) -> Result<LineUp, BenchError> {
    let known: Vec<&str> = PEERS.iter().map(|(name, _)| *name).collect();
    check_names("peer", wanted, &known)?;
    let mut generators: Vec<Box<dyn Generator>> = Vec::new();
    for build in ours {
        generators.push(Box::new(Ours(build)));
    }
    let mut left_out = Vec::new();
    for (name, find) in PEERS {
        let is_wanted = wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
        let found = if is_wanted {
            find()
        } else {
            Err("not among --peers".to_owned())
        };
        match found {
            Ok(generator) => generators.push(generator),
            Err(why) => left_out.push(LeftOut {
                name: name.to_owned(),
                why,
            }),
        }
    }
    Ok(LineUp {
        generators,
        left_out,
    })
}

/// A generator that is told to do what it cannot.
fn cannot(name: &str, what: &str) -> BenchError {
    BenchError::Measure(format!("{name} cannot do {what}"))
}
