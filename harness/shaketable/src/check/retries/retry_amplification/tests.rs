//! Recordings made by hand, in which calls make so many attempts.

use super::*;
use crate::check::hand_made::{Attempts, BASELINE, FAULT, HandMade, MS, S, bad, good};
use crate::record::{Ended, Nanos};

const OFTEN: Nanos = 20 * MS;

fn check(params: &str) -> RetryAmplification {
    let check: RetryAmplification = serde_json::from_str(params).unwrap();
    check.validate().unwrap();
    check
}

fn at_most(n: u64) -> RetryAmplification {
    check(&format!(r#"{{"at_most": {n}}}"#))
}

/// One exchange a call in the baseline; so many attempts, each so long, in the fault phase.
fn retries(n: u64, length: Nanos, traced: bool) -> HandMade {
    let calm = Attempts {
        class: 0,
        edge: 0,
        when: BASELINE,
        every: OFTEN,
        n: 1,
        length: 5 * MS,
        fault: None,
        traced,
    };
    let shaken = Attempts {
        when: FAULT,
        n,
        length,
        fault: Some(0),
        ..calm.clone()
    };
    HandMade::order().fault(0).attempts(&calm).attempts(&shaken)
}

#[test]
fn parameters_that_mean_the_same_are_not_given_twice() {
    assert!(
        serde_json::from_str::<RetryAmplification>(r#"{"at_most": 2, "per_call": 2}"#)
            .unwrap()
            .validate()
            .is_err()
    );
}

#[test]
fn attempts_are_counted_up_to_the_bound_itself() {
    for traced in [true, false] {
        retries(2, 5 * MS, traced).judged_by(&at_most(2)).passes();
        retries(3, 5 * MS, traced)
            .judged_by(&at_most(2))
            .fails("one call makes 3.0 attempts");
        retries(1, 5 * MS, traced).judged_by(&check("{}")).passes();
        retries(4, 5 * MS, traced)
            .judged_by(&check("{}"))
            .fails("times the traffic");
    }
}

#[test]
fn stating_one_bound_switches_the_other_off() {
    retries(2, 5 * MS, true)
        .judged_by(&check(r#"{"per_call": 3}"#))
        .passes();
    retries(2, 5 * MS, true)
        .judged_by(&check(r#"{"under_load": 1.5}"#))
        .fails("2.0 times");
    retries(2, 5 * MS, true)
        .judged_by(&check(r#"{"under_load": 2.5}"#))
        .passes();
}

#[test]
fn what_was_not_exercised_is_not_judged() {
    HandMade::order()
        .judged_by(&at_most(2))
        .is_open("no faulted edge");
    HandMade::order()
        .fault(0)
        .judged_by(&at_most(2))
        .is_open("no call reached");
    retries(1, MS, true)
        .until(FAULT.start)
        .judged_by(&at_most(2))
        .is_open("not reached");
    let calm = HandMade::order()
        .fault(0)
        .calls(0, BASELINE, OFTEN, good(MS));
    let calm = calm.exchanges(0, BASELINE, OFTEN, MS, Ended::Answered);
    calm.judged_by(&at_most(2)).is_open("nothing reached");
    let refused = HandMade::order()
        .refuse(0)
        .calls(0, BASELINE, OFTEN, good(MS));
    let refused = refused
        .exchanges(0, BASELINE, OFTEN, MS, Ended::Answered)
        .calls(0, FAULT, OFTEN, bad(MS));
    refused.judged_by(&at_most(2)).is_open("nothing reached");
}

#[test]
fn an_edge_that_no_fault_hit_is_not_judged() {
    let unshaken = retries(1, MS, true).with(|recording| recording.faults.clear());
    let named = check(r#"{"edge": "order -> inventory", "at_most": 2}"#);
    unshaken.judged_by(&named).is_open("no fault");
}

#[test]
fn an_unsurveyed_call_cannot_be_told_from_its_attempts() {
    let made = HandMade::new(&["a -> b"])
        .unsurveyed_class("GET /", "a")
        .fault(0);
    let made =
        made.calls(0, BASELINE, OFTEN, good(MS))
            .exchanges(0, BASELINE, OFTEN, MS, Ended::Answered);
    made.judged_by(&at_most(2)).is_open("no call reached");
}

#[test]
fn slow_attempts_are_counted_as_exactly_as_fast_ones() {
    // Three attempts of a second each, in a phase of ten seconds.
    for traced in [true, false] {
        retries(3, S, traced).judged_by(&at_most(3)).passes();
        retries(4, S, traced)
            .judged_by(&at_most(3))
            .fails("attempts");
    }
}

#[test]
fn a_call_under_way_when_the_fault_begins_makes_no_difference() {
    let made = retries(2, 5 * MS, false)
        .call(0, FAULT.start - MS, bad(10 * MS))
        .exchange(0, FAULT.start - MS, Some(FAULT.start), Ended::Answered)
        .exchange(0, FAULT.start, Some(FAULT.start + MS), Ended::Callee);
    made.judged_by(&at_most(2)).passes();
}

#[test]
fn attempts_that_had_no_time_to_fail_promise_nothing() {
    for traced in [true, false] {
        let made = retries(1, 11 * S, traced).until(FAULT.end);
        made.judged_by(&check(r#"{"under_load": 1.2}"#))
            .is_open("ended in the fault phase");
    }
}

/// Calls of one kind that need now one exchange and now ten.
fn uneven(retries: u64, when: std::ops::Range<Nanos>, made: HandMade) -> HandMade {
    (when.start..when.end)
        .step_by(100_000_000)
        .fold(made, |made, at| {
            let made = made.call(0, at, good(80 * MS));
            let items = if (at / (100 * MS)).is_multiple_of(10) {
                10
            } else {
                1
            };
            (0..items * retries).fold(made, |made, i| {
                let at = at + i * MS;
                made.exchange(0, at, Some(at + MS), Ended::Answered)
                    .traced(0)
            })
        })
}

#[test]
fn a_call_that_needs_many_exchanges_is_no_storm_of_retries() {
    let calm = |made| uneven(1, BASELINE, made);
    let made = uneven(1, FAULT, calm(HandMade::order().fault(0)));
    made.judged_by(&at_most(3)).is_open("1 to 10");
    let made = uneven(4, FAULT, calm(HandMade::order().fault(0)));
    made.judged_by(&at_most(3)).fails("4.0 attempts");
}

#[test]
fn kinds_of_call_are_measured_each_by_itself() {
    // One kind makes ten exchanges on the edge, the other one; nobody retries.
    let mut made = HandMade::order().class("GET /all", "order", &[0]).fault(0);
    for when in [BASELINE, FAULT] {
        for at in (when.start..when.end).step_by(100_000_000) {
            made = made
                .call(0, at, good(5 * MS))
                .exchange(0, at, Some(at + MS), Ended::Answered)
                .traced(0);
        }
        for at in (when.start..when.end).step_by(1_000_000_000) {
            made = made.call(2, at, good(20 * MS));
            for i in 0..10 {
                made = made
                    .exchange(0, at + i * MS, Some(at + (i + 1) * MS), Ended::Answered)
                    .traced(0);
            }
        }
    }
    made.judged_by(&at_most(3)).passes();
}

#[test]
fn calls_that_a_breaker_turns_away_count_as_calls() {
    // One call in ten gets through and makes two attempts.
    let made = retries(1, MS, true).with(|recording| {
        recording.seen[0]
            .exchanges
            .retain(|exchange| exchange.start < FAULT.start);
    });
    let through = Attempts {
        class: 0,
        edge: 0,
        when: FAULT,
        every: 10 * OFTEN,
        n: 2,
        length: MS,
        fault: Some(0),
        traced: true,
    };
    made.attempts(&through).judged_by(&check("{}")).passes();
}

#[test]
fn background_work_on_the_edge_does_not_hide_retries() {
    // Beside each traced call nine untraced exchanges, all the time.
    let polling = |made: HandMade| {
        made.exchanges(0, BASELINE.start..FAULT.end, OFTEN / 9, MS, Ended::Answered)
    };
    polling(retries(4, MS, true))
        .judged_by(&at_most(3))
        .fails("attempts");
    polling(retries(4, MS, true))
        .judged_by(&check(r#"{"under_load": 1.5}"#))
        .fails("times the traffic");
    polling(retries(3, MS, true))
        .judged_by(&at_most(3))
        .passes();
}

#[test]
fn where_few_calls_are_hit_an_average_says_little() {
    // A tenth of the calls is hit, and each of those makes ten attempts; no trace is passed on.
    let calm = Attempts {
        class: 0,
        edge: 0,
        when: BASELINE.start..FAULT.end,
        every: OFTEN,
        n: 1,
        length: MS,
        fault: None,
        traced: false,
    };
    let shaken = Attempts {
        when: FAULT,
        every: 10 * OFTEN,
        n: 10,
        fault: Some(0),
        ..calm.clone()
    };
    let made = HandMade::order()
        .fault(0)
        .last_fault(|fault| fault.probability = 0.1);
    let verdict = made
        .attempts(&calm)
        .attempts(&shaken)
        .judged_by(&at_most(3));
    verdict.is_open("average");
}
