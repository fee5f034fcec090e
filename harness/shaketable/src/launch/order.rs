//! What a keeper is to execute: the words of the suite with every name replaced, and where it runs.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::belongings::Belongings;
use super::error::LaunchError;
use super::event::{Failure, Step};
use crate::expand::expand;

/// What is to be executed, after expansion.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: PathBuf,
    pub(super) log: PathBuf,
    pub(super) belongings: Option<Belongings>,
}

/// The command line and environment with every name replaced. Directory and log are still to be set.
pub(super) fn expand_order(
    name: &str,
    argv: &[String],
    env: &[(String, String)],
    vars: &BTreeMap<String, String>,
) -> Result<Order, LaunchError> {
    let argv = expand_all(name, "run", argv, vars)?;
    let env = env.iter().map(|(key, value)| {
        let value = expand_one(name, &format!("env {key}"), value, vars)?;
        Ok((key.clone(), value))
    });
    Ok(Order {
        argv,
        env: env.collect::<Result<_, _>>()?,
        cwd: PathBuf::new(),
        log: PathBuf::new(),
        belongings: None,
    })
}

/// Every word with its names replaced; `place` is what an error calls it.
pub(super) fn expand_all(
    service: &str,
    place: &str,
    words: &[String],
    vars: &BTreeMap<String, String>,
) -> Result<Vec<String>, LaunchError> {
    words
        .iter()
        .map(|word| expand_one(service, place, word, vars))
        .collect()
}

fn expand_one(
    service: &str,
    place: &str,
    text: &str,
    vars: &BTreeMap<String, String>,
) -> Result<String, LaunchError> {
    expand(text, &|name: &str| vars.get(name).cloned()).map_err(|source| LaunchError::UnknownName {
        service: service.to_owned(),
        place: place.to_owned(),
        source,
    })
}

/// Makes sure that the log can be written, and says how long it already is.
pub(super) fn open_log(service: &str, path: &Path) -> Result<u64, LaunchError> {
    let open = || {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .metadata()
    };
    let metadata = open().map_err(|source| LaunchError::Log {
        service: service.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    Ok(metadata.len())
}

/// The error for a program that was never executed.
pub(super) fn not_started(service: &str, order: &Order, failure: &Failure) -> LaunchError {
    let service = service.to_owned();
    let source = failure.to_io();
    match failure.at {
        Step::Files => LaunchError::Files { service, source },
        Step::Hosts => LaunchError::Hosts { service, source },
        Step::Cwd => LaunchError::BadCwd {
            service,
            cwd: order.cwd.clone(),
            source,
        },
        Step::Exec => {
            let program = order.argv.first().cloned().unwrap_or_default();
            LaunchError::NotExecutable {
                service,
                program,
                source,
            }
        }
        Step::Keeper => LaunchError::Keeper { service, source },
    }
}
