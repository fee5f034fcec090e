//! The README's tables and its first suite say what is so.

use shaketable::suite::{self, InMemory};
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

#[test]
fn every_example_of_a_fault_or_check_is_a_piece_of_a_suite() {
    let suite = |fault: &str, check: &str| {
        format!(
            "name: x\nservices:\n  inventory: {{ run: a }}\n  order: {{ run: b, calls: {{ inventory: I }} }}\n\
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
