//! The step between keeper and target: sets what only the process itself can set, then becomes the target.
//!
//! Its stdin is a pipe to the keeper. It writes [`READY`], and then either the `exec` succeeds, which
//! closes the pipe, or it writes why it did not. A target that dies early cannot be mistaken for a
//! program that was never executed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::event::{Event, Failure, Step};
use super::keeper::{Options, blocked_signals};
use super::platform;

/// The first argument that leads here.
pub(super) const FLAG: &str = "--exec";
/// Written once everything but the `exec` itself is done.
pub(super) const READY: &str = "ready";

/// Becomes the target, or tells the keeper why not.
pub(super) fn main(options: &Options) -> ExitCode {
    // The clone closes on exec; fd 0 becomes the target's /dev/null.
    let Ok(status) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(127);
    };
    let mut status = File::from(status);
    let failure = become_target(options, &mut status);
    if let Ok(line) = serde_json::to_string(&Event::Failed(failure)) {
        // Without a reader the keeper is dead, and so is this process.
        let _ = writeln!(status, "{line}");
    }
    ExitCode::from(127)
}

/// Returns only when it failed.
fn become_target(options: &Options, status: &mut File) -> Failure {
    let fail = |at, error: io::Error| Failure::new(at, &error);
    // Before anything that a change of credentials could undo. This process has one thread, without
    // which the system would not have it.
    if let Some(etc) = &options.etc
        && let Err(error) = platform::lay_over_etc(Path::new(etc))
    {
        return fail(Step::Hosts, error);
    }
    if let Err(error) = prepare(options) {
        return fail(Step::Keeper, error);
    }
    if let Some(cwd) = &options.cwd
        && let Err(error) = std::env::set_current_dir(cwd)
    {
        return fail(Step::Cwd, error);
    }
    let Some((program, args)) = options.argv.split_first() else {
        return fail(Step::Exec, io::Error::from(io::ErrorKind::InvalidInput));
    };
    if let Err(error) = writeln!(status, "{READY}") {
        return fail(Step::Keeper, error);
    }
    fail(Step::Exec, exec(program, args))
}

/// The process attributes that the target inherits.
fn prepare(options: &Options) -> io::Result<()> {
    if let Some(parent) = options.parent {
        platform::die_with_parent(parent)?;
    }
    if let Some(soft) = options.nofile {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)?;
    }
    blocked_signals().thread_unblock()?;
    Ok(())
}

fn exec(program: &OsString, args: &[OsString]) -> io::Error {
    Command::new(program).args(args).stdin(Stdio::null()).exec()
}
