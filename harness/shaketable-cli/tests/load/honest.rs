//! What it says is what was: every call is counted, and a stall cannot hide.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::server::{Server, load, measured};

#[test]
fn every_call_of_a_rate_is_made_and_each_is_known_by_its_id() {
    let server = Server::start();
    for spacing in ["even", "jitter", "poisson"] {
        let before = server.heads().len();
        let result = measured(&[
            &server.url(),
            "--rate",
            "200/s",
            "--for",
            "2s",
            "--spacing",
            spacing,
        ]);
        let sent = result["sent"].as_u64().unwrap();
        if spacing == "poisson" {
            // 400 ± six standard deviations of 20.
            assert!((280..520).contains(&sent), "{sent}");
        } else {
            assert_eq!(sent, 400, "{spacing}");
        }
        assert_eq!(result["answered"], sent, "{result}");
        assert_eq!(result["statuses"]["200"], sent);
        assert_eq!(result["missed"], 0);
        let heads = server.heads();
        assert_eq!(heads.len() - before, usize::try_from(sent).unwrap());
        let ids: HashSet<String> = heads[before..].iter().map(|head| id(head)).collect();
        assert_eq!(ids.len() as u64, sent, "each has an id of its own");
    }
}

fn id(head: &str) -> String {
    let line = head.lines().find(|line| line.starts_with("x-request-id:"));
    line.unwrap().to_owned()
}

#[test]
fn users_wait_for_their_answers_and_calls_can_be_counted_out() {
    let server = Server::start();
    let result = measured(&[&server.url(), "--users", "3", "--calls", "100"]);
    assert_eq!(
        (result["sent"].as_u64(), result["answered"].as_u64()),
        (Some(100), Some(100))
    );
    assert!(result["in_flight_max"].as_u64().unwrap() <= 3);
    assert_eq!(server.heads().len(), 100);
    let result = measured(&[&server.url(), "--rate", "1000/s", "--calls", "50"]);
    assert_eq!(result["sent"], 50);
}

#[test]
fn a_new_connection_for_each_call_and_a_cap_on_them() {
    let server = Server::start();
    server.stands_still(Duration::ZERO, Duration::from_millis(500));
    let url = server.url();
    let capped = measured(&[&url, "--rate", "100/s", "--for", "1s", "--connections", "2"]);
    assert_eq!(capped["answered"], 100);
    assert!(capped["queued"]["calls"].as_u64().unwrap() > 10, "{capped}");
    // What waited for a connection waited all the same.
    assert!(figure(&capped, "latency_ms", "max") > 300.0);
    let fresh = measured(&[&url, "--rate", "50/s", "--for", "1s", "--no-keep-alive"]);
    assert_eq!(fresh["answered"], 50);
}

#[test]
fn a_stall_is_told_whole() {
    for connections in [None, Some("8")] {
        let server = Server::start();
        server.stands_still(Duration::from_secs(1), Duration::from_secs(1));
        let url = server.url();
        let mut words = vec![url.as_str(), "--rate", "250/s", "--for", "4s"];
        words.extend(connections.iter().flat_map(|most| ["--connections", *most]));
        let result = measured(&words);
        assert_eq!(result["answered"], 1000);
        // A quarter of the calls was due in the stall, evenly: of those, the last waited for
        // nothing and the first for a second. 15% are for what else the machine has to do.
        for (percentile, truth) in [
            ("p90", 600.0),
            ("p95", 800.0),
            ("p99", 960.0),
            ("max", 1000.0),
        ] {
            let told = figure(&result, "latency_ms", percentile);
            assert!(
                (told - truth).abs() < 150.0,
                "{percentile} is {told} and should be {truth}"
            );
        }
    }
}

fn figure(result: &Value, of: &str, name: &str) -> f64 {
    result[of][name].as_f64().unwrap()
}

#[test]
fn what_is_due_beyond_the_limit_is_missed_and_counted() {
    let server = Server::start();
    server.stands_still(Duration::ZERO, Duration::from_secs(1));
    let (code, out, err) = load(&[
        &server.url(),
        "--rate",
        "100/s",
        "--for",
        "1s",
        "--in-flight",
        "5",
        "--threshold",
        "p99<1h",
        "--threshold",
        "rate>=99%",
    ]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("calls were due and not sent"), "{out}");
    assert!(err.contains("FAIL rate>=99%"), "{err}");
    assert!(
        err.contains("unsure p99<1h"),
        "a doubt takes the pass away: {err}"
    );
}
