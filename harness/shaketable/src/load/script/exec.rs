//! A command as a call: any client program can be the caller.
//!
//! It is started without a shell, in a process group of its own, which is killed when the call is given
//! up or the load ends. Whatever got away from that group is found by a mark in its environment when the
//! load ends, also where the harness was killed: see [`Sweeper`].

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::template::{Missing, Scene, Template};
use crate::check::view::nanos;
use crate::launch::Sweeper;
use crate::load::client::{Answer, BODY_MAX, Failure, Queued, Trace};
use crate::record::Outcome;

/// How many commands run at once; calls beyond that wait.
const AT_ONCE_MAX: usize = 64;
/// How much of what goes wrong is kept, in bytes.
const ERRORS_MAX: usize = 16 * 1024;
/// How long what a command printed last may take to arrive after its end.
const DRAIN: Duration = Duration::from_millis(200);

/// A command as a call.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments; never empty.
    pub argv: Vec<Template>,
    /// Where it runs.
    pub cwd: PathBuf,
    /// What all commands of the load share.
    pub commands: Arc<Commands>,
}

/// What all commands of a load share.
#[derive(Debug)]
pub struct Commands {
    turns: Semaphore,
    sweeper: Option<Sweeper>,
}

impl Commands {
    /// Commands that are swept up after. Without a sweeper, only what stays in its process group ends.
    pub fn new(sweeper: Option<Sweeper>) -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE_MAX),
            sweeper,
        }
    }
}

impl Program {
    /// The program and its arguments for one call.
    pub(super) fn words(&self, scene: &Scene<'_>) -> Result<Vec<String>, Missing> {
        self.argv.iter().map(|word| word.fill(scene)).collect()
    }

    /// Runs it to its end. What it prints is the body of its answer.
    pub(super) async fn run(
        &self,
        words: &[String],
        trace: Trace,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        let since = Instant::now();
        let turn = self.commands.turns.try_acquire();
        let _turn = if let Ok(turn) = turn {
            Ok(turn)
        } else {
            let turn = self.commands.turns.acquire().await;
            queued.set(nanos(since.elapsed()));
            turn
        };
        let mut child = self.command(words, trace).spawn().map_err(|error| {
            let program = words.first().map_or("", String::as_str);
            Failure::new(Outcome::Failed, &format!("start `{program}`: {error}"))
        })?;
        let mut group = Group::of(&child);
        let (mut out, mut errors) = (Kept::most(BODY_MAX), Kept::most(ERRORS_MAX));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let status = {
            let reading = async { tokio::join!(out.fill(stdout), errors.fill(stderr)) };
            tokio::pin!(reading);
            let mut read = false;
            let status = loop {
                tokio::select! {
                    status = child.wait() => break status,
                    _ = &mut reading, if !read => read = true,
                }
            };
            // From here on its number may be somebody else's.
            group.spare();
            if !read {
                // Something that it started may hold its output open.
                let _ = tokio::time::timeout(DRAIN, &mut reading).await;
            }
            status
        };
        let status = status.map_err(|error| Failure::new(Outcome::Failed, &error))?;
        if !status.success() {
            let why = format!("{}{}", how(status), errors.last_line());
            return Err(Failure::new(Outcome::Failed, &why));
        }
        Ok(Answer {
            body: out.bytes.into(),
            cut: out.cut,
            ..Answer::default()
        })
    }

    fn command(&self, words: &[String], trace: Trace) -> Command {
        let (program, arguments) = words
            .split_first()
            .map_or(("", words), |(p, rest)| (p, rest));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.cwd)
            .env("TRACEPARENT", trace.parent())
            .env("SHAKETABLE_CALL_ID", trace.id())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(sweeper) = &self.commands.sweeper {
            let (name, value) = sweeper.mark();
            command.env(name, value);
        }
        command
    }
}

/// The process group of a command that has not ended. Dropping it kills the group.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Self(pid.map(Pid::from_raw))
    }

    fn spare(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Its first process was not waited for yet, so the number is still its own.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The beginning of what is printed; the rest is read and forgotten.
struct Kept {
    bytes: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Kept {
    fn most(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            cut: false,
        }
    }

    async fn fill(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = [0; 4096];
        while let Ok(many @ 1..) = from.read(&mut buffer).await {
            let room = self.most.saturating_sub(self.bytes.len()).min(many);
            self.cut |= room < many;
            self.bytes.extend_from_slice(&buffer[..room]);
        }
    }

    /// `: ` and the last line, where there is one.
    fn last_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        line.map_or(String::new(), |line| {
            format!(": {}", super::answer::clip(line.trim()))
        })
    }
}

/// `exit code 3`, `signal 9`.
fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

#[cfg(test)]
mod tests;
