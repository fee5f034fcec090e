//! What a target is given for its lifetime: files, and names of hosts. It is the target's alone, and
//! gone when the target is, however that ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shaketable::between::template::{Known, Template};
use shaketable::launch::{Exit, LaunchError, Ready, Running, ServiceSpec};

use crate::stage::{Stage, alive, within};
use crate::target::target;

/// What the harness promises for a sudden death.
const PROMISE: Duration = Duration::from_secs(2);

fn template(text: &str) -> Template {
    Template::parse(text, |_, _| Known::Later)
}

/// A service that says where its files are, and stays.
fn with_files(stage: &Stage) -> ServiceSpec {
    let script = "echo $FILES > where.new; mv where.new where; echo ready; exec sleep 600";
    let mut spec = stage.spec(["sh", "-c", script]);
    spec.files = [
        (
            "app.toml".to_owned(),
            template("port = ${PORT}0 # in $FILES\n"),
        ),
        ("conf.d/empty".to_owned(), template("")),
    ]
    .into();
    spec
}

fn files_of(stage: &Stage) -> PathBuf {
    PathBuf::from(fs::read_to_string(stage.path("where")).unwrap().trim())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn files_are_written_for_the_target_and_nobody_else_and_end_with_it() {
    let stage = Stage::new();
    let running = stage.start(&with_files(&stage)).await.unwrap();
    let files = files_of(&stage);
    let (port, shown) = (running.address().port(), files.display());
    assert_eq!(
        fs::read_to_string(files.join("app.toml")).unwrap(),
        format!("port = {port}0 # in {shown}\n")
    );
    assert_eq!(fs::read_to_string(files.join("conf.d/empty")).unwrap(), "");
    let own = files.parent().unwrap().to_owned();
    assert_eq!((mode(&own), mode(&files.join("app.toml"))), (0o700, 0o600));
    assert_eq!(running.stop().await.left, 0);
    assert!(!own.exists());
}

#[tokio::test]
async fn files_end_with_a_target_that_leaves_more_there() {
    let stage = Stage::new();
    let mut spec = with_files(&stage);
    spec.argv[2] =
        "echo $FILES > where; mkdir $FILES/more; echo > $FILES/more/x; echo ready; exec sleep 600"
            .to_owned();
    let running = stage.start(&spec).await.unwrap();
    running.stop().await;
    assert!(!files_of(&stage).parent().unwrap().exists());
}

#[tokio::test]
async fn files_end_with_a_start_that_fails() {
    let stage = Stage::new();
    let mut spec = with_files(&stage);
    spec.argv[2] = "echo $FILES > where; exit 7".to_owned();
    let (_, error) = stage.fail(&spec).await;
    assert!(matches!(error, LaunchError::DiedAtStart { .. }), "{error}");
    assert!(!files_of(&stage).parent().unwrap().exists());
}

#[tokio::test]
async fn kill_9_of_the_keeper_leaves_no_files() {
    let stage = Stage::new();
    let running = stage.start(&with_files(&stage)).await.unwrap();
    let own = files_of(&stage).parent().unwrap().to_owned();
    assert!(own.exists());
    kill(Pid::from_raw(running.keeper_pid()), Signal::SIGKILL).unwrap();
    running.stop().await;
    assert!(!own.exists());
}

/// The target `family` with a host name of its own; `None` where the system does not allow it.
async fn family_with_a_name(stage: &Stage) -> Option<Running> {
    let mut spec = stage.spec([&target(), "family"]);
    spec.ready = Ready::Log("family complete".into());
    spec.grace = Duration::from_millis(200);
    spec.hosts = vec![("127.0.0.7".parse().unwrap(), "made-up.internal".to_owned())];
    match stage.start(&spec).await {
        Ok(running) => Some(running),
        Err(LaunchError::Hosts { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Whether all of them see the name, and this process does not.
fn alone_see_it(family: &[i32]) -> bool {
    let sees = |hosts: String| {
        fs::read_to_string(hosts)
            .unwrap()
            .contains("made-up.internal")
    };
    family
        .iter()
        .all(|pid| sees(format!("/proc/{pid}/root/etc/hosts")))
        && !sees("/etc/hosts".to_owned())
}

#[tokio::test]
async fn a_stop_ends_a_family_with_names_of_its_own() {
    let stage = Stage::new();
    let Some(running) = family_with_a_name(&stage).await else {
        return;
    };
    let family = stage.family().await;
    assert!(alone_see_it(&family));
    let stopped = running.stop().await;
    assert_eq!(
        (stopped.exit, stopped.killed, stopped.left),
        (Exit::Signal(9), 3, 0)
    );
    assert!(family.iter().all(|pid| !alive(*pid)));
}

#[tokio::test]
async fn kill_9_of_the_keeper_kills_a_family_with_names_of_its_own() {
    let stage = Stage::new();
    let Some(running) = family_with_a_name(&stage).await else {
        return;
    };
    let family = stage.family().await;
    kill(Pid::from_raw(running.keeper_pid()), Signal::SIGKILL).unwrap();
    within(PROMISE, "the family is gone", || {
        family.iter().all(|pid| !alive(*pid))
    })
    .await;
    assert_eq!(running.stop().await.left, 0);
}
