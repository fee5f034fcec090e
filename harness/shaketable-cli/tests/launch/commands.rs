//! Setup, reset and teardown commands.

use std::time::Duration;

use shaketable::launch::{CommandEnd, Exit, LaunchError, last_lines};

use crate::stage::{PATIENCE, Stage, alive};
use crate::target::target;

#[tokio::test]
async fn a_command_succeeds() {
    let stage = Stage::new();
    stage
        .run(&["sh", "-c", "echo migrated"], PATIENCE)
        .await
        .unwrap();
    assert_eq!(last_lines(&stage.log(), 9), ["migrated"]);
}

#[tokio::test]
async fn a_command_fails_with_its_own_last_lines() {
    let stage = Stage::new();
    stage.run(&["echo", "earlier"], PATIENCE).await.unwrap();
    let error = stage
        .run(&["sh", "-c", "echo no table; exit 4"], PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "run `setup`: it ended with exit code 4; its last lines:\n    no table"
    );
}

#[tokio::test]
async fn a_missing_command() {
    let stage = Stage::new();
    let error = stage.run(&["./nowhere"], PATIENCE).await.unwrap_err();
    assert!(
        matches!(error, LaunchError::NotExecutable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_all_it_started() {
    let stage = Stage::new();
    let family = [&target(), "family"];
    let (error, family) = tokio::join!(stage.run(&family, Duration::from_secs(3)), stage.family());
    let error = error.unwrap_err();
    let LaunchError::CommandFailed { end, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*end, CommandEnd::TimedOut(Duration::from_secs(3)));
    assert!(
        family.into_iter().all(|pid| !alive(pid)),
        "nothing is left when the error is told"
    );
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_ended() {
    let stage = Stage::new();
    stage
        .run(&["sh", "-c", "sleep 600 & echo $$! > child.pid"], PATIENCE)
        .await
        .unwrap();
    assert!(!alive(stage.pid("child.pid").unwrap()));
    let error = stage
        .run(&["sh", "-c", "kill -KILL $$$$"], PATIENCE)
        .await
        .unwrap_err();
    let LaunchError::CommandFailed { end, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(end, CommandEnd::Exit(Exit::Signal(9)));
}
