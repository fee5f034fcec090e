//! Runs a setup, reset or teardown command, under a keeper like everything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::error::{CommandEnd, LaunchError, TAIL_LINES};
use super::event::Exit;
use super::kept::{KeeperCommand, Kept};
use super::log::last_lines_from;
use super::order::{expand_order, not_started, open_log};

/// What a command that had its time gets to end.
const GRACE: Duration = Duration::from_millis(500);

/// One command as the suite describes it.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// What messages call it, such as `setup`.
    pub name: String,
    /// The program and its arguments. `$NAME` is expanded.
    pub argv: Vec<String>,
    /// What its environment has beyond ours. `$NAME` is expanded in the values.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
}

/// Runs a command to its end, with its output appended to `log`. Nothing that it started outlives it.
pub async fn run_command(
    spec: &CommandSpec,
    vars: &BTreeMap<String, String>,
    log: &Path,
    keeper: &KeeperCommand,
) -> Result<(), LaunchError> {
    let mut order = expand_order(&spec.name, &spec.argv, &spec.env, vars)?;
    order.cwd.clone_from(&spec.cwd);
    log.clone_into(&mut order.log);
    let log_from = open_log(&spec.name, log)?;

    let run = Kept::spawn(&order, keeper, GRACE, ()).await;
    let mut run = run.map_err(|failure| not_started(&spec.name, &order, &failure))?;
    let end = if let Ok(exit) = timeout(spec.timeout, run.exited()).await {
        run.ended(Duration::ZERO).await;
        CommandEnd::Exit(exit)
    } else {
        run.stop(GRACE).await;
        CommandEnd::TimedOut(spec.timeout)
    };
    if end == CommandEnd::Exit(Exit::Code(0)) {
        return Ok(());
    }
    let log_tail = last_lines_from(log, log_from, TAIL_LINES);
    Err(LaunchError::CommandFailed {
        command: spec.name.clone(),
        end,
        log_tail,
    })
}
