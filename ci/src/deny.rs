//! Licences, bans and sources, by cargo-deny; installed once, outside the clone.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::{self, StepError};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

pub(crate) fn check() -> Result<(), StepError> {
    let program = match installed() {
        Some(program) => program,
        None => install()?,
    };
    let mut command = Command::new(program);
    // Not the advisories: their database is no package of a registry, and it changes under a commit.
    command.args(["check", "licenses", "bans", "sources"]);
    steps::run(&mut command, "cargo deny check licenses bans sources")
}

/// A cargo-deny that is there already.
fn installed() -> Option<PathBuf> {
    let candidates = [PathBuf::from("cargo-deny"), home().join("bin/cargo-deny")];
    candidates.into_iter().find(|program| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

fn install() -> Result<PathBuf, StepError> {
    let home = home();
    let root = home.display().to_string();
    let target = home.join("build").display().to_string();
    steps::cargo(
        &[
            "install",
            "cargo-deny",
            "--locked",
            "--version",
            VERSION,
            "--root",
            &root,
            "--target-dir",
            &target,
        ],
        &[],
    )?;
    Ok(home.join("bin/cargo-deny"))
}

/// Where tools of the gate are kept between clones.
fn home() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache
        .or_else(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("shaketable-ci")
}
