//! Where a run's files go, and where its suite may lie.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::stage::{SLACK, Stage, report};
use crate::suites::TINY;

#[test]
fn out_is_used_and_nothing_else_is_written() {
    let stage = Stage::new();
    stage.run(TINY).exits(0);
    let experiment = stage.out().join("nothing-wrong");
    for file in ["recording.jsonl", "checks.json", "latency.hlog", "shop.log"] {
        assert!(experiment.join(file).is_file(), "{file}");
    }
    assert!(stage.out().join("report.json").is_file());
    assert_eq!(stage.cwd().read_dir().unwrap().count(), 0);
}

#[test]
fn without_out_each_run_has_a_new_directory_below_the_current_one() {
    let stage = Stage::new();
    let suite = stage.write("suite.yaml", TINY);
    for number in ["1", "2"] {
        let done = stage.call(["run".as_ref(), suite.as_os_str()]);
        done.exits(0).says(&format!("shaketable-out/tiny/{number}"));
        let out = stage.cwd().join("shaketable-out").join("tiny").join(number);
        assert_eq!(report(&out)["outcome"], "passed");
    }
}

#[test]
fn a_suite_in_a_directory_with_spaces_and_the_line_that_runs_it_again() {
    let stage = Stage::new();
    // Needs the seed and the name back as they were, from a shell.
    let suite = TINY
        .replace("nothing wrong:", "\"it's slow; really\":")
        .replace("[process_survival]", "[{ slo: { max: 1us } }]");
    let suite = stage.write("my suites/the suite.yaml", &suite);
    let done = stage.call([
        "run".as_ref(),
        suite.as_os_str(),
        "--out".as_ref(),
        "my out".as_ref(),
    ]);
    done.exits(1);
    let first = report(&stage.cwd().join("my out"));
    let again = done
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("again: shaketable "))
        .expect("a line that runs it again");
    let mut shell: Command = stage.shaketable([] as [&str; 0]);
    let program = shell.get_program().to_owned();
    let line = format!("\"$0\" {again} --out again");
    shell = {
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(line).arg(program).current_dir(stage.cwd());
        sh
    };
    let done = stage.finish(shell);
    done.exits(1);
    let second = report(&stage.cwd().join("again"));
    for key in ["suite", "file", "seed"] {
        assert_eq!(first[key], second[key], "{key}");
    }
    assert_eq!(
        first["experiments"][0]["name"],
        second["experiments"][0]["name"]
    );
}

#[test]
fn a_relative_suite_finds_what_lies_beside_it() {
    let stage = Stage::new();
    let base = TINY.replace(
        "run: $SHAKETABLE fixture inventory",
        "run: ./serve fixture inventory",
    );
    stage.write("cwd/below/base.yaml", &base);
    stage.write(
        "cwd/below/suite.yaml",
        "extend: base.yaml\nname: extended\n",
    );
    std::os::unix::fs::symlink(
        env!("CARGO_BIN_EXE_shaketable"),
        stage.path("cwd/below/serve"),
    )
    .unwrap();
    stage
        .call(["run", "below/suite.yaml"])
        .exits(0)
        .says("PASS extended");
}

#[test]
fn an_out_that_cannot_be_written_is_the_environments_fault() {
    let stage = Stage::new();
    stage.write("out", "a file is in the way");
    let done = stage.run(TINY);
    done.exits(3).says("failed to create").says("out");
}

#[test]
fn a_run_takes_as_long_as_its_phases() {
    let stage = Stage::new();
    let suite = TINY.replace("fault: 100ms", "fault: 700ms")
        + "  another: { expect: [process_survival], phases: { fault: 300ms } }\n";
    let done = stage.run(&suite);
    done.exits(0);
    let report = done.report();
    let seconds = |value: &Value| value.as_f64().unwrap();
    let mut whole = Duration::ZERO;
    for (experiment, fault) in report["experiments"]
        .as_array()
        .unwrap()
        .iter()
        .zip([0.7, 0.3])
    {
        let phases = experiment["phases"].as_array().unwrap();
        assert!(seconds(&phases[2]["length_s"]) >= fault, "{report:#}");
        let phases: f64 = phases.iter().map(|phase| seconds(&phase["length_s"])).sum();
        let (ready, wall) = (
            seconds(&experiment["ready_s"]),
            seconds(&experiment["wall_s"]),
        );
        assert!(wall >= ready + phases, "{report:#}");
        assert!(wall <= ready + phases + SLACK.as_secs_f64(), "{report:#}");
        whole += Duration::from_secs_f64(wall);
    }
    assert_eq!(report["experiments"].as_array().unwrap().len(), 2);
    done.took_at_most(whole + SLACK);
    assert!(done.took >= whole, "{done}");
}

#[test]
fn experiments_with_names_alike_have_files_of_their_own() {
    let stage = Stage::new();
    let suite =
        TINY.replace("nothing wrong:", "a b:") + "  a-b: { expect: [{ slo: { max: 1us } }] }\n";
    stage.run(&suite).exits(1);
    let out = stage.out();
    for name in ["a-b", "a-b-2"] {
        assert!(out.join(name).join("recording.jsonl").is_file(), "{name}");
    }
    stage
        .call(["judge".as_ref(), out.as_os_str()])
        .exits(1)
        .says("FAIL tiny: 2 experiments; 1 failed, 0 inconclusive, 2 passed");
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let stage = Stage::new();
    let suite = stage.write("suite.yaml", TINY);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "\"$0\" run \"$1\" --out \"$2\" 2>&1 | head -n 1"])
        .arg(env!("CARGO_BIN_EXE_shaketable"))
        .arg(suite)
        .arg(stage.out());
    let done = stage.finish(shell);
    assert!(done.stdout.starts_with("tiny 1 experiment"), "{done}");
    assert_eq!(report(&stage.out())["outcome"], "passed");
}
