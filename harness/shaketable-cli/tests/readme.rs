//! The README's tables and its first suite say what is so.

use std::sync::Arc;

use shaketable::stub::{Request, Stub};
use shaketable::suite::{self, InMemory, Start};
use shaketable::{check, fault};

const README: &str = include_str!("../../../README.md");

#[test]
fn every_check_and_every_fault_stands_in_the_readme_and_no_other() {
    let checks = check::CATALOGUE.iter().map(|kind| {
        format!(
            "| `{}` | {} | `{}` |",
            kind.name, kind.holds_when, kind.example
        )
    });
    let faults = fault::CATALOGUE.iter().map(|kind| {
        let edges = kind.speaks.name();
        format!(
            "| `{}` | {} | {edges} | `{}` |",
            kind.name, kind.summary, kind.example
        )
    });
    let wanted: Vec<String> = checks.chain(faults).collect();
    for row in &wanted {
        assert!(
            README.lines().any(|line| line == row),
            "missing in the README:\n{row}"
        );
    }
    let rows = README
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(
        rows,
        wanted.len(),
        "a row for something that does not exist"
    );
}

#[test]
fn the_first_suite_is_a_suite() {
    let begin = README.find("```yaml\n").expect("a suite") + 8;
    let text = &README[begin..begin + README[begin..].find("```").unwrap()];
    assert!(text.lines().count() <= 10);
    let suite = suite::load(
        "checkout.yaml",
        &InMemory::one("checkout.yaml", text),
        &|_| None,
    );
    suite.unwrap_or_else(|errors| panic!("{}", errors.to_plain()));
}

/// The journey of the README, over the same suite.
#[test]
fn the_journey_is_a_suite_over_the_first() {
    let blocks: Vec<&str> = README
        .split("```yaml\n")
        .skip(1)
        .map(|block| &block[..block.find("```").unwrap()])
        .collect();
    let mut files = InMemory::one("checkout.yaml", blocks[0]);
    for (name, text) in [
        ("journey.yaml", blocks[2]),
        ("wishes.csv", "sku,quantity\nA1,1\n"),
    ] {
        files.texts.insert(name.to_owned(), text.to_owned());
    }
    let read = suite::load("journey.yaml", &files, &|_| None);
    let suite = read.unwrap_or_else(|errors| panic!("{}", errors.to_plain()));
    let journey = &suite.experiments["slow inventory"].load.streams[0].requests[0];
    assert_eq!(journey.steps.len(), 2);
}

/// The stub of the README, over a suite in which the service is a process.
#[test]
fn the_stub_takes_the_place_of_a_service_of_the_first_suite_and_answers_as_is_said() {
    let blocks: Vec<&str> = README
        .split("```yaml\n")
        .skip(1)
        .map(|block| &block[..block.find("```").unwrap()])
        .collect();
    let [first, stubbed, ..] = blocks[..] else {
        panic!("three suites stand in the README")
    };
    let mut files = InMemory::one("checkout.yaml", first);
    files
        .texts
        .insert("stubbed.yaml".to_owned(), stubbed.to_owned());
    let read = suite::load("stubbed.yaml", &files, &|_| None);
    let suite = read.unwrap_or_else(|errors| panic!("{}", errors.to_plain()));
    assert_eq!(suite.edges[0].name.to_string(), "order -> inventory");
    let Start::Stub(spec) = &suite.services["inventory"].start else {
        panic!("{:?}", suite.services["inventory"])
    };
    let stub = Stub::new("inventory", Arc::clone(spec), 1);
    let ask = |method, target, body| {
        let headers = &[];
        let response = stub.answer(&Request {
            method,
            target,
            headers,
            body,
        });
        (
            response.status,
            String::from_utf8(response.body.to_vec()).unwrap(),
        )
    };
    let made = (201, r#"{"reservation":"r1","quantity":2}"#.to_owned());
    assert_eq!(ask("POST", "/reservations", br#"{"quantity":2}"#), made);
    let kept = (200, r#"{"quantity":2}"#.to_owned());
    assert_eq!(ask("GET", "/reservations/r1", b""), kept);
    assert_eq!(ask("GET", "/__stub/counters/reservations", b"").1, "1");
    assert_eq!(ask("GET", "/reservations/r2", b"").0, 404);
}

#[test]
fn every_way_to_find_a_proxy_is_a_piece_of_a_suite() {
    let table = README
        .split_once("| the caller looks |")
        .expect("a table")
        .1;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        count += 1;
        let ways = row
            .trim_end_matches('|')
            .rsplit_once(" | ")
            .expect("two columns")
            .1;
        let pieces: Vec<&str> = ways.split('`').skip(1).step_by(2).collect();
        let (call, beside) = pieces.split_first().expect("what to write");
        let callee = call.split_once(':').expect("a callee").0;
        let started = |piece: &&str| ["run", "address"].contains(&piece.split(':').next().unwrap());
        let start = if beside.iter().any(started) {
            ""
        } else {
            "run: ./order, "
        };
        let beside: Vec<String> = beside.iter().map(|piece| format!("{piece}, ")).collect();
        let beside = beside.concat();
        let text = format!(
            "name: x\nservices:\n  {callee}: {{ run: a }}\n  order: {{ {start}{beside}calls: {{ {call} }} }}\n\
             load: {{ rate: 1/s, request: {{ to: order, get: / }} }}\n\
             experiments: {{ e: {{ expect: [process_survival] }} }}\n"
        );
        let mut files = InMemory::one("ways.yaml", &text);
        let template = "inventory = \"${INVENTORY_URL}\"\n".to_owned();
        files.texts.insert("app.toml.tmpl".to_owned(), template);
        let ca = include_str!("../../shaketable/tests/right-suites/ca.pem").to_owned();
        files.texts.insert("certs/ca.pem".to_owned(), ca);
        let read = suite::load("ways.yaml", &files, &|_| None);
        read.unwrap_or_else(|errors| panic!("{text}\n{}", errors.to_plain()));
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn every_way_in_which_calls_arrive_is_a_piece_of_a_suite() {
    let table = README
        .split("| calls arrive | under `load` |")
        .nth(1)
        .unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut ways = 0;
    for row in rows {
        let written = row.split('|').nth(2).unwrap();
        // What stands in brackets is prose, with pieces of its own.
        let plain = written.split(" (").next().unwrap();
        let keys: Vec<&str> = plain.split('`').skip(1).step_by(2).collect();
        let load = match keys[0].strip_prefix("load: ") {
            Some(whole) => whole.to_owned(),
            None => format!("{{ {}, request: {{ to: a, get: / }} }}", keys.join(", ")),
        };
        let text = format!(
            "name: a\nservices: {{ a: {{ run: ./a }} }}\nload: {load}\n\
             experiments: {{ e: {{ expect: [process_survival] }} }}\n"
        );
        let mut files = InMemory::one("a.yaml", &text);
        let trace = "arrivals.csv".to_owned();
        files.texts.insert(trace, "0\n0.5\n".to_owned());
        if let Err(errors) = suite::load("a.yaml", &files, &|_| None) {
            panic!("{row}: {}", errors.to_plain());
        }
        ways += 1;
    }
    assert_eq!(ways, 10);
}

#[test]
fn every_example_of_a_fault_or_check_is_a_piece_of_a_suite() {
    let suite = |fault: &str, check: &str| {
        format!(
            "name: x\nservices:\n  inventory: {{ run: a }}\n  inventory-v2: {{ run: c }}\n  order: {{ run: b, calls: {{ inventory: I }} }}\n\
             load: {{ rate: 1/s, request: {{ to: order, get: / }} }}\n\
             experiments:\n  e:\n    faults: [{{ edge: order -> inventory, {fault} }}]\n    expect: [{{ {check} }}]\n"
        )
    };
    let examples = fault::CATALOGUE
        .iter()
        .map(|kind| suite(kind.example, "recovery: {}"));
    for text in examples.chain(
        check::CATALOGUE
            .iter()
            .map(|kind| suite("hang: true", kind.example)),
    ) {
        let read = suite::load(
            "example.yaml",
            &InMemory::one("example.yaml", &text),
            &|_| None,
        );
        read.unwrap_or_else(|errors| panic!("{text}\n{}", errors.to_plain()));
    }
}

#[test]
fn every_fault_can_be_told_of_in_full() {
    let tell = |name: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_shaketable"))
            .args(["faults", name])
            .output()
            .unwrap()
    };
    for kind in fault::CATALOGUE {
        let told = String::from_utf8(tell(kind.name).stdout).unwrap();
        assert!(told.contains(kind.example), "{told}");
        let to_be_set = format!("\n  {}:", kind.name);
        assert!(told.contains(&to_be_set), "what can be set:\n{told}");
    }
    let unknown = tell("latenc");
    assert_eq!(unknown.status.code(), Some(2));
    let complaint = String::from_utf8(unknown.stderr).unwrap();
    assert!(complaint.contains("is it `latency`?"), "{complaint}");
}
