//! The end of a target: by itself, when asked, and against its will.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shaketable::launch::{Exit, last_lines};
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage, alive};

#[tokio::test]
async fn an_exit_is_noticed_at_once() {
    let stage = Stage::new();
    let running = stage
        .start(&stage.spec(["sh", "-c", "echo ready; exec sleep 600"]))
        .await
        .unwrap();
    assert_eq!(running.exit_now(), None);
    let exited = running.exited();
    kill(Pid::from_raw(running.pid()), Signal::SIGKILL).unwrap();
    let killed = Instant::now();
    assert_eq!(timeout(PATIENCE, exited).await.unwrap(), Exit::Signal(9));
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(running.exit_now(), Some(Exit::Signal(9)));
    assert_eq!(running.stop().await.exit, Exit::Signal(9));
}

#[tokio::test]
async fn what_a_dead_target_leaves_behind_is_ended() {
    let stage = Stage::new();
    let script = "sleep 600 & echo $$! > child.pid; echo ready; until [ -e go ]; do sleep 0.01; done; exit 7";
    let running = stage
        .start(&stage.spec(["sh", "-c", script]))
        .await
        .unwrap();
    fs::write(stage.path("go"), "").unwrap();
    assert_eq!(
        timeout(PATIENCE, running.exited()).await.unwrap(),
        Exit::Code(7)
    );
    let stopped = running.stop().await;
    assert_eq!((stopped.exit, stopped.left), (Exit::Code(7), 0));
    assert!(!alive(stage.pid("child.pid").unwrap()));
}

#[tokio::test]
async fn a_target_that_heeds_sigterm_ends_in_order() {
    let stage = Stage::new();
    let script = "trap 'echo closing; exit 5' TERM; echo ready; while :; do sleep 0.01; done";
    let running = stage
        .start(&stage.spec(["sh", "-c", script]))
        .await
        .unwrap();
    let stopped = running.stop().await;
    assert_eq!(
        (stopped.exit, stopped.killed, stopped.left),
        (Exit::Code(5), 0, 0)
    );
    assert_eq!(last_lines(&stage.log(), 1), ["closing"]);
}

#[tokio::test]
async fn the_whole_group_shares_the_grace() {
    let stage = Stage::new();
    // The parent ends at once; the child has something to finish.
    let child =
        "trap 'sleep 0.2; echo flushed; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut spec = stage.spec(["sh", "-c", "sh -c \"$$CHILD\" & wait"]);
    spec.env = vec![("CHILD".into(), child.into())];
    let stopped = stage.start(&spec).await.unwrap().stop().await;
    assert_eq!((stopped.exit, stopped.killed), (Exit::Signal(15), 0));
    assert_eq!(last_lines(&stage.log(), 1), ["flushed"]);
}

#[tokio::test]
async fn a_target_that_ignores_sigterm_is_killed_after_its_grace() {
    let stage = Stage::new();
    let mut spec = stage.spec([
        "sh",
        "-c",
        "trap '' TERM; echo ready; while :; do sleep 0.01; done",
    ]);
    spec.grace = Duration::from_millis(300);
    let running = stage.start(&spec).await.unwrap();
    let asked = Instant::now();
    let stopped = running.stop().await;
    assert!(asked.elapsed() >= spec.grace);
    assert_eq!((stopped.exit, stopped.left), (Exit::Signal(9), 0));
    assert!(stopped.killed >= 1);
}

#[tokio::test]
async fn a_target_that_is_paused_can_still_end_in_order() {
    let stage = Stage::new();
    let running = stage
        .start(&stage.spec(["sh", "-c", "echo ready; exec sleep 600"]))
        .await
        .unwrap();
    kill(Pid::from_raw(running.pid()), Signal::SIGSTOP).unwrap();
    let stopped = running.stop().await;
    assert_eq!((stopped.exit, stopped.killed), (Exit::Signal(15), 0));
}
