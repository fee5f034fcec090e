//! Goose as a part of the load: its users, journeys written for it, and what is left of them.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::stage::{Stage, undisturbed};

/// Stands for a program that was written with goose: takes its flags, writes its request log, and ends
/// at the Ctrl-C of a terminal, with its last line.
const JOURNEYS: &str = r#"
echo "$@"
log=
while [ $# -gt 0 ]; do
    if [ "$1" = --request-log ]; then log=$2; fi
    shift
done
line() {
    printf '{"elapsed":%s,"raw":{"method":"Get"},"name":"%s","response_time":2,"status_code":200,"success":true,"error":""}\n' "$1" "$2" >> "$log"
}
trap 'line 0 "last words"; exit 0' INT
: > "$log"
at=0
while :; do
    line "$at" "front page"
    at=$((at + 20))
    sleep 0.02
done
"#;

/// A suite whose load is this.
fn suite(load: &str) -> String {
    format!(
        "
name: visited
services:
  shop: {{ run: $SHAKETABLE fixture inventory --port $PORT, ready: {{ http: /healthz }} }}
load: {load}
phases: {{ warm_up: 200ms, baseline: 500ms, fault: 300ms, recovery: 200ms }}
experiments:
  visited: {{ expect: [process_survival] }}
"
    )
}

/// What is known of a run, from its recording.
struct Seen {
    calls: Vec<Value>,
    summary: Value,
}

impl Seen {
    fn read(stage: &Stage) -> Self {
        let text = stage.read("out/visited/recording.jsonl");
        let mut lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let summary = lines.next().unwrap()["recording"]["summary"].clone();
        let calls = lines.filter_map(|line| line.get("call").cloned()).collect();
        Self { calls, summary }
    }

    /// The calls of a class.
    fn of(&self, class: &str) -> Vec<&Value> {
        let classes = self.summary["classes"].as_array().unwrap();
        let number = classes.iter().position(|known| known["name"] == class);
        let number = number.unwrap_or_else(|| panic!("no {class} in {classes:?}"));
        let calls = self.calls.iter();
        calls.filter(|call| call["class"] == number).collect()
    }

    /// How many of a class's calls were meant for a phase.
    fn in_phase(&self, class: &str, phase: &str) -> usize {
        let phases = self.summary["phases"].as_array().unwrap();
        let mark = phases.iter().find(|mark| mark["phase"] == phase).unwrap();
        let moment = |value: &Value| value.as_u64().unwrap();
        let time = moment(&mark["from"])..moment(&mark["until"]);
        let calls = self.of(class).into_iter();
        calls
            .filter(|call| time.contains(&moment(&call["intended"])))
            .count()
    }
}

#[test]
fn a_request_log_is_read_while_it_grows_and_to_its_last_line() {
    let stage = Stage::new();
    stage.write("journeys.sh", JOURNEYS);
    let load = "{ goose: { run: sh journeys.sh --scenarios all, to: shop, users: 3 } }";
    stage.run(&suite(load)).exits(0);
    let seen = Seen::read(&stage);
    for phase in ["baseline", "fault"] {
        assert!(seen.in_phase("GET front page", phase) > 3, "{phase}");
    }
    assert_eq!(seen.of("GET last words").len(), 1);
    for call in &seen.calls {
        assert_eq!(call["intended"], call["sent"], "{call}");
        assert_eq!(call["outcome"], "answered", "{call}");
    }
    let flags = stage.read("out/visited/goose.log");
    assert!(flags.starts_with("--scenarios all --host http://127.0.0.1:"));
    assert!(flags.contains(" --users 3 --increase-rate 60 --request-log "));
    assert!(flags.contains(" --request-format json --no-print-metrics --no-telnet"));
    let hlog = stage.read("out/visited/latency.hlog");
    assert!(hlog.contains("Tag=fault/latency/GET%20front%20page,"));
    let file = stage.path("out/visited/goose.jsonl");
    assert!(!file.exists(), "it is in the recording");
}

#[test]
fn a_check_of_a_request_that_no_journey_made_passes_nothing_and_says_so() {
    let stage = Stage::new();
    stage.write("journeys.sh", JOURNEYS);
    let load = "{ goose: { run: sh journeys.sh, to: shop } }";
    let named = |name: &str| {
        let check = format!("{{ slo: {{ request: {name}, max: 20s }} }}");
        suite(load).replace("process_survival", &check)
    };
    let unknown = stage.run(&named("GET frontpage"));
    unknown
        .exits(5)
        .says("no call of `GET frontpage` was seen, only of `GET front page`");
    undisturbed(|| stage.run(&named("GET front page"))).exits(0);
}

#[test]
fn journeys_stand_beside_a_rate_and_their_calls_stay_apart() {
    let stage = Stage::new();
    stage.write("journeys.sh", JOURNEYS);
    let load = "{ rate: 50/s, request: { to: shop, get: /stock/A1, name: GET front page }, \
                goose: { run: sh journeys.sh, to: shop } }";
    stage.run(&suite(load)).exits(0);
    let seen = Seen::read(&stage);
    for class in ["GET front page", "GET front page (goose)"] {
        assert!(seen.in_phase(class, "baseline") > 3, "{class}");
    }
}

#[test]
fn journeys_that_end_by_themselves_are_no_load() {
    let stage = Stage::new();
    let load = "{ goose: { run: [sh, -c, echo no such flag; exit 2], to: shop } }";
    let done = stage.run(&suite(load));
    done.exits(3)
        .says("keep goose's load up: it ended by itself with exit code 2")
        .says("no such flag");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let stage = Stage::new();
    let load = "{ goose: { run: ./nobody, to: shop } }";
    stage
        .run(&suite(load))
        .exits(3)
        .says("start `goose`: `./nobody` was not found");
}

#[test]
fn goose_dies_with_its_harness() {
    let stage = Stage::new();
    stage.write("journeys.sh", JOURNEYS);
    let load = "{ goose: { run: sh journeys.sh, to: shop } }";
    let long = suite(load).replace("baseline: 500ms", "baseline: 50s");
    let mut going = stage.start(stage.run_command(&long, &[]));
    going.until(|| stage.path("out/visited/goose.jsonl").exists());
    going.signal(Signal::SIGKILL);
    going.wait();
    stage.nothing_left_within(Duration::from_secs(10));
}

#[cfg(not(feature = "goose"))]
#[test]
fn without_the_feature_goose_has_no_users() {
    let stage = Stage::new();
    let load = "{ request: { to: shop, get: /stock/A1 }, goose: { users: 2 } }";
    stage
        .run(&suite(load))
        .exits(2)
        .says("this build has no goose in it")
        .says("--features goose");
}

#[cfg(feature = "goose")]
#[test]
fn users_of_goose_make_the_suites_requests() {
    let stage = Stage::new();
    let suite = "
name: visited
services:
  inventory: { run: $SHAKETABLE fixture inventory --port $PORT, ready: { http: /healthz } }
  pricing: { run: $SHAKETABLE fixture pricing --port $PORT, ready: { http: /healthz } }
  payment: { run: $SHAKETABLE fixture payment --port $PORT, ready: { http: /healthz } }
  order:
    run: $SHAKETABLE fixture order --profile naive --trace on --port $PORT
    ready: { http: /readyz }
    calls: { inventory: INVENTORY_URL, pricing: PRICING_URL, payment: PAYMENT_URL }
load:
  timeout: 600ms
  goose: { users: 5, think: 10ms }
  requests:
    - { weight: 2, to: order, post: /orders, json: { sku: A1, quantity: 1 } }
    - { to: order, get: /prices/A1 }
phases: { warm_up: 300ms, baseline: 800ms, fault: 1500ms, recovery: 300ms }
experiments:
  visited:
    faults: [{ edge: order -> inventory, hang: true }]
    expect: [process_survival]
";
    stage.run(suite).exits(0);
    let seen = Seen::read(&stage);
    let orders = seen.in_phase("POST /orders", "baseline");
    let prices = seen.in_phase("GET /prices/A1", "baseline");
    assert!(orders > prices && prices > 3, "{orders}, {prices}");
    // Five users who wait: no more than five calls are ever given up in each 600 ms.
    let timed_out = |call: &&&Value| call["outcome"] == "timed_out";
    let given_up = seen.of("POST /orders").iter().filter(timed_out).count();
    assert!((3..=20).contains(&given_up), "{given_up} were given up");
    // What a call causes can be told by its trace: an exchange belongs to the call of its number.
    let text = stage.read("out/visited/recording.jsonl");
    let base = seen.summary["trace_base"].as_u64().unwrap();
    let mut matched = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(exchange) = line.get("exchange") else {
            continue;
        };
        let Some(trace) = exchange[1]["trace"].as_str() else {
            continue;
        };
        let trace = u128::from_str_radix(trace, 16).unwrap();
        assert_eq!(u64::try_from(trace >> 64).unwrap(), base);
        let call = usize::try_from(trace & u128::from(u64::MAX)).unwrap() - 1;
        let (sent, began) = (&seen.calls[call]["sent"], &exchange[1]["start"]);
        assert!(sent.as_u64() <= began.as_u64(), "{sent}, {began}");
        matched += 1;
    }
    assert!(matched > 20, "{matched} exchanges");
}

#[cfg(feature = "goose")]
#[test]
fn journeys_written_for_goose_are_recorded() {
    let stage = Stage::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_shaketable"));
    let journeys = program.parent().unwrap().join("examples/journeys");
    let load = format!(
        "{{ goose: {{ run: [{journeys:?}], to: shop, users: 4 }} }}",
        journeys = journeys.display().to_string()
    );
    let text = suite(&load).replace("recovery: 200ms", "recovery: 1s");
    stage.run(&text).exits(0);
    let seen = Seen::read(&stage);
    for (class, status) in [("GET stock", 200), ("GET /nowhere", 404)] {
        for phase in ["baseline", "recovery"] {
            let calls = seen.in_phase(class, phase);
            assert!(calls > 3, "{calls} of {class} in {phase}");
        }
        for call in seen.of(class) {
            assert_eq!(call["status"], status, "{call}");
        }
    }
}
