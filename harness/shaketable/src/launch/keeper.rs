//! The keeper: a small process over one target, which ends the target's whole tree when its harness ends.
//!
//! It is our own binary in a hidden mode, so it parses by hand and starts no runtime. Its stdin is the
//! lifeline. The harness writes `stop <grace_ms>` on it to ask for an orderly end and keeps it open;
//! end of file means that the harness is gone, which also cuts a running grace short. The target's
//! files, where it has any, come first on it: so the one that writes them is the one that removes them.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

use super::event::{Event, Failure, Step};
use super::tree::Tree;
use super::{belongings, keep_exec, platform, sweeper};

/// How long a tree gets to end when its harness died without a word.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);
/// What `keep_exec` may write at most.
const STATUS_BYTES_MAX: u64 = 64 * 1024;

/// Runs the keeper with the arguments that follow the hidden word of the command line.
///
/// A program that offers this mode calls it before anything else in its `main`:
/// the words before `args` are what the keeper repeats to start its own second step.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if args.first().is_some_and(|first| first == keep_exec::FLAG) {
        return match Options::parse(&args[1..]) {
            Ok(options) => keep_exec::main(&options),
            Err(_) => ExitCode::from(127),
        };
    }
    if args.first().is_some_and(|first| first == sweeper::FLAG) {
        return sweeper::main(&args[1..]);
    }
    let prefix = own_prefix(args.len());
    let of_keeper = |error| Failure::new(Step::Keeper, &error);
    let options = Options::parse(&args).map_err(of_keeper);
    match options.and_then(|options| keep(&options, &prefix)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&Event::Failed(failure));
            ExitCode::FAILURE
        }
    }
}

/// The words of our own command line between the program and the last `taken`.
fn own_prefix(taken: usize) -> Vec<OsString> {
    let all: Vec<OsString> = std::env::args_os().skip(1).collect();
    let count = all.len().saturating_sub(taken);
    all.into_iter().take(count).collect()
}

/// The command line of both steps.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) log: Option<OsString>,
    pub(super) grace: Option<Duration>,
    pub(super) nofile: Option<u64>,
    pub(super) cwd: Option<OsString>,
    pub(super) parent: Option<i32>,
    /// The directory with the target's files, which the keeper makes and removes.
    pub(super) belongings: Option<OsString>,
    /// What is laid over `/etc` for the target alone.
    pub(super) etc: Option<OsString>,
    pub(super) argv: Vec<OsString>,
}

impl Options {
    fn parse(args: &[OsString]) -> io::Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(flag) = args.next() {
            if flag == "--" {
                options.argv = args.cloned().collect();
                return Ok(options);
            }
            let value = args.next().ok_or_else(|| bad(flag))?;
            match flag.to_str() {
                Some("--log") => options.log = Some(value.clone()),
                Some("--cwd") => options.cwd = Some(value.clone()),
                Some("--grace-ms") => options.grace = Some(Duration::from_millis(number(value)?)),
                Some("--nofile") => options.nofile = Some(number(value)?),
                Some("--belongings") => options.belongings = Some(value.clone()),
                Some("--etc") => options.etc = Some(value.clone()),
                Some("--parent") => options.parent = Some(number(value)?),
                _ => return Err(bad(flag)),
            }
        }
        Err(bad(OsStr::new("--")))
    }
}

fn number<T: std::str::FromStr>(text: &OsStr) -> io::Result<T> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad(text))
}

fn bad(word: &OsStr) -> io::Error {
    let message = format!(
        "the keeper does not understand its argument `{}`",
        word.display()
    );
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// What might end a keeper that only its lifeline may end. A target gets them unblocked.
pub(super) fn blocked_signals() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ]
    .into_iter()
    .collect()
}

/// One event to the harness. When the harness is gone nobody needs it.
pub(super) fn tell(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let _ = writeln!(io::stdout(), "{line}");
    }
}

fn keep(options: &Options, prefix: &[OsString]) -> Result<(), Failure> {
    let of_keeper = |error: io::Error| Failure::new(Step::Keeper, &error);
    blocked_signals()
        .thread_block()
        .map_err(|error| of_keeper(error.into()))?;
    platform::adopt_orphans().map_err(of_keeper)?;
    let own_dir = options.belongings.as_deref().map(belongings::receive);
    let own_dir = own_dir
        .transpose()
        .map_err(|error| Failure::new(Step::Files, &error))?;
    // Forked here, on the main thread: the target is killed when the thread that forked it ends.
    let (target, mut status) = spawn(options, prefix).map_err(of_keeper)?;
    let tree = Arc::new(Tree::new(target, own_dir));
    let listener = Arc::clone(&tree);
    let orphan_grace = options.grace.unwrap_or(ORPHAN_GRACE);
    std::thread::Builder::new()
        .spawn(move || listener.follow_lifeline(orphan_grace))
        .map_err(of_keeper)?;

    let mut report = String::new();
    status
        .by_ref()
        .take(STATUS_BYTES_MAX)
        .read_to_string(&mut report)
        .map_err(of_keeper)?;
    tell(&outcome(&report, target));
    tree.keep();
    Ok(())
}

/// Starts the second step, in a process group of its own.
fn spawn(options: &Options, prefix: &[OsString]) -> io::Result<(Pid, io::PipeReader)> {
    let path = options
        .log
        .as_deref()
        .ok_or_else(|| bad(OsStr::new("--log")))?;
    let log = OpenOptions::new().create(true).append(true).open(path)?;
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(platform::own_program()?);
    command.args(prefix).arg(keep_exec::FLAG);
    command.arg("--parent").arg(std::process::id().to_string());
    if let Some(soft) = options.nofile {
        command.arg("--nofile").arg(soft.to_string());
    }
    if let Some(cwd) = &options.cwd {
        command.arg("--cwd").arg(cwd);
    }
    if let Some(etc) = options.belongings.as_deref().and_then(belongings::etc) {
        command.arg("--etc").arg(etc);
    }
    command.arg("--").args(&options.argv);
    command
        .stdin(writer)
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    // The command holds the write end of the pipe; with it gone, only the second step does.
    drop(command);
    Ok((Pid::from_raw(pid), reader))
}

/// What the second step's words mean.
fn outcome(report: &str, target: Pid) -> Event {
    let last = report.lines().last().unwrap_or_default();
    if last == keep_exec::READY {
        return Event::Started {
            pid: target.as_raw(),
        };
    }
    serde_json::from_str(last).unwrap_or_else(|_| {
        let error = io::Error::other("the second step ended before it could execute the program");
        Event::Failed(Failure::new(Step::Keeper, &error))
    })
}
