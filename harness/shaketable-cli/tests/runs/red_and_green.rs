//! What the whole thing is for: a system with the faults of first drafts fails with the reason, a hardened
//! one passes.

use crate::stage::{Stage, verdicts};
use crate::suites::order;

const SLOW: &str = "latency: 200ms";
const CHECKS: &str =
    "[{ fast_failure: { p99: 1s } }, retry_amplification, bulkhead, no_pool_exhaustion, recovery]";

#[test]
fn a_naive_system_fails_under_a_slow_dependency_and_the_report_says_why() {
    let stage = Stage::new();
    let suite = order("naive", SLOW, "50ms", "[bulkhead, no_pool_exhaustion]");
    let done = stage.run_undisturbed(&suite);
    done.exits(1)
        .says("a pool of 10 is exhausted")
        .says("GET /orders/{id} is blocked although it does not need order -> inventory");
    // Ten places for 200 ms each are 50/s.
    let allows = done
        .stderr
        .split_once("it allows ")
        .and_then(|(_, rest)| rest.split_once("/s"))
        .map(|(rate, _)| rate.parse::<f64>().unwrap());
    assert!(
        allows.is_some_and(|rate| (30.0..=55.0).contains(&rate)),
        "{allows:?}\n{done}"
    );
    assert_eq!(done.report()["outcome"], "failed");
    assert_eq!(
        verdicts(&done.report()),
        [
            "bulkhead GET /orders/{id}: fail",
            "no_pool_exhaustion order -> inventory: fail",
            "process_survival all services: pass",
        ]
    );
}

#[test]
fn a_naive_system_fails_under_a_hung_dependency_and_the_report_names_the_timeout() {
    let stage = Stage::new();
    let expect = "[{ timeout_present: { within: 500ms } }]";
    let done = stage.run_undisturbed(&order("naive", "hang: true", "50ms", expect));
    done.exits(1).says("no timeout on order -> inventory");
}

#[test]
fn a_hardened_system_passes() {
    let stage = Stage::new();
    let done = stage.run_undisturbed(&order("hardened", SLOW, "3.2s", CHECKS));
    done.exits(0);
    assert_eq!(done.report()["outcome"], "passed");
    let verdicts = verdicts(&done.report());
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    assert!(
        verdicts.iter().all(|verdict| verdict.ends_with(": pass")),
        "{verdicts:?}"
    );
}

#[test]
fn a_hardened_system_passes_when_a_dependency_hangs() {
    let stage = Stage::new();
    let expect = "[{ timeout_present: { within: 600ms } }, bulkhead]";
    let done = stage.run_undisturbed(&order("hardened", "hang: true", "50ms", expect));
    done.exits(0);
}
