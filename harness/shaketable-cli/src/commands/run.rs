//! `shaketable run`: a suite's experiments, run and judged.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shaketable::event;
use shaketable::lab::{self, Setting};
use shaketable::launch::{self, KeeperCommand};
use shaketable::plan::Plan;
use shaketable::report::{Report, json};
use shaketable::suite::Start;
use tokio_util::sync::CancellationToken;

use super::{KEEP, suites};
use crate::args::{RunArgs, VolumeArgs};
use crate::exit::{self, Exit};
use crate::terminal::{complain, follow, report as terminal_report};

pub(super) fn run(path: &Path, args: &RunArgs) -> Exit {
    let file = path.display().to_string();
    let plan = match suites::load(path).and_then(|suite| suites::plan(suite, &file, &args.select)) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    match carry_out(&plan, args.out.as_deref(), args.volume, true) {
        Ok((report, exit)) => exit.unwrap_or(Exit(report.outcome.exit_code())),
        Err(exit) => exit,
    }
}

/// Runs a plan, tells its story, writes its files. The exit code is given where a signal decides it.
pub(super) fn carry_out(
    plan: &Plan,
    out: Option<&Path>,
    volume: VolumeArgs,
    summary: bool,
) -> Result<(Report, Option<Exit>), Exit> {
    let environment = |what: &str, error: io::Error| {
        complain(&format!("failed to {what}: {error}"));
        exit::ENVIRONMENT
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| environment("start", error))?;
    let program =
        std::env::current_exe().map_err(|error| environment("find this program", error))?;
    let out = match out {
        Some(out) => out.to_owned(),
        None => fresh_directory(&plan.suite.name)
            .map_err(|error| environment("choose a directory for the run", error))?,
    };
    std::fs::create_dir_all(&out)
        .map_err(|error| environment(&format!("create {}", out.display()), error))?;

    let mut keeper = KeeperCommand::new(&program, KEEP);
    keeper.nofile = raise_descriptor_limit();
    let (events, story) = event::stream();
    let setting = Setting {
        keeper,
        program,
        built: BTreeMap::new(),
        out: out.clone(),
        events,
        cancel: CancellationToken::new(),
    };

    let (report, signal) = runtime.block_on(async {
        let told = tokio::spawn(follow(story, volume));
        let signal = tokio::spawn(cancel_on_signal(setting.cancel.clone()));
        let mut setting = setting;
        let report = match build(plan, &setting).await {
            Ok(built) => {
                setting.built = built;
                Ok(lab::run(plan, &setting).await)
            }
            Err(error) => Err(error),
        };
        let caught = if setting.cancel.is_cancelled() {
            signal.await.ok()
        } else {
            None
        };
        // The story ends when its last teller is gone.
        drop(setting);
        let _ = told.await;
        (report, caught)
    });
    let report = report.map_err(|error| {
        // A build that the user ended is no complaint.
        signal.map_or_else(
            || {
                complain(&format!("failed to {error}"));
                exit::ENVIRONMENT
            },
            Exit,
        )
    })?;
    let file = out.join(json::FILE);
    json::write(&report, &file)
        .map_err(|error| environment(&format!("write {}", file.display()), error))?;
    if summary {
        terminal_report::summary(&report, Some(&out));
    }
    let unreverted = report.outcome == shaketable::report::RunOutcome::Unreverted;
    Ok((report, signal.filter(|_| !unreverted).map(Exit)))
}

/// Builds what services are started by `cargo`.
async fn build(
    plan: &Plan,
    setting: &Setting,
) -> Result<BTreeMap<String, PathBuf>, launch::LaunchError> {
    let mut built = BTreeMap::new();
    for service in plan.suite.services.values() {
        if let Start::Cargo {
            package,
            bin,
            release,
            ..
        } = &service.start
        {
            let spec = launch::CargoBin {
                package: package.as_deref(),
                bin,
                release: *release,
            };
            let log = setting.out.join(format!("cargo-{}.log", service.name));
            let (keeper, cancel) = (&setting.keeper, &setting.cancel);
            built.insert(
                service.name.clone(),
                launch::cargo_build(&spec, &service.cwd, &log, keeper, cancel).await?,
            );
        }
    }
    Ok(built)
}

/// `shaketable-out/SUITE/N` with the first N that is free.
fn fresh_directory(suite: &str) -> io::Result<PathBuf> {
    let name: String = suite
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '_' || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let parent = Path::new("shaketable-out").join(name);
    std::fs::create_dir_all(&parent)?;
    for number in 1..1_000_000 {
        let out = parent.join(number.to_string());
        match std::fs::create_dir(&out) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| out),
        }
    }
    Err(io::Error::other(format!("{} is full", parent.display())))
}

/// Load needs descriptors. Gives the limit that targets are to keep, where it was raised.
pub(super) fn raise_descriptor_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok()).then_some(soft)
}

/// Waits for Ctrl-C or SIGTERM, has everything reverted, and gives the exit code that says so.
pub(super) async fn cancel_on_signal(cancel: CancellationToken) -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    let code = tokio::select! {
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
    };
    cancel.cancel();
    code
}
