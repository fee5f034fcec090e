//! Runs a command as a step: says which, lets it speak for itself, stops at the first failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a step did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The command said no.
    #[error("pass `{0}`")]
    Failed(String),
    /// The command could not be run at all.
    #[error("run `{command}`: {source}")]
    Run {
        /// The command.
        command: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// A line for whoever reads the log.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The workspace's root, whatever directory this was called from.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Runs `cargo` with these arguments and environment variables.
pub(crate) fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<(), StepError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(args).envs(env.iter().copied());
    run(&mut command, &format!("cargo {}", args.join(" ")))
}

/// Runs a command in the workspace's root.
pub(crate) fn run(command: &mut Command, shown: &str) -> Result<(), StepError> {
    tell(&format!("\n$ {shown}"));
    let status = command
        .current_dir(root())
        .status()
        .map_err(|source| StepError::Run {
            command: shown.to_owned(),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Failed(shown.to_owned()))
    }
}

/// Where tools are kept between clones.
pub(crate) fn cache() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    cache
        .or_else(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("shaketable-ci")
}
