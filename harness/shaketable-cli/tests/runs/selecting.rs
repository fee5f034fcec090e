//! What is run at all: the command line, `--filter`, suites that are wrong, and what is said without running.

use serde_json::Value;

use crate::stage::Stage;
use crate::suites::{TINY, tiny_with};

fn two_experiments() -> String {
    format!("{TINY}  Something Else: {{ expect: [process_survival] }}\n")
}

fn experiments(report: &Value) -> Vec<&str> {
    let experiments = report["experiments"].as_array().unwrap().iter();
    experiments
        .map(|experiment| experiment["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_filter_selects_and_the_seed_is_kept() {
    let stage = Stage::new();
    let done = stage.run_with(
        &two_experiments(),
        &["--filter", "something", "--seed", "42"],
    );
    done.exits(0).says("seed 42");
    let report = done.report();
    assert_eq!(experiments(&report), ["Something Else"]);
    assert_eq!(report["seed"], 42);
    assert!(!stage.out().join("nothing-wrong").exists());
}

#[test]
fn without_a_filter_all_run_in_the_order_of_the_suite() {
    let stage = Stage::new();
    let done = stage.run(&two_experiments());
    done.exits(0);
    assert_eq!(
        experiments(&done.report()),
        ["nothing wrong", "Something Else"]
    );
}

#[test]
fn a_filter_that_matches_nothing_selects_nothing() {
    let stage = Stage::new();
    let done = stage.run_with(&two_experiments(), &["--filter", "earthquake"]);
    done.exits(4)
        .says("no experiment of `tiny` contains `earthquake`")
        .says("nothing wrong, Something Else");
    assert!(!stage.out().exists());
}

#[test]
fn a_wrong_suite_starts_nothing() {
    let stage = Stage::new();
    let suite =
        tiny_with("{ run: [sh, -c, echo > started; exec sleep 600], reday: { tcp: true } }")
            + "colour: red\nsetup: sh -c 'echo > set-up'\n";
    let done = stage.run(&suite);
    done.exits(2)
        .says("reday")
        .says("ready")
        .says("colour")
        .says("2 errors in the suite; nothing was started");
    for name in ["started", "set-up", "out"] {
        assert!(!stage.path(name).exists(), "{name}");
    }
    assert_eq!(stage.cwd().read_dir().unwrap().count(), 0);
    let suite = stage.path("suite.yaml");
    stage
        .call(["validate".as_ref(), suite.as_os_str()])
        .exits(2)
        .says("reday");
}

#[test]
fn a_suite_that_is_not_there_is_a_wrong_command_line() {
    let stage = Stage::new();
    stage
        .call(["run", "nowhere.yaml"])
        .exits(2)
        .says("nowhere.yaml")
        .says("no such file");
}

#[test]
fn no_arguments_and_wrong_ones_are_answered_with_help() {
    let stage = Stage::new();
    let done = stage.call([] as [&str; 0]);
    done.exits(2).says("Usage: shaketable").says("Exit codes:");
    stage.call(["shake"]).exits(2).says("shake").says("--help");
    stage.call(["run"]).exits(2).says("<SUITE>");
    let help = stage.call(["--help"]);
    help.exits(0);
    assert!(help.stdout.contains("Usage: shaketable"), "{help}");
    assert_eq!(help.stderr, "");
}

#[test]
fn schemas_are_json_on_stdout() {
    let stage = Stage::new();
    for (args, property) in [
        (&["schema"][..], "experiments"),
        (&["schema", "suite"], "services"),
        (&["schema", "report"], "outcome"),
    ] {
        let done = stage.call(args);
        done.exits(0);
        let schema: Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(schema["properties"][property].is_object(), "{args:?}");
        assert_eq!(done.stderr, "");
    }
}

#[test]
fn a_plan_says_everything_and_starts_nothing() {
    let stage = Stage::new();
    let suites = concat!(env!("CARGO_MANIFEST_DIR"), "/../../suites/order-naive.yaml");
    let done = stage.call(["plan", suites, "--seed", "7"]);
    done.exits(0);
    for text in [
        "suite order-naive (seed 7)",
        "$SHAKETABLE fixture order --profile naive --port $PORT",
        "  inventory ",
        "  payment ",
        "order -> inventory ",
        "through INVENTORY_URL",
        "experiment slow inventory",
        "latency 3s on order -> inventory",
        "phases warm-up 1s, baseline 2s, fault 4s, recovery 4s",
        "200/s of 3 × POST /orders",
        "fast_failure",
        "5 experiments, about 56s",
    ] {
        assert!(done.stdout.contains(text), "stdout lacks `{text}`:\n{done}");
    }
    assert_eq!(done.stderr, "");
    assert_eq!(stage.cwd().read_dir().unwrap().count(), 0);
    stage
        .call(["plan", suites, "--filter", "earthquake"])
        .exits(4);
}

#[test]
fn what_there_is_can_be_listed() {
    let stage = Stage::new();
    let checks = stage.call(["checks"]);
    checks.exits(0);
    let faults = stage.call(["faults"]);
    faults.exits(0);
    for (done, name) in [(&checks, "process_survival"), (&faults, "latency")] {
        assert!(done.stdout.contains(name), "{done}");
        assert_eq!(done.stderr, "");
    }
}
