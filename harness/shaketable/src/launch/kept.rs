//! The harness's end of a keeper: the lifeline that it holds, and the events that it hears.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::belongings::OwnDir;
use super::event::{Event, Exit, Failure, Step, Stopped};
use super::order::Order;
use super::platform;
use super::tree::SWEEP_MAX;

/// How long a keeper may take to execute a program.
const START_MAX: Duration = Duration::from_secs(10);
/// How long a keeper may take to end beyond the grace and its own sweep.
const END_SLACK: Duration = Duration::from_secs(2);
/// In the environment of everything that a keeper starts, so that it can be found when the keeper cannot.
pub(super) const MARK: &str = "SHAKETABLE_KEEPER";

/// How to start a keeper: a program that calls [`keeper::main`](super::keeper::main) when its arguments begin with `prefix`.
#[derive(Debug, Clone)]
pub struct KeeperCommand {
    /// The program, most often the one that is running.
    pub program: PathBuf,
    /// The words that lead to the keeper, such as `keep`.
    pub prefix: Vec<OsString>,
    /// The soft limit on open files that targets get, when the harness has raised its own.
    pub nofile: Option<u64>,
    /// Those who follow the keepers that were started, each until its keeper has ended.
    followers: TaskTracker,
}

impl KeeperCommand {
    /// A keeper that is started with one word, and leaves the limits as they are.
    pub fn new(program: impl Into<PathBuf>, word: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            prefix: vec![word.into()],
            nofile: None,
            followers: TaskTracker::new(),
        }
    }

    /// Waits until every keeper that was started this way has ended, also those of what was given up
    /// half started. False when one has not within any time that it should need.
    pub async fn all_ended(&self) -> bool {
        self.followers.close();
        timeout(SWEEP_MAX + END_SLACK, self.followers.wait())
            .await
            .is_ok()
    }
}

/// A target under its keeper. Dropping it ends the lifeline, and so the target.
#[derive(Debug)]
pub(super) struct Kept {
    /// The target's process id.
    pub(super) pid: i32,
    /// The keeper's, which is the root of the tree.
    pub(super) keeper_pid: i32,
    lifeline: ChildStdin,
    exit: watch::Receiver<Option<Exit>>,
    end: watch::Receiver<Option<Stopped>>,
}

impl Kept {
    /// Starts a keeper and waits until it has executed the program. `held` is dropped when the keeper ends.
    pub(super) async fn spawn<H: Send + 'static>(
        order: &Order,
        keeper: &KeeperCommand,
        orphan_grace: Duration,
        held: H,
    ) -> Result<Self, Failure> {
        let of_keeper = |error: io::Error| Failure::new(Step::Keeper, &error);
        // The keeper removes it; this is for a keeper that cannot.
        let own_dir = order.belongings.as_ref().map(|own| OwnDir::new(&own.dir));
        let mark = new_mark();
        let mut child = keeper_command(order, keeper, orphan_grace, &mark)
            .spawn()
            .map_err(of_keeper)?;
        let gone = || of_keeper(io::Error::other("it ended at once"));
        let mut lifeline = child.stdin.take().ok_or_else(gone)?;
        let mut events = BufReader::new(child.stdout.take().ok_or_else(gone)?).lines();
        let keeper_pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .ok_or_else(gone)?;

        let first = timeout(START_MAX, async {
            if let Some(own) = &order.belongings {
                // A keeper that does not read them has ended, and that is heard below.
                let _ = lifeline.write_all(own.line().as_bytes()).await;
            }
            next_event(&mut events).await
        });
        let pid = match first.await {
            Ok(Some(Event::Started { pid })) => pid,
            Ok(Some(Event::Failed(failure))) => return Err(failure),
            Ok(_) => return Err(gone()),
            Err(_) => return Err(of_keeper(io::Error::from(io::ErrorKind::TimedOut))),
        };
        let (tell_exit, exit) = watch::channel(None);
        let (tell_end, end) = watch::channel(None);
        let listener = Listener {
            child,
            events,
            mark,
            own_dir,
            tell_exit,
            tell_end,
        };
        keeper.followers.spawn(async move {
            listener.listen().await;
            drop(held);
        });
        Ok(Self {
            pid,
            keeper_pid,
            lifeline,
            exit,
            end,
        })
    }

    /// Resolves as soon as the target has ended.
    pub(super) fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        let mut exit = self.exit.clone();
        async move {
            let seen = exit.wait_for(Option::is_some).await;
            seen.ok().and_then(|exit| *exit).unwrap_or(Exit::Unknown)
        }
    }

    /// How the target ended, if it has.
    pub(super) fn exit_now(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Asks the keeper to end the tree, and waits until it has.
    pub(super) async fn stop(mut self, grace: Duration) -> Stopped {
        // A keeper that cannot be told has ended, and that is heard below. The lifeline stays open: its end
        // would tell the keeper that the harness is gone.
        let _ = self
            .lifeline
            .write_all(format!("stop {}\n", grace.as_millis()).as_bytes())
            .await;
        self.ended(grace).await
    }

    /// Waits for a tree that is ending.
    pub(super) async fn ended(&mut self, grace: Duration) -> Stopped {
        let patience = grace + SWEEP_MAX + END_SLACK;
        let end = timeout(patience, self.end.wait_for(Option::is_some)).await;
        let end = end.ok().and_then(Result::ok).and_then(|end| *end);
        end.unwrap_or(Stopped {
            exit: self.exit_now().unwrap_or(Exit::Unknown),
            killed: 0,
            left: 1,
        })
    }
}

fn keeper_command(
    order: &Order,
    keeper: &KeeperCommand,
    orphan_grace: Duration,
    mark: &str,
) -> Command {
    let mut command = Command::new(&keeper.program);
    command
        .args(&keeper.prefix)
        .arg("--log")
        .arg(&order.log)
        .arg("--cwd")
        .arg(&order.cwd);
    command
        .arg("--grace-ms")
        .arg(orphan_grace.as_millis().to_string());
    if let Some(soft) = keeper.nofile {
        command.arg("--nofile").arg(soft.to_string());
    }
    if let Some(own) = &order.belongings {
        command.arg("--belongings").arg(&own.dir);
    }
    command.arg("--").args(&order.argv);
    command
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .env(MARK, mark);
    // Its own group: a terminal's Ctrl-C is for the harness alone.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(keeper_errors(&order.log))
        .process_group(0);
    command
}

/// What a keeper has to complain about goes where people look.
fn keeper_errors(log: &Path) -> Stdio {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log);
    file.map_or_else(|_| Stdio::null(), Stdio::from)
}

/// A name that nothing else on this machine has.
pub(super) fn new_mark() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    format!(
        "{}-{:016x}",
        std::process::id(),
        RandomState::new().build_hasher().finish()
    )
}

async fn next_event(events: &mut Lines<BufReader<ChildStdout>>) -> Option<Event> {
    let line = events.next_line().await.ok()??;
    serde_json::from_str(&line).ok()
}

/// Follows a keeper to its end.
struct Listener {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
    mark: String,
    own_dir: Option<OwnDir>,
    tell_exit: watch::Sender<Option<Exit>>,
    tell_end: watch::Sender<Option<Stopped>>,
}

impl Listener {
    async fn listen(mut self) {
        let mut swept = None;
        while let Some(event) = next_event(&mut self.events).await {
            match event {
                Event::Exited(exit) => _ = self.tell_exit.send_replace(Some(exit)),
                Event::Swept { killed, left } => swept = Some((killed, left)),
                Event::Started { .. } | Event::Failed(_) => {}
            }
        }
        let (killed, left) = match swept {
            Some(swept) => swept,
            None => self.sweep_for_keeper().await,
        };
        drop(self.own_dir.take());
        let exit = *self.tell_exit.borrow();
        let exit = exit.unwrap_or(Exit::Unknown);
        self.tell_exit.send_replace(Some(exit));
        // Its events have ended, so it has, or is about to.
        let _ = self.child.wait().await;
        self.tell_end
            .send_replace(Some(Stopped { exit, killed, left }));
    }

    /// The keeper was killed, and its target with it. What else it had started is found by its mark.
    async fn sweep_for_keeper(&self) -> (u32, u32) {
        let mark = format!("{MARK}={}", self.mark);
        let mut killed = 0;
        for _ in 0..100 {
            let alive = platform::with_mark(&mark);
            if alive.is_empty() {
                return (killed, 0);
            }
            let hit = alive
                .iter()
                .filter(|pid| kill(**pid, Signal::SIGKILL).is_ok())
                .count();
            killed = killed.max(u32::try_from(hit).unwrap_or(u32::MAX));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = platform::with_mark(&mark).len();
        (killed, u32::try_from(left).unwrap_or(u32::MAX))
    }
}
