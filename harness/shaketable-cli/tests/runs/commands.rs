//! What a suite starts: commands around the lab, targets with an environment and a directory, targets that
//! already run, targets that Cargo builds.

use std::time::Duration;

use crate::stage::{Stage, undisturbed};
use crate::suites::{TINY, TINY_PHASES, tiny_with};

#[test]
fn setup_reset_and_teardown_stand_around_the_services_in_order() {
    let stage = Stage::new();
    let service = "{ run: [sh, -c, \"echo started >> trace; trap 'echo ended >> trace; kill $$!; exit' TERM; \
                   $SHAKETABLE fixture inventory --port $PORT & wait\"], ready: { http: /healthz } }";
    let suite = tiny_with(service)
        + r#"
setup:
  - sh -c 'echo setup 1 in $$PWD >> trace'
  - [sh, -c, "echo setup 2 >> trace"]
reset: sh -c 'echo reset >> trace'
teardown:
  - sh -c 'echo teardown 1 >> trace'
  - sh -c 'echo teardown 2 >> trace'
"#;
    stage.run(&suite).exits(0);
    let dir = stage.path("").canonicalize().unwrap();
    let expected = format!(
        "setup 1 in {}\nsetup 2\nstarted\nreset\nended\nteardown 1\nteardown 2\n",
        dir.display()
    );
    assert_eq!(stage.read("trace"), expected);
}

#[test]
fn each_experiment_has_its_own_setup_and_teardown() {
    let stage = Stage::new();
    let suite = format!(
        "{TINY}  nothing wrong again: {{ expect: [process_survival] }}
setup: sh -c 'echo setup >> trace'
teardown: sh -c 'echo teardown >> trace'
"
    );
    stage.run(&suite).exits(0);
    assert_eq!(stage.read("trace"), "setup\nteardown\nsetup\nteardown\n");
}

#[test]
fn a_setup_that_fails_is_shown_with_its_output_and_nothing_is_started() {
    let stage = Stage::new();
    let suite = tiny_with("{ run: [sh, -c, echo > started; exec sleep 600] }")
        + "setup: sh -c 'echo no such table; exit 4'\n";
    let done = stage.run(&suite);
    done.exits(3)
        .says("run `setup`: it ended with exit code 4")
        .says("    no such table");
    assert!(!stage.path("started").exists());
    assert_eq!(done.report()["outcome"], "broken");
}

#[test]
fn a_teardown_that_fails_is_told_beside_the_verdicts() {
    let stage = Stage::new();
    let done = stage.run(&format!(
        "{TINY}teardown: sh -c 'echo still there; exit 5'\n"
    ));
    done.exits(3)
        .says("run `teardown`: it ended with exit code 5")
        .says("    still there")
        .says("process_survival");
}

#[test]
fn env_and_cwd_are_honoured() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("sub dir")).unwrap();
    let suite = tiny_with(
        r#"
    run: [sh, -c, 'echo "$$GREETING $$NUMBER $$OWN $$PORT" > said; pwd >> said; exec $SHAKETABLE fixture inventory']
    cwd: sub dir
    env: { GREETING: "good morning", NUMBER: 7, OWN: "on $PORT" }
    ready: { http: /healthz }"#,
    );
    stage.run(&suite).exits(0);
    let said = stage.read("sub dir/said");
    let (first, second) = said.split_once('\n').unwrap();
    let port = first.strip_prefix("good morning 7 on ").unwrap();
    let (own, port) = port.split_once(' ').unwrap();
    assert!(own == port && port.parse::<u16>().is_ok(), "{said}");
    let dir = stage.path("sub dir").canonicalize().unwrap();
    assert_eq!(second.trim_end(), dir.to_str().unwrap());
}

#[test]
fn a_service_that_already_runs_is_used_and_left_alone() {
    let stage = Stage::new();
    let mut inventory =
        stage.start(stage.shaketable(["fixture", "inventory", "--port", "0", "--work", "0"]));
    inventory.until_it_says("127.0.0.1:");
    let said = inventory.stderr();
    let (_, after) = said.split_once("127.0.0.1:").unwrap();
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    let suite = format!(
        "
name: address
services:
  inventory: {{ address: \"127.0.0.1:{port}\" }}
  pricing: {{ run: $SHAKETABLE fixture pricing --port $PORT }}
  payment: {{ run: $SHAKETABLE fixture payment --port $PORT }}
  order:
    run: $SHAKETABLE fixture order --profile naive --port $PORT
    calls: {{ inventory: INVENTORY_URL, pricing: PRICING_URL, payment: PAYMENT_URL }}
load: {{ rate: 100/s, request: {{ to: order, post: /orders, json: {{ sku: A1, quantity: 1 }} }} }}
{TINY_PHASES}
experiments:
  refused:
    faults: [{{ edge: order -> inventory, status: 503 }}]
    expect: [{{ slo: {{ phase: baseline, max: 10s }} }}]
"
    );
    let done = undisturbed(|| stage.finish(stage.run_command(&suite, &[])));
    done.exits(0);
    // A service that is not ours has no log here.
    let files = stage.out().join("refused");
    assert!(files.join("order.log").exists() && !files.join("inventory.log").exists());
    assert!(inventory.is_running(), "the service was ended:\n{done}");
    let left = stage.leftovers();
    assert_eq!(left.len(), 1, "{left:#?}");
    inventory.signal(nix::sys::signal::Signal::SIGTERM);
    inventory.wait().exits(0);
    // Now that it is gone, that is said.
    let gone = suite.replace(
        &format!("{{ address: \"127.0.0.1:{port}\" }}"),
        &format!("{{ address: \"127.0.0.1:{port}\", ready: {{ tcp: true, timeout: 200ms }} }}"),
    );
    let done = stage.run(&gone);
    done.exits(3)
        .says("is said to be running at 127.0.0.1:")
        .took_at_most(Duration::from_secs(4));
}

const SHOP: &str = r#"
use std::io::{Read, Write};
fn main() {
    let word = std::env::args().nth(1).expect("an argument");
    let port: u16 = std::env::var("PORT").expect("a port").parse().expect("a number");
    let server = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port");
    println!("open, {word}");
    for stream in server.incoming() {
        let mut stream = stream.expect("a connection");
        let mut some = [0; 4096];
        let _ = stream.read(&mut some);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }
}
"#;

#[test]
fn a_target_can_be_a_binary_that_cargo_builds() {
    let stage = Stage::new();
    stage.write(
        "Cargo.toml",
        "[package]\nname = \"shop\"\nedition = \"2021\"\n[workspace]\n",
    );
    stage.write("src/main.rs", SHOP);
    let suite = tiny_with("{ cargo: { bin: shop, args: 'good morning' }, ready: { log: open } }")
        .replace("'good morning'", "[good morning]")
        .replace("[process_survival]", "[{ slo: { success: 90% } }]")
        .replace("baseline: 100ms", "baseline: 500ms");
    let run = |suite: &str| {
        let mut command = stage.run_command(suite, &[]);
        command.env_remove("CARGO_TARGET_DIR");
        stage.finish(command)
    };
    undisturbed(|| run(&suite)).exits(0);
    assert_eq!(
        stage.read("out/nothing-wrong/shop.log"),
        "open, good morning\n"
    );
    // What does not compile is the environment's fault, and said as Cargo says it.
    stage.write("src/main.rs", "fn main() { let word: u8 = \"no\"; }\n");
    run(&suite)
        .exits(3)
        .says("cargo build --bin shop")
        .says("mismatched types");
    assert_eq!(stage.leftovers(), [] as [String; 0]);
}
