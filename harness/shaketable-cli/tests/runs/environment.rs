//! The environment is wrong: exit code 3, one message that says what, nothing left, and no dawdling.

use std::net::TcpListener;
use std::time::Duration;

use crate::stage::{Done, SLACK, Stage};
use crate::suites::tiny_with;

/// What a target that does not come up costs when it is noticed at once.
const AT_ONCE: Duration = Duration::ZERO;

#[track_caller]
fn fails_to_start(done: &Done, waiting: Duration, what: &str) {
    done.exits(3)
        .says(what)
        .took_at_most(waiting + SLACK)
        .keeps_quiet_about("panicked");
    let complaints = done.stderr.matches("start `").count();
    assert_eq!(complaints, 1, "one message:\n{done}");
    assert_eq!(done.report()["outcome"], "broken");
    assert_eq!(done.stdout, "");
}

#[test]
fn a_target_that_never_gets_ready() {
    let stage = Stage::new();
    let suite = tiny_with(
        "{ run: [sh, -c, echo waiting for the moon; exec sleep 600], ready: { http: /healthz, timeout: 300ms } }",
    );
    let done = stage.run(&suite);
    fails_to_start(
        &done,
        Duration::from_millis(300),
        "start `shop`: not ready after 300 ms: waited for GET /healthz to answer 2xx",
    );
    done.says("    waiting for the moon");
}

#[test]
fn a_target_that_dies_at_the_start() {
    let stage = Stage::new();
    let suite = tiny_with("{ run: [sh, -c, echo no database; exit 7], ready: { http: /healthz } }");
    let done = stage.run(&suite);
    fails_to_start(&done, AT_ONCE, "start `shop`: it ended with exit code 7");
    done.says("    no database");
}

#[test]
fn a_target_that_is_not_executable() {
    let stage = Stage::new();
    stage.write("target", "#!/bin/sh\n");
    let done = stage.run(&tiny_with("{ run: ./target }"));
    fails_to_start(
        &done,
        AT_ONCE,
        "start `shop`: `./target` may not be executed (permission denied)",
    );
}

#[test]
fn a_target_that_does_not_exist() {
    let stage = Stage::new();
    let done = stage.run(&tiny_with("{ run: ./target --port $PORT }"));
    fails_to_start(&done, AT_ONCE, "start `shop`: `./target` was not found");
}

#[test]
fn a_port_that_is_in_use() {
    let stage = Stage::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let suite = tiny_with(&format!(
        "{{ run: $SHAKETABLE fixture inventory --port $PORT, port: {port} }}"
    ));
    let done = stage.run(&suite);
    let owner = format!(
        "start `shop`: port {port} is in use by process {}",
        std::process::id()
    );
    fails_to_start(&done, AT_ONCE, &owner);
    // It is the port that was wrong.
    drop(taken);
    stage.run(&suite).exits(0);
}

#[test]
fn what_is_up_already_goes_down_with_the_one_that_fails() {
    let stage = Stage::new();
    let suite = "
name: half
services:
  leaf: { run: $SHAKETABLE fixture inventory --port $PORT, ready: { http: /healthz } }
  shop: { run: [sh, -c, 'echo cannot; exit 1'], calls: { leaf: LEAF_URL } }
load: { rate: 100/s, request: { to: shop, get: / } }
experiments:
  first: { expect: [process_survival] }
  second: { expect: [process_survival] }
";
    let done = stage.run(suite);
    fails_to_start(&done, AT_ONCE, "start `shop`: it ended with exit code 1");
    // The second experiment would meet the same.
    assert_eq!(done.report()["experiments"].as_array().unwrap().len(), 1);
}
