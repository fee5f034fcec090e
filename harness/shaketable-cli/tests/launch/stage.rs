//! What every case needs: a directory, specs with sensible defaults, and waiting with a deadline.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use shaketable::launch::{
    CommandSpec, KeeperCommand, LaunchError, Ready, Running, ServiceSpec, run_command, start,
};

/// How long anything that is bound to happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The files that the target `family` writes.
pub(crate) const MEMBERS: [&str; 3] = ["target.pid", "child.pid", "daemon.pid"];

/// One case's directory.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("target.log")
    }

    /// A service that is ready when it says so.
    pub(crate) fn spec<const N: usize>(&self, argv: [&str; N]) -> ServiceSpec {
        spec_in(self.dir.path(), argv)
    }

    pub(crate) async fn start(&self, spec: &ServiceSpec) -> Result<Running, LaunchError> {
        start(spec, &BTreeMap::new(), &self.log(), &keeper()).await
    }

    /// The message of a start that must fail, and its error.
    pub(crate) async fn fail(&self, spec: &ServiceSpec) -> (String, LaunchError) {
        let error = self.start(spec).await.expect_err("the start must fail");
        (error.to_string(), error)
    }

    pub(crate) async fn run(&self, argv: &[&str], timeout: Duration) -> Result<(), LaunchError> {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let cwd = self.dir.path().to_owned();
        let spec = CommandSpec {
            name: "setup".into(),
            argv,
            env: Vec::new(),
            cwd,
            timeout,
        };
        run_command(&spec, &BTreeMap::new(), &self.log(), &keeper()).await
    }

    /// The pid in a file that a target writes.
    pub(crate) fn pid(&self, name: &str) -> Option<i32> {
        fs::read_to_string(self.path(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// The pids of the whole family, once all have been written.
    pub(crate) async fn family(&self) -> Vec<i32> {
        eventually("the family is complete", || {
            MEMBERS.iter().all(|name| self.pid(name).is_some())
        })
        .await;
        MEMBERS.iter().filter_map(|name| self.pid(name)).collect()
    }
}

pub(crate) fn spec_in<const N: usize>(dir: &Path, argv: [&str; N]) -> ServiceSpec {
    ServiceSpec {
        name: "order".into(),
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: Vec::new(),
        files: IndexMap::new(),
        hosts: Vec::new(),
        cwd: dir.to_owned(),
        port: None,
        ready: Ready::Log("ready".into()),
        ready_timeout: PATIENCE,
        grace: Duration::from_secs(5),
    }
}

pub(crate) fn keeper() -> KeeperCommand {
    KeeperCommand::new(env!("CARGO_BIN_EXE_shaketable"), "keep")
}

/// Whether a process runs. One that has ended but was not reaped does not.
pub(crate) fn alive(pid: i32) -> bool {
    let zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    });
    kill(Pid::from_raw(pid), None).is_ok() && !zombie
}

/// Waits until something is true, and fails when it takes longer than any machine needs.
pub(crate) async fn eventually(what: &str, condition: impl FnMut() -> bool) {
    within(PATIENCE, what, condition).await;
}

/// Waits until something is true, for as long as a promise allows.
pub(crate) async fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
