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
