//! Builds a service that is started by `cargo`, and finds its binary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::command::{CommandSpec, run_command};
use super::error::{CommandEnd, LaunchError, TAIL_LINES};
use super::event::Exit;
use super::kept::KeeperCommand;

/// How long a build may take.
const BUILD_MAX: Duration = Duration::from_hours(1);

/// Which binary.
#[derive(Clone, Copy, Debug)]
pub struct CargoBin<'a> {
    /// The package, where the binary's name alone does not tell.
    pub package: Option<&'a str>,
    /// The binary.
    pub bin: &'a str,
    /// Whether it is built with optimisation.
    pub release: bool,
}

/// Builds a binary in the workspace around `cwd` and gives its path. What Cargo says goes to `log`.
/// Cancelling ends the build with everything that it started.
pub async fn cargo_build(
    which: &CargoBin<'_>,
    cwd: &Path,
    log: &Path,
    keeper: &KeeperCommand,
    cancel: &CancellationToken,
) -> Result<PathBuf, LaunchError> {
    let command = format!("cargo build --bin {}", which.bin);
    let spec = CommandSpec {
        name: command.clone(),
        argv: argv(which),
        env: Vec::new(),
        cwd: cwd.to_owned(),
        timeout: BUILD_MAX,
    };
    let failed = |end, log_tail| LaunchError::CommandFailed {
        command,
        end,
        log_tail,
    };
    let vars = BTreeMap::new();
    let built = tokio::select! {
        built = run_command(&spec, &vars, log, keeper) => built,
        () = cancel.cancelled() => {
            keeper.all_ended().await;
            let interrupted = vec!["interrupted".to_owned()];
            return Err(failed(CommandEnd::Exit(Exit::Signal(2)), interrupted));
        }
    };
    let said = Said::read(log, which.bin);
    match built {
        Ok(()) => said.executable.ok_or_else(|| {
            let nothing = vec!["cargo named no executable for this binary".to_owned()];
            failed(CommandEnd::Exit(Exit::Code(0)), nothing)
        }),
        Err(LaunchError::CommandFailed { end, .. }) => Err(failed(end, said.last_lines)),
        Err(error) => Err(error),
    }
}

fn argv(which: &CargoBin<'_>) -> Vec<String> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut argv = vec![program.as_str(), "build"];
    argv.extend([
        "--message-format=json-render-diagnostics",
        "--bin",
        which.bin,
    ]);
    argv.extend(
        which
            .package
            .iter()
            .flat_map(|package| ["--package", package]),
    );
    argv.extend(which.release.then_some("--release"));
    // Nothing in it is a variable.
    argv.iter().map(|word| word.replace('$', "$$")).collect()
}

/// What Cargo said: messages for programs, and lines for people in between.
struct Said {
    executable: Option<PathBuf>,
    last_lines: Vec<String>,
}

impl Said {
    fn read(log: &Path, bin: &str) -> Self {
        let mut said = Self {
            executable: None,
            last_lines: Vec::new(),
        };
        let lines = File::open(log).map(|file| BufReader::new(file).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            match serde_json::from_str::<serde_json::Value>(&line) {
                Ok(message) if message.get("reason").is_some() => {
                    let ours = message
                        .pointer("/target/name")
                        .is_some_and(|name| name == bin);
                    let path = message.get("executable").and_then(|path| path.as_str());
                    if let Some(path) = path.filter(|_| ours) {
                        said.executable = Some(PathBuf::from(path));
                    }
                }
                _ => said.last_lines.push(line),
            }
        }
        let more = said.last_lines.len().saturating_sub(TAIL_LINES);
        said.last_lines.drain(..more);
        said
    }
}
