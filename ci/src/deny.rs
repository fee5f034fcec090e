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
    let candidates = [
        PathBuf::from("cargo-deny"),
        steps::cache().join("bin/cargo-deny"),
    ];
    candidates.into_iter().find(|program| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

fn install() -> Result<PathBuf, StepError> {
    let home = steps::cache();
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
