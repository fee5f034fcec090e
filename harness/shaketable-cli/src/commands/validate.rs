//! `shaketable validate`: what is wrong with suites, all of it at once.

use std::path::PathBuf;

use super::suites;
use crate::exit::{self, Exit};
use crate::terminal::{counted, say};

pub(super) fn validate(paths: &[PathBuf]) -> Exit {
    let mut worst = exit::OK;
    for path in paths {
        match suites::load(path) {
            Ok(suite) => say(&format!(
                "{}: fine ({}, {}, {})",
                path.display(),
                counted(suite.services.len(), "service"),
                counted(suite.edges.len(), "edge"),
                counted(suite.experiments.len(), "experiment"),
            )),
            Err(exit) => worst = exit,
        }
    }
    worst
}
