//! Ctrl-C, SIGTERM and `kill -9`, in every part of a run: nothing outlives it.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::stage::{Done, Going, Stage, verdicts};
use crate::suites::{TINY, long_fault, tiny_with};
use crate::target::target;

/// What the harness promises for its own sudden death.
const PROMISE: Duration = Duration::from_secs(2);
/// What an interrupted run may take to end, beyond the targets' grace.
const PROMPT: Duration = Duration::from_secs(5);

/// A target that is a family: a shell, the server and one who only sleeps.
fn family() -> String {
    let run = "{ run: [sh, -c, $SHAKETABLE fixture inventory --port $PORT & sleep 600 & wait], ready: { http: /healthz } }";
    tiny_with(run).replace("fault: 100ms", "fault: 50s")
}

fn in_the_fault_phase(stage: &Stage, suite: &str) -> Going {
    let mut going = stage.start(stage.run_command(suite, &[]));
    going.until_it_says("  fault (50s)");
    going
}

#[track_caller]
fn ended(stage: &Stage, done: &Done, code: i32) {
    done.exits(code)
        .took_at_most(PROMPT)
        .keeps_quiet_about("panicked");
    assert_eq!(stage.leftovers(), [] as [String; 0], "{done}");
    assert_eq!(done.report()["outcome"], "interrupted");
}

#[test]
fn kill_9_of_the_harness_leaves_nothing_and_the_next_run_is_clean() {
    let stage = Stage::new();
    let going = in_the_fault_phase(&stage, &family());
    let before = stage.leftovers();
    // The harness, the keeper, the shell and its two.
    assert!(before.len() >= 5, "{before:#?}");
    going.signal(Signal::SIGKILL);
    let done = going.wait();
    assert_eq!(done.status.code(), None);
    stage.nothing_left_within(PROMISE);
    stage.run(TINY).exits(0);
}

#[test]
fn ctrl_c_reports_what_was_measured_so_far() {
    let stage = Stage::new();
    let going = in_the_fault_phase(&stage, &family());
    going.signal_group(Signal::SIGINT);
    let done = going.wait();
    ended(&stage, &done, 130);
    done.says("INTERRUPTED tiny").says("calls in");
    let report = done.report();
    let experiment = &report["experiments"][0];
    assert_eq!(experiment["interrupted"], true);
    assert!(experiment["calls"].as_u64().unwrap() > 0, "{report:#}");
    let phases: Vec<_> = experiment["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase["phase"].as_str().unwrap())
        .collect();
    assert_eq!(phases, ["warm_up", "baseline", "fault"]);
    assert_eq!(
        verdicts(&report),
        ["process_survival all services: pass"],
        "{done}"
    );
    // What was recorded can be judged again, as what it is.
    let out = stage.out();
    stage
        .call(["judge".as_ref(), out.as_os_str()])
        .exits(130)
        .says("INTERRUPTED");
}

#[test]
fn sigterm_is_told_from_ctrl_c() {
    let stage = Stage::new();
    let going = in_the_fault_phase(&stage, &long_fault());
    going.signal(Signal::SIGTERM);
    ended(&stage, &going.wait(), 143);
}

#[test]
fn more_ctrl_c_do_no_harm() {
    let stage = Stage::new();
    // The targets make the end take a while.
    let stubborn = family()
        .replace("[sh, -c, ", "[sh, -c, trap '' INT TERM; ")
        .replace("ready: {", "grace: 700ms, ready: {");
    let mut going = in_the_fault_phase(&stage, &stubborn);
    while going.is_running() {
        going.signal_group(Signal::SIGINT);
        std::thread::sleep(Duration::from_millis(20));
    }
    ended(&stage, &going.wait(), 130);
}

#[test]
fn ctrl_c_while_a_target_gets_ready() {
    let stage = Stage::new();
    let suite = tiny_with(
        "{ run: [sh, -c, trap true TERM; echo > started; sleep 600; sleep 600], ready: { http: /healthz, timeout: 50s } }",
    ) + "teardown: sh -c 'echo > torn-down'\n";
    let mut going = stage.start(stage.run_command(&suite, &[]));
    going.until(|| stage.path("started").exists());
    going.signal_group(Signal::SIGINT);
    let done = going.wait();
    ended(&stage, &done, 130);
    done.keeps_quiet_about("could not run");
    assert!(stage.path("torn-down").exists(), "teardown was left out");
}

#[test]
fn ctrl_c_while_the_first_call_hangs() {
    let stage = Stage::new();
    let mute = format!("{{ run: [{:?}, mute], ready: {{ log: ready }} }}", target());
    let suite = tiny_with(&mute);
    let mut going = stage.start(stage.run_command(&suite, &[]));
    let log = stage.out().join("nothing-wrong").join("shop.log");
    going.until(|| std::fs::read_to_string(&log).is_ok_and(|log| log.contains("held")));
    going.signal_group(Signal::SIGINT);
    let done = going.wait();
    ended(&stage, &done, 130);
    let length = done.report()["experiments"][0]["phases"][0]["length_s"]
        .as_f64()
        .unwrap();
    assert!(length < done.took.as_secs_f64(), "{length} s");
}

#[test]
fn ctrl_c_while_a_setup_command_runs() {
    let stage = Stage::new();
    let suite = format!(
        "{TINY}setup: sh -c 'trap true TERM; echo > set-up; sleep 600; sleep 600'\nteardown: sh -c 'echo > torn-down'\n"
    );
    let mut going = stage.start(stage.run_command(&suite, &[]));
    going.until(|| stage.path("set-up").exists());
    going.signal_group(Signal::SIGINT);
    ended(&stage, &going.wait(), 130);
    assert!(stage.path("torn-down").exists(), "teardown was left out");
}

/// A build that takes for ever, once it has come to its build script.
fn building(stage: &Stage) -> Going {
    stage.write("Cargo.toml", "[package]\nname = \"shop\"\n[workspace]\n");
    stage.write("src/main.rs", "fn main() {}\n");
    let wait = "fn main() { std::fs::write(\"building\", \"\").unwrap(); loop { std::thread::park(); } }\n";
    stage.write("build.rs", wait);
    let mut command = stage.run_command(&tiny_with("{ cargo: { bin: shop } }"), &[]);
    command.env_remove("CARGO_TARGET_DIR");
    let mut going = stage.start(command);
    going.until(|| stage.path("building").exists());
    going
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let stage = Stage::new();
        let going = building(&stage);
        going.signal(signal);
        let done = going.wait();
        done.exits(code)
            .took_at_most(PROMPT)
            .keeps_quiet_about("panicked")
            .keeps_quiet_about("error:");
        assert_eq!(stage.leftovers(), [] as [String; 0], "{done}");
    }
}

#[test]
fn kill_9_in_a_build_leaves_nothing() {
    let stage = Stage::new();
    let going = building(&stage);
    going.signal(Signal::SIGKILL);
    going.wait();
    stage.nothing_left_within(PROMISE);
}

#[test]
fn kill_9_while_the_lab_comes_up_leaves_nothing() {
    let stage = Stage::new();
    // It forks, and heeds no SIGTERM.
    let target =
        "{ run: [sh, -c, trap '' TERM; sleep 600 & echo > started; wait], ready: { http: / } }";
    for suite in [
        tiny_with(target),
        format!("{TINY}setup: sh -c 'sleep 600 & echo > started; wait'\n"),
    ] {
        let mut going = stage.start(stage.run_command(&suite, &[]));
        going.until(|| stage.path("started").exists());
        going.signal(Signal::SIGKILL);
        going.wait();
        stage.nothing_left_within(PROMISE);
        std::fs::remove_file(stage.path("started")).unwrap();
    }
}

#[test]
fn a_terminal_that_goes_away_leaves_nothing() {
    let stage = Stage::new();
    let going = in_the_fault_phase(&stage, &family());
    going.signal_group(Signal::SIGHUP);
    going.wait();
    stage.nothing_left_within(PROMISE);
}
