//! The builds of ours that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{BenchError, Doing};
use super::row::{BEFORE, OURS};
use super::{Options, steps};

/// A build of ours. It is a copy: a build in the meantime shall not change what is measured.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// In tables.
    pub(crate) name: &'static str,
    /// Which one it is.
    pub(crate) version: String,
    /// Where it is.
    pub(crate) program: PathBuf,
}

/// The builds that the options ask for, copied into a directory; ours first.
pub(crate) fn ours(options: &Options, dir: &Path) -> Result<Vec<Build>, BenchError> {
    let (program, version) = if let Some(program) = &options.ours {
        (program.clone(), program.display().to_string())
    } else {
        release(&["--package", "shaketable-cli"])?;
        (release_dir()?.join("shaketable"), version())
    };
    let mut builds = vec![copy(OURS, version, &program, dir)?];
    if let Some(before) = &options.before {
        builds.push(copy(BEFORE, before.display().to_string(), before, dir)?);
    }
    Ok(builds)
}

/// Builds something of the workspace with optimisation.
pub(crate) fn release(what: &[&str]) -> Result<(), BenchError> {
    let args = [&["build", "--release"], what].concat();
    steps::cargo(&args, &[]).doing(format!("build {}", what.join(" ")))
}

/// Where [`release`] puts what it builds.
pub(crate) fn release_dir() -> Result<PathBuf, BenchError> {
    // This program lies in `TARGET/PROFILE/`.
    let this = std::env::current_exe().doing("find the target directory")?;
    let target = this.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join("release"))
}

/// The state of the source that is built.
fn version() -> String {
    let described = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(steps::root())
        .output();
    described
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

fn copy(
    name: &'static str,
    version: String,
    program: &Path,
    dir: &Path,
) -> Result<Build, BenchError> {
    let to = dir.join(name);
    std::fs::copy(program, &to).doing(format!("copy {}", program.display()))?;
    Ok(Build {
        name,
        version,
        program: to,
    })
}
