//! Nothing survives: not a target that forks, daemonises and ignores signals, and not the death of the
//! harness or of the keeper.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shaketable::launch::{Exit, Ready, ServiceSpec, start};

use crate::stage::{Stage, alive, eventually, keeper, spec_in, within};
use crate::target::target;

/// Set for the process that plays the harness; names its directory.
const HARNESS_DIR: &str = "SHAKETABLE_TEST_HARNESS_DIR";
/// What the harness promises for its own sudden death.
const PROMISE: Duration = Duration::from_secs(2);

fn family(spec: impl FnOnce([&str; 2]) -> ServiceSpec) -> ServiceSpec {
    let mut spec = spec([&target(), "family"]);
    spec.ready = Ready::Log("family complete".into());
    spec.grace = Duration::from_millis(200);
    spec
}

#[tokio::test]
async fn a_stop_ends_the_whole_family() {
    let stage = Stage::new();
    let running = stage.start(&family(|argv| stage.spec(argv))).await.unwrap();
    let family = stage.family().await;
    assert!(family.iter().all(|pid| alive(*pid)));
    let stopped = running.stop().await;
    assert_eq!(
        (stopped.exit, stopped.killed, stopped.left),
        (Exit::Signal(9), 3, 0)
    );
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[tokio::test]
async fn a_drop_ends_the_whole_family() {
    let stage = Stage::new();
    let running = stage.start(&family(|argv| stage.spec(argv))).await.unwrap();
    let family = stage.family().await;
    let keeper = running.keeper_pid();
    drop(running);
    within(PROMISE, "the family is gone", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
    eventually("the keeper is gone", || !alive(keeper)).await;
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let stage = Stage::new();
    let mut spec = family(|argv| stage.spec(argv));
    spec.ready = Ready::Log("never".into());
    let family = tokio::select! {
        started = stage.start(&spec) => panic!("{started:?}"),
        family = stage.family() => family,
    };
    within(PROMISE, "the family is gone", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
}

#[tokio::test]
async fn kill_9_of_the_keeper_kills_the_family() {
    let stage = Stage::new();
    let running = stage.start(&family(|argv| stage.spec(argv))).await.unwrap();
    let family = stage.family().await;
    let exited = running.exited();
    kill(Pid::from_raw(running.keeper_pid()), Signal::SIGKILL).unwrap();
    within(PROMISE, "the family is gone", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
    assert_eq!(exited.await, Exit::Unknown);
    assert_eq!(running.stop().await.left, 0);
}

#[tokio::test]
async fn a_keeper_heeds_only_its_lifeline() {
    let stage = Stage::new();
    let running = stage
        .start(&stage.spec(["sh", "-c", "echo ready; exec sleep 600"]))
        .await
        .unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        kill(Pid::from_raw(running.keeper_pid()), signal).unwrap();
    }
    // Had one of them ended the keeper, the exit would be unknown and the target killed.
    assert_eq!(running.stop().await.exit, Exit::Signal(15));
}

#[tokio::test]
async fn kill_9_of_the_harness_leaves_nothing() {
    let stage = Stage::new();
    let mut harness = play_harness(&stage);
    let family = stage.family().await;
    eventually("the keeper is known", || stage.pid("keeper.pid").is_some()).await;
    let keeper = stage.pid("keeper.pid").unwrap();
    assert!(family.iter().all(|pid| alive(*pid)) && alive(keeper));
    harness.kill().unwrap();
    within(PROMISE, "nothing is left", || {
        family.iter().all(|pid| !alive(*pid)) && !alive(keeper)
    })
    .await;
    harness.wait().unwrap();
}

/// The harness dies in the middle of an orderly stop whose grace is long.
#[tokio::test]
async fn kill_9_of_a_harness_that_is_stopping_leaves_nothing() {
    let stage = Stage::new();
    std::fs::write(stage.path("then-stop"), "").unwrap();
    let mut harness = play_harness(&stage);
    let family = stage.family().await;
    eventually("the stop has begun", || stage.path("stopping").exists()).await;
    harness.kill().unwrap();
    within(PROMISE, "nothing is left", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
    harness.wait().unwrap();
}

/// Neither keeper nor harness can do anything: the kernel kills the target. What the target had started is
/// left to the harness, once it runs again.
#[tokio::test]
async fn kill_9_of_the_keeper_needs_no_harness_to_kill_the_target() {
    let stage = Stage::new();
    let mut harness = play_harness(&stage);
    let family = stage.family().await;
    eventually("the keeper is known", || stage.pid("keeper.pid").is_some()).await;
    let harness_pid = Pid::from_raw(i32::try_from(harness.id()).unwrap());
    kill(harness_pid, Signal::SIGSTOP).unwrap();
    kill(
        Pid::from_raw(stage.pid("keeper.pid").unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    within(PROMISE, "the target is gone", || {
        !alive(stage.pid("target.pid").unwrap())
    })
    .await;
    kill(harness_pid, Signal::SIGCONT).unwrap();
    within(PROMISE, "the family is gone", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
    harness.kill().unwrap();
    harness.wait().unwrap();
}

/// A target whose first thread has ended looks like a zombie, and is none.
#[tokio::test]
async fn a_target_without_its_first_thread_is_still_ended() {
    // Ending only the first thread takes a bare system call: Python has it, safe Rust has not.
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|python| python.status.success()) {
        return;
    }
    let stage = Stage::new();
    let script = "import ctypes, os, signal, threading, time\n\
                  signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                  def live():\n    time.sleep(0.1); print('ready', flush=True); time.sleep(3600)\n\
                  threading.Thread(target=live).start()\n\
                  ctypes.CDLL(None).syscall(93 if os.uname().machine == 'aarch64' else 60, 0)";
    let mut spec = stage.spec(["python3", "-c", script]);
    spec.grace = Duration::from_millis(200);
    let running = stage.start(&spec).await.unwrap();
    let stopped = running.stop().await;
    assert_eq!((stopped.exit, stopped.left), (Exit::Signal(9), 0));
}

/// A second process of this test binary that runs nothing but [`the_harness`].
fn play_harness(stage: &Stage) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "surviving::the_harness"])
        .env(HARNESS_DIR, stage.path(""));
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: the harness that is killed. Without its variable it has nothing to do.
#[tokio::test]
async fn the_harness() {
    let Some(dir) = std::env::var_os(HARNESS_DIR).map(PathBuf::from) else {
        return;
    };
    let mut spec = family(|argv| spec_in(&dir, argv));
    spec.grace = Duration::from_mins(10);
    let running = start(&spec, &BTreeMap::new(), &dir.join("target.log"), &keeper())
        .await
        .unwrap();
    std::fs::write(dir.join("keeper.pid"), running.keeper_pid().to_string()).unwrap();
    if dir.join("then-stop").exists() {
        let stop = running.stop();
        tokio::pin!(stop);
        assert!(
            tokio::time::timeout(Duration::from_millis(100), &mut stop)
                .await
                .is_err()
        );
        std::fs::write(dir.join("stopping"), "").unwrap();
        stop.await;
    }
    std::future::pending::<()>().await;
}
