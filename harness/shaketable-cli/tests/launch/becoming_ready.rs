//! Each readiness strategy, and what a target finds when it runs.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use shaketable::launch::{Exit, Ready, last_lines, start};

use crate::stage::{Stage, keeper};
use crate::target::target;

#[tokio::test]
async fn by_http() {
    let stage = Stage::new();
    let mut spec = stage.spec([&target(), "server"]);
    spec.ready = Ready::Http("/healthz".into());
    let running = stage.start(&spec).await.unwrap();
    assert_eq!(running.name(), "order");
    assert!(running.ready_after() > Duration::ZERO);
    assert!(
        tokio::net::TcpStream::connect(running.address())
            .await
            .is_ok()
    );
    let stopped = running.stop().await;
    assert_eq!(
        (stopped.exit, stopped.killed, stopped.left),
        (Exit::Signal(15), 0, 0)
    );
}

#[tokio::test]
async fn by_tcp() {
    let stage = Stage::new();
    let mut spec = stage.spec([&target(), "server"]);
    spec.ready = Ready::Tcp;
    stage.start(&spec).await.unwrap().stop().await;
}

#[tokio::test]
async fn by_log() {
    let stage = Stage::new();
    // The file already holds the text, from an earlier start.
    fs::write(stage.log(), "ready\n").unwrap();
    let spec = stage.spec([
        "sh",
        "-c",
        "until [ -e go ]; do sleep 0.01; done; echo it is ready; exec sleep 600",
    ]);
    let start = stage.start(&spec);
    tokio::pin!(start);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut start).await;
    assert!(early.is_err(), "the old line must not count");
    fs::write(stage.path("go"), "").unwrap();
    let running = start.await.unwrap();
    assert_eq!(last_lines(running.log(), 1), ["it is ready"]);
    running.stop().await;
}

#[tokio::test]
async fn by_command() {
    let stage = Stage::new();
    let mut spec = stage.spec(["sh", "-c", "sleep 0.05; touch up-$PORT; exec sleep 600"]);
    spec.ready = Ready::Command(["test", "-e", "up-$PORT"].map(str::to_owned).to_vec());
    stage.start(&spec).await.unwrap().stop().await;
}

#[tokio::test]
async fn names_are_expanded_and_the_limits_are_the_users() {
    let stage = Stage::new();
    let mut spec = stage.spec([
        "sh",
        "-c",
        "echo $GREETING $$URL $$PORT $$(ulimit -Sn); echo ready; exec sleep 600",
    ]);
    spec.env = vec![("URL".into(), "http://$HOST:$PORT".into())];
    let vars = BTreeMap::from(
        [("GREETING", "hello"), ("HOST", "edge")].map(|(k, v)| (k.into(), v.into())),
    );
    let mut keeper = keeper();
    keeper.nofile = Some(99);
    let running = start(&spec, &vars, &stage.log(), &keeper).await.unwrap();
    let port = running.address().port();
    assert_eq!(
        last_lines(running.log(), 2)[0],
        format!("hello http://edge:{port} {port} 99")
    );
    running.stop().await;
}

#[tokio::test]
async fn a_target_reads_nothing_and_has_its_own_group() {
    let stage = Stage::new();
    let spec = stage.spec(["sh", "-c", "cat; echo ready; exec sleep 600"]);
    let running = stage.start(&spec).await.unwrap();
    let pid = nix::unistd::Pid::from_raw(running.pid());
    assert_eq!(nix::unistd::getpgid(Some(pid)).unwrap(), pid);
    let keeper = nix::unistd::Pid::from_raw(running.keeper_pid());
    assert_eq!(nix::unistd::getpgid(Some(keeper)).unwrap(), keeper);
    running.stop().await;
}
