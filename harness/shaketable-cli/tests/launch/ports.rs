//! Ports that somebody else has, before or after the start.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use shaketable::launch::{LaunchError, Ready};

use crate::stage::{Stage, eventually};
use crate::target::target;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn a_fixed_port_is_used() {
    let stage = Stage::new();
    let mut spec = stage.spec([&target(), "server"]);
    spec.port = Some(free_port());
    spec.ready = Ready::Tcp;
    let running = stage.start(&spec).await.unwrap();
    assert_eq!(Some(running.address().port()), spec.port);
    // A second service cannot have it, and a third can once it is free again.
    let (_, error) = Stage::new().fail(&spec).await;
    assert!(matches!(error, LaunchError::PortInUse { .. }), "{error:?}");
    running.stop().await;
    stage.start(&spec).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_fixed_port_in_use_before_the_start() {
    let stage = Stage::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spec = stage.spec(["touch", "started"]);
    spec.port = Some(port);
    let (message, error) = stage.fail(&spec).await;
    assert!(matches!(error, LaunchError::PortInUse { .. }), "{error:?}");
    assert!(
        message.starts_with(&format!("start `order`: port {port} is in use")),
        "{message}"
    );
    assert!(!stage.path("started").exists());
    if cfg!(target_os = "linux") {
        assert!(
            message.contains(&format!("by process {} (", std::process::id())),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_lost_race_is_run_again_with_another_port() {
    let stage = Stage::new();
    let script = "echo $PORT >> tried; if [ $(wc -l < tried) -lt 3 ]; then \
                  echo 'OSError: [Errno 98] Address already in use'; exit 1; fi; echo serving; exec sleep 600";
    let mut spec = stage.spec(["sh", "-c", ""]);
    // Not `ready`, which stands in `already`.
    spec.ready = Ready::Log("serving".into());
    spec.argv[2] = script.replace('$', "$$");
    let running = stage.start(&spec).await.unwrap();
    let tried = fs::read_to_string(stage.path("tried")).unwrap();
    let tried: Vec<u16> = tried.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(tried.len(), 3);
    assert!(tried[0] != tried[1] && tried[1] != tried[2]);
    assert_eq!(tried[2], running.address().port());
    running.stop().await;
}

#[tokio::test]
async fn a_race_that_is_always_lost_is_given_up() {
    let stage = Stage::new();
    let spec = stage.spec(["sh", "-c", "echo x >> tried; echo bind: EADDRINUSE; exit 1"]);
    let (message, error) = stage.fail(&spec).await;
    assert!(
        matches!(error, LaunchError::DiedAtStart { .. }),
        "{error:?}"
    );
    assert!(message.ends_with("bind: EADDRINUSE"), "{message}");
    assert_eq!(
        fs::read_to_string(stage.path("tried"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

/// The first time, somebody else answers on the port that was chosen.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stranger_on_the_port_is_not_taken_for_the_service() {
    let stage = Stage::new();
    let script = "if mkdir first; then echo $PORT > port.new; mv port.new port; exec sleep 600; fi; exec \"$TARGET\" server";
    let mut spec = stage.spec(["sh", "-c", ""]);
    spec.argv[2] = script.replace('$', "$$");
    spec.env = vec![("TARGET".into(), target())];
    spec.ready = Ready::Tcp;
    spec.grace = Duration::from_secs(1);
    let stranger = async {
        eventually("the port is known", || stage.path("port").exists()).await;
        let port = fs::read_to_string(stage.path("port"))
            .unwrap()
            .trim()
            .parse::<u16>()
            .unwrap();
        TcpListener::bind(("127.0.0.1", port)).unwrap()
    };
    let (running, stranger) = tokio::join!(stage.start(&spec), stranger);
    let running = running.unwrap();
    assert_ne!(running.address(), stranger.local_addr().unwrap());
    running.stop().await;
}

#[tokio::test]
async fn many_services_at_once_have_different_ports() {
    let stage = Stage::new();
    let spec = stage.spec(["sh", "-c", "echo ready; exec sleep 600"]);
    let (a, b, c) = tokio::join!(stage.start(&spec), stage.start(&spec), stage.start(&spec));
    let running = [a.unwrap(), b.unwrap(), c.unwrap()];
    let mut ports: Vec<u16> = running
        .iter()
        .map(|running| running.address().port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3);
    for running in running {
        running.stop().await;
    }
}
