//! A saved run is judged again, by the same checks or by others.

use std::fs;
use std::path::PathBuf;

use crate::stage::{Stage, verdicts};
use crate::suites::{TINY, order};

/// The table and the reasons: everything between the experiment's two headlines and the summary.
fn judged(stderr: &str) -> String {
    let head = stderr.find("FAIL shaken: ").unwrap();
    let from = head + stderr[head..].match_indices('\n').nth(1).unwrap().0;
    let to = stderr.rfind("\nFAIL order-naive: ").unwrap();
    stderr[from..to].to_owned()
}

fn recording(stage: &Stage) -> PathBuf {
    stage.out().join("nothing-wrong").join("recording.jsonl")
}

#[test]
fn judging_again_says_the_same() {
    let stage = Stage::new();
    let suite = order(
        "naive",
        "latency: 200ms",
        "50ms",
        "[fast_failure, retry_amplification, bulkhead, no_pool_exhaustion]",
    );
    let run = stage.run_with(&suite, &["--verbose"]);
    run.exits(1);
    let before = run.report();
    let out = stage.out();
    let again = stage.call(["judge".as_ref(), out.as_os_str(), "--verbose".as_ref()]);
    again.exits(1);
    assert_eq!(judged(&run.stderr), judged(&again.stderr));
    assert_eq!(run.report(), before, "judging changed the run's report");
    // One experiment's directory will do, too.
    let one = out.join("shaken");
    let again = stage.call(["judge".as_ref(), one.as_os_str(), "--verbose".as_ref()]);
    again.exits(1);
    assert_eq!(judged(&run.stderr), judged(&again.stderr));
}

#[test]
fn another_bound_gives_another_verdict() {
    let stage = Stage::new();
    let checks = |max: &str| {
        let expect = format!("expect: [{{ slo: {{ max: {max} }} }}]");
        TINY.replace("expect: [process_survival]", &expect)
    };
    let run = stage.run_undisturbed(&checks("10s"));
    run.exits(0);
    assert_eq!(
        verdicts(&run.report()),
        ["slo all calls: pass", "process_survival all services: pass"]
    );
    let strict = stage.write("strict.yaml", &checks("1us"));
    let judge = |more: &[&str]| {
        let mut command = stage.shaketable(["judge"]);
        command.arg(stage.out()).args(more);
        stage.finish(command)
    };
    judge(&[]).exits(0);
    judge(&["--suite", strict.to_str().unwrap()])
        .exits(1)
        .says("calls took longer than");
    // A suite that is wrong decides nothing.
    let wrong = stage.write("wrong.yaml", "name: wrong\n");
    judge(&["--suite", wrong.to_str().unwrap()])
        .exits(2)
        .says("services");
}

#[test]
fn what_holds_no_recording_is_said() {
    let stage = Stage::new();
    let empty = stage.cwd();
    stage
        .call(["judge".as_ref(), empty.as_os_str()])
        .exits(2)
        .says("holds no recording");
    stage
        .call(["judge", "nowhere"])
        .exits(2)
        .says("failed to read nowhere")
        .says("No such file");
}

#[test]
fn a_corrupt_recording_is_said_with_its_line() {
    let stage = Stage::new();
    stage.run(TINY).exits(0);
    let whole = fs::read_to_string(recording(&stage)).unwrap();
    let out = stage.out();
    let judge = || stage.call(["judge".as_ref(), out.as_os_str()]);
    judge().exits(0);

    let mut lines: Vec<&str> = whole.lines().collect();
    lines[1] = "{ this is no call";
    fs::write(recording(&stage), lines.join("\n")).unwrap();
    judge().exits(2).says("recording.jsonl, line 2");

    fs::write(recording(&stage), "").unwrap();
    judge().exits(2).says("the file is empty");

    let without_summary = whole.split_once('\n').unwrap().1;
    fs::write(recording(&stage), without_summary).unwrap();
    judge().exits(2).says("the summary is missing");

    fs::write(recording(&stage), [0xff, 0xfe, b'\n']).unwrap();
    judge().exits(2).says("recording.jsonl");

    // A summary whose facts contradict one another.
    let backwards = whole.replacen("\"until\":", "\"until\":1,\"ignored\":", 1);
    assert_ne!(backwards, whole);
    fs::write(recording(&stage), &backwards).unwrap();
    judge()
        .exits(2)
        .says("the warm-up phase ends before it begins");
    let of_nothing = whole.replacen("{\"call\":{\"class\":0", "{\"call\":{\"class\":9", 1);
    assert_ne!(of_nothing, whole);
    fs::write(recording(&stage), &of_nothing).unwrap();
    judge().exits(2).says("is of class 9, which there is not");
}

#[test]
fn a_recording_that_was_cut_off_is_not_judged() {
    let stage = Stage::new();
    stage.run(TINY).exits(0);
    let whole = fs::read_to_string(recording(&stage)).unwrap();
    let out = stage.out();
    // At the end of a line, so that every line that is left is right.
    let half = whole[..whole.len() / 2].rfind('\n').unwrap();
    fs::write(recording(&stage), &whole[..=half]).unwrap();
    stage
        .call(["judge".as_ref(), out.as_os_str()])
        .exits(2)
        .says("the file ends early");
}
