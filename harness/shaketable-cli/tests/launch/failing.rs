//! Every way not to come up, and what is said about it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use shaketable::launch::{Exit, KeeperCommand, LaunchError, Ready, start};

use crate::stage::{PATIENCE, Stage, alive};

#[tokio::test]
async fn dies_at_start() {
    let stage = Stage::new();
    let spec = stage.spec([
        "sh",
        "-c",
        "for i in 1 2 3; do echo line $$i; done; echo boom >&2; exit 3",
    ]);
    let started = Instant::now();
    let (message, error) = stage.fail(&spec).await;
    assert!(
        matches!(
            error,
            LaunchError::DiedAtStart {
                exit: Exit::Code(3),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        started.elapsed() < PATIENCE,
        "it is noticed long before the time-out"
    );
    assert!(
        message.starts_with("start `order`: it ended with exit code 3"),
        "{message}"
    );
    assert!(
        message.ends_with("its last lines:\n    line 1\n    line 2\n    line 3\n    boom"),
        "{message}"
    );
}

#[tokio::test]
async fn dies_by_a_signal() {
    let stage = Stage::new();
    let (message, _) = stage
        .fail(&stage.spec(["sh", "-c", "kill -SEGV $$$$"]))
        .await;
    assert!(message.contains("signal 11 (SIGSEGV)"), "{message}");
}

#[tokio::test]
async fn exit_code_127_of_a_target_is_its_own() {
    let stage = Stage::new();
    let (_, error) = stage.fail(&stage.spec(["sh", "-c", "exit 127"])).await;
    assert!(
        matches!(
            error,
            LaunchError::DiedAtStart {
                exit: Exit::Code(127),
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn never_ready() {
    let cases = [
        (
            Ready::Tcp,
            "its port to accept a connection; Connection refused (os error 111)",
        ),
        (
            Ready::Http("/up".into()),
            "GET /up to answer 2xx; Connection refused (os error 111)",
        ),
        (Ready::Log("go".into()), "`go` in its log; no such line yet"),
        (
            Ready::Command(vec!["false".into()]),
            "`false` to end with exit code 0; it ended with exit code 1",
        ),
    ];
    for (ready, expected) in cases {
        let stage = Stage::new();
        let mut spec = stage.spec([
            "sh",
            "-c",
            "echo $$$$ > target.pid; echo still loading; exec sleep 600",
        ]);
        spec.ready = ready;
        spec.ready_timeout = Duration::from_secs(1);
        let (message, error) = stage.fail(&spec).await;
        assert!(matches!(error, LaunchError::NotReady { .. }), "{error:?}");
        assert!(message.contains(expected), "{message}");
        assert!(
            message.starts_with("start `order`: not ready after 1000 ms"),
            "{message}"
        );
        assert!(message.ends_with("still loading"), "{message}");
        assert!(!alive(stage.pid("target.pid").unwrap()));
    }
}

#[tokio::test]
async fn a_missing_program() {
    let stage = Stage::new();
    let (message, error) = stage.fail(&stage.spec(["./nowhere", "--port", "1"])).await;
    assert!(
        matches!(error, LaunchError::NotExecutable { .. }),
        "{error:?}"
    );
    assert_eq!(
        message,
        "start `order`: `./nowhere` was not found, or what it needs to run was not"
    );
}

#[tokio::test]
async fn a_program_that_is_not_executable() {
    let stage = Stage::new();
    fs::write(stage.path("plain"), "no program").unwrap();
    let (message, error) = stage.fail(&stage.spec(["./plain"])).await;
    assert!(
        matches!(error, LaunchError::NotExecutable { .. }),
        "{error:?}"
    );
    assert_eq!(
        message,
        "start `order`: `./plain` may not be executed (permission denied)"
    );
}

#[tokio::test]
async fn a_bad_working_directory() {
    let stage = Stage::new();
    let mut spec = stage.spec(["true"]);
    spec.cwd = "/nowhere".into();
    let (message, error) = stage.fail(&spec).await;
    assert!(matches!(error, LaunchError::BadCwd { .. }), "{error:?}");
    assert!(message.contains("`/nowhere`"), "{message}");
}

#[tokio::test]
async fn an_unknown_name() {
    let stage = Stage::new();
    let mut spec = stage.spec(["true"]);
    spec.env = vec![("URL".into(), "$NOBODY".into())];
    let (message, _) = stage.fail(&spec).await;
    assert_eq!(message, "start `order`: unknown name `$NOBODY` in env URL");
}

#[tokio::test]
async fn a_readiness_command_that_is_missing_is_not_waited_for() {
    let stage = Stage::new();
    let mut spec = stage.spec(["sleep", "600"]);
    spec.ready = Ready::Command(vec!["./nowhere".into()]);
    let (message, error) = stage.fail(&spec).await;
    assert!(
        matches!(error, LaunchError::NotExecutable { .. }),
        "{error:?}"
    );
    assert!(message.contains("`./nowhere`"), "{message}");
}

#[tokio::test]
async fn a_keeper_that_is_none() {
    let stage = Stage::new();
    for program in ["/nowhere", "/bin/true"] {
        let keeper = KeeperCommand::new(program, "keep");
        let spec = stage.spec(["true"]);
        let error = start(&spec, &BTreeMap::new(), &stage.log(), &keeper)
            .await
            .unwrap_err();
        assert!(matches!(error, LaunchError::Keeper { .. }), "{error:?}");
    }
}
