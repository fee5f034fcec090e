//! A target that dies in mid-run is a failed check, not a broken environment.

use std::time::Duration;

use crate::stage::Stage;
use crate::suites::tiny_with;
use crate::target::target;

#[test]
fn a_target_that_dies_in_mid_run_fails_the_run_and_ends_it_early() {
    let stage = Stage::new();
    let mortal = format!("{{ run: [{:?}, mortal] }}", target());
    let suite = tiny_with(&mortal).replace("baseline: 100ms", "baseline: 50s");
    let done = stage.run(&suite);
    done.exits(1)
        .says("shop died: exit code 9")
        .says("shop died in mid-run (exit code 9)")
        .says("shop: out of ideas")
        .took_at_most(Duration::from_secs(10));
    let report = done.report();
    assert_eq!(report["outcome"], "failed");
    let verdict = &report["experiments"][0]["verdicts"][0];
    assert_eq!(
        (&verdict["check"], &verdict["state"]),
        (&"process_survival".into(), &"fail".into())
    );
}

/// A supervisor hides the death: the process that we started lives on, and the service answers again.
#[test]
fn a_restart_behind_a_supervisor_fails_the_run_now_and_when_it_is_judged_again() {
    let stage = Stage::new();
    let script = format!("while :; do {} mortal; done", target());
    let supervised = format!("{{ run: [sh, -c, {script:?}] }}");
    let suite = tiny_with(&supervised).replace("baseline: 100ms", "baseline: 3s");
    let done = stage.run(&suite);
    done.exits(1)
        .says("shop ended and was started again behind a supervisor")
        .keeps_quiet_about("shop died");
    let report = done.report();
    let verdict = &report["experiments"][0]["verdicts"][0];
    assert_eq!(verdict["check"], "process_survival");
    let evidence = verdict["evidence"][0].as_str().unwrap();
    assert!(
        evidence.contains("of shop (target, started at") && evidence.contains("took its place"),
        "{evidence}"
    );
    let out = stage.out();
    let again = stage.call(["judge".as_ref(), out.as_os_str(), "--verbose".as_ref()]);
    again.exits(1).says("0 died, ").says("took its place");
}
