//! A process that is no service: it listens nowhere, and nobody waits until it is ready. Like everything
//! else it is kept, so that it cannot outlive the harness.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::error::{LaunchError, TAIL_LINES};
use super::event::{Exit, Stopped};
use super::kept::{KeeperCommand, Kept};
use super::log::last_lines_from;
use super::order::{expand_order, not_started, open_log};

/// What its tree gets to end when the harness dies.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);

/// What is started.
#[derive(Debug, Clone)]
pub struct HelperSpec {
    /// What messages call it.
    pub name: String,
    /// The program and its arguments. `$NAME` is expanded.
    pub argv: Vec<String>,
    /// What its environment has beyond ours. `$NAME` is expanded in the values.
    pub env: Vec<(String, String)>,
    /// Its working directory; a relative program path starts here.
    pub cwd: PathBuf,
}

/// A process that was started. Dropping it ends its whole tree.
#[derive(Debug)]
pub struct Helper {
    kept: Kept,
    log: PathBuf,
    log_from: u64,
}

impl Helper {
    /// Starts it, with its output appended to `log`.
    pub async fn start(
        spec: &HelperSpec,
        vars: &BTreeMap<String, String>,
        log: &Path,
        keeper: &KeeperCommand,
    ) -> Result<Self, LaunchError> {
        let mut order = expand_order(&spec.name, &spec.argv, &spec.env, vars)?;
        order.cwd.clone_from(&spec.cwd);
        log.clone_into(&mut order.log);
        let log_from = open_log(&spec.name, log)?;
        let kept = Kept::spawn(&order, keeper, ORPHAN_GRACE, ()).await;
        let kept = kept.map_err(|failure| not_started(&spec.name, &order, &failure))?;
        Ok(Self {
            kept,
            log: order.log,
            log_from,
        })
    }

    /// Asks it for something by a signal, and all that it has started with it, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        if self.exit_now().is_none() {
            // One that ends at this moment needs it no more.
            let _ = killpg(Pid::from_raw(self.kept.pid), signal);
        }
    }

    /// Resolves as soon as it ends, for whatever reason.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        self.kept.exited()
    }

    /// How it ended, if it already has.
    pub fn exit_now(&self) -> Option<Exit> {
        self.kept.exit_now()
    }

    /// The last lines of its output.
    pub fn last_lines(&self) -> Vec<String> {
        last_lines_from(&self.log, self.log_from, TAIL_LINES)
    }

    /// Asks it to end, kills what remains of it after this grace, and returns when nothing is left.
    pub async fn stop(self, grace: Duration) -> Stopped {
        self.kept.stop(grace).await
    }
}
