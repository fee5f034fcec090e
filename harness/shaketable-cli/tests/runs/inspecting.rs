//! What `inspect` shows of an edge is what its caller was told to do, and nothing is judged.

use crate::stage::Stage;

/// One caller, which gives up after 150 ms and tries twice again, and has neither breaker nor pool.
const SUITE: &str = r"
name: seen
services:
  limited: { run: $SHAKETABLE fixture backend --port $PORT, ready: { http: /healthz } }
  impatient:
    run: $SHAKETABLE fixture impatient --timeout 150ms --retries 2 --backoff 30ms --port $PORT
    ready: { http: /healthz }
    calls: { limited: LIMITED_URL }
load: { rate: 50/s, request: { to: impatient, get: /work } }
expect: [fast_failure]
";

#[test]
fn what_is_shown_is_what_the_caller_was_told_and_the_run_can_be_judged_again() {
    let stage = Stage::new();
    let suite = stage.write("suite.yaml", SUITE);
    let out = stage.out();
    let shown = stage.call([
        "inspect".as_ref(),
        suite.as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ]);
    shown.exits(0);
    let row = |what: &str| {
        let mut lines = shown.stdout.lines();
        let found = lines.find_map(|line| line.strip_prefix(what));
        found
            .unwrap_or_else(|| panic!("no `{what}` in {}", shown.stdout))
            .trim()
            .to_owned()
    };
    for hang in [
        "accept then silence",
        "headers then silence",
        "dripping body",
    ] {
        let told = row(&format!("timeout, {hang}"));
        let millis: f64 = told.trim_end_matches("ms").parse().unwrap();
        assert!((150.0..300.0).contains(&millis), "{hang}: {told}");
    }
    assert_eq!(row("attempts, 503"), "3");
    assert!(
        row("breaker, 503").starts_with("none in 300 "),
        "{}",
        shown.stdout
    );
    assert!(row("pool").starts_with("none "), "{}", shown.stdout);
    let again = stage.call(["judge".as_ref(), out.as_os_str()]);
    again.exits(0);
}
