//! Builds a service that is started by `cargo`, and finds its binary.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio_util::sync::CancellationToken;

use super::error::{CommandEnd, LaunchError, TAIL_LINES};
use super::event::Exit;

/// Which binary.
#[derive(Clone, Copy, Debug)]
pub struct CargoBin<'a> {
    /// The service that it is for.
    pub service: &'a str,
    /// The package, where the binary's name alone does not tell.
    pub package: Option<&'a str>,
    /// The binary.
    pub bin: &'a str,
    /// Whether it is built with optimisation.
    pub release: bool,
}

/// Builds a binary in the workspace around `cwd` and gives its path. Cancelling ends the build.
pub async fn cargo_build(
    which: &CargoBin<'_>,
    cwd: &Path,
    cancel: &CancellationToken,
) -> Result<PathBuf, LaunchError> {
    let failed = |end: CommandEnd, log: &[u8]| {
        let text = String::from_utf8_lossy(log);
        let mut log_tail: Vec<String> = text
            .lines()
            .rev()
            .take(TAIL_LINES)
            .map(str::to_owned)
            .collect();
        log_tail.reverse();
        LaunchError::CommandFailed {
            command: format!("cargo build --bin {}", which.bin),
            end,
            log_tail,
        }
    };
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(&program);
    command.args([
        "build",
        "--message-format=json-render-diagnostics",
        "--bin",
        which.bin,
    ]);
    command.args(
        which
            .package
            .iter()
            .flat_map(|package| ["--package", package]),
    );
    command.args(which.release.then_some("--release"));
    command
        .current_dir(cwd)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::select! {
        output = command.output() => output,
        () = cancel.cancelled() => return Err(failed(CommandEnd::Exit(Exit::Signal(2)), b"interrupted")),
    };
    let output = output.map_err(|source| LaunchError::NotExecutable {
        service: which.service.to_owned(),
        program: program.to_string_lossy().into_owned(),
        source,
    })?;
    if !output.status.success() {
        return Err(failed(
            CommandEnd::Exit(Exit::Code(output.status.code().unwrap_or(-1))),
            &output.stderr,
        ));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let executable = |line: &[u8]| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let ours = message.pointer("/target/name")? == which.bin;
        let path = message.get("executable")?.as_str()?;
        ours.then(|| PathBuf::from(path))
    };
    let nothing = || {
        failed(
            CommandEnd::Exit(Exit::Code(0)),
            b"cargo named no executable for this binary",
        )
    };
    messages
        .filter_map(executable)
        .next_back()
        .ok_or_else(nothing)
}
