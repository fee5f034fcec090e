//! The order of a run: what is there, who is measured, row after row, and the targets at the end.

use std::io::Write;

use tempfile::TempDir;

use super::alternate::Measured;
use super::builds::{self, Build};
use super::error::{BenchError, Doing};
use super::judge::{self, Judged};
use super::row::{About, LeftOut};
use super::{Bench, Options, machine, process, table};
use crate::steps::tell;

/// A run of a bench.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    options: &'a Options,
    /// What every row needs to know.
    pub(crate) bench: Bench,
    /// The directory of all files; it goes with the run.
    _dir: TempDir,
    judged: Vec<Judged>,
    unasked: Vec<&'static str>,
}

impl<'a> Session<'a> {
    /// Gets ready: `install` gives what is not to be had. Gives the builds of ours, too.
    pub(crate) fn open(
        options: &'a Options,
        rows: &[&str],
        install: fn() -> Vec<String>,
    ) -> Result<(Self, Vec<Build>), BenchError> {
        check_names("row", &options.only, rows)?;
        // Who is not there is left out.
        for problem in install() {
            tell(&problem);
        }
        let dir = tempfile::Builder::new()
            .prefix("shaketable-bench-")
            .tempdir()
            .doing("make a directory")?;
        process::end_on_signal(dir.path().to_owned())?;
        let builds = builds::ours(options, dir.path())?;
        let session = Self {
            options,
            bench: Bench::new(options, dir.path().to_owned())?,
            _dir: dir,
            judged: Vec::new(),
            unasked: Vec::new(),
        };
        Ok((session, builds))
    }

    /// Says on which machine, and who is measured.
    pub(crate) fn introduce<'b>(
        &self,
        peers: impl IntoIterator<Item = (&'b str, String)>,
        left_out: &[LeftOut],
    ) {
        say(&machine::describe());
        for (name, version) in peers {
            say(&format!("{name} {version}"));
        }
        for out in left_out {
            say(&format!("{} is left out: {}", out.name, out.why));
        }
        if self.options.quick {
            say("a quick run: whether it works, not how fast it is");
        }
    }

    /// Whether a row was asked for by its name.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.options.only.iter().any(|only| only == row)
    }

    /// Measures a row, unless others were asked for, and prints it.
    pub(crate) fn row(
        &mut self,
        about: &About,
        measure: impl FnOnce(&Bench) -> Result<Measured, BenchError>,
    ) {
        if !self.options.only.is_empty() && !self.wants(about.name) {
            self.unasked.push(about.name);
            return;
        }
        let measured = match measure(&self.bench) {
            Ok(measured) => {
                say(&format!("\n{}", table::row(&measured)));
                measured
            }
            Err(why) => {
                say(&format!(
                    "\n{} is not measured: failed to {why}",
                    about.name
                ));
                Measured::nothing(*about, self.bench.calm)
            }
        };
        self.judged.extend(judge::judge(&measured));
    }

    /// Prints what became of the targets.
    pub(crate) fn close(&self) {
        if !self.unasked.is_empty() {
            say(&format!("not among --only: {}\n", self.unasked.join(", ")));
        }
        if !self.judged.is_empty() {
            say(&table::targets(&self.judged));
        }
    }
}

/// That every name of a list is known.
pub(crate) fn check_names(
    kind: &'static str,
    wanted: &[String],
    known: &[&str],
) -> Result<(), BenchError> {
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(BenchError::Unknown {
            kind,
            name: name.clone(),
            known: known.join(", "),
        }),
    }
}

/// A line of the result.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
