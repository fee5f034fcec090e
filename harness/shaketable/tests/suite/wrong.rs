//! Wrong suites, and what is said of each. Read the snapshots as somebody who wrote such a file.

use std::fs;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use shaketable::suite::{self, Disk, ERRORS_TOLD_MAX, InMemory, SuiteErrors};

use super::load_text;

fn wrong_suites() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/wrong-suites").unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    files
}

fn errors(file: &Path) -> SuiteErrors {
    suite::load(file.to_str().unwrap(), &Disk, &|_| None).unwrap_err()
}

#[test]
fn every_wrong_suite_is_refused_with_all_its_errors() {
    for file in wrong_suites() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = format!("{}\n\n{}", errors(&file), errors(&file).to_plain());
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn every_error_has_a_place_that_can_be_shown() {
    for file in wrong_suites() {
        let errors = errors(&file);
        assert_eq!(errors.related().unwrap().count(), errors.errors().len());
        for error in errors.errors() {
            let label = error.labels().unwrap().next().unwrap();
            let source = error.source_code().unwrap();
            let shown = source.read_span(label.inner(), 0, 0).unwrap();
            assert_eq!(
                shown.line() + 1,
                error.position().unwrap().line,
                "{}",
                file.display()
            );
            assert_eq!(shown.name(), Some(error.position().unwrap().file.as_str()));
        }
    }
}

#[test]
fn messages_are_lowercase_fragments() {
    for file in wrong_suites() {
        for error in errors(&file).errors() {
            let first = error
                .message()
                .trim_start_matches('`')
                .chars()
                .next()
                .unwrap();
            let quoted = error.message().starts_with('`');
            assert!(quoted || !first.is_uppercase(), "{}", error.message());
            assert!(!error.message().ends_with('.'), "{}", error.message());
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = suite::load("nowhere.yaml", &Disk, &|_| None).unwrap_err();
    assert_eq!(
        missing.to_plain(),
        "nowhere.yaml: cannot be read: there is no such file\n"
    );
    let directory = suite::load("tests", &Disk, &|_| None).unwrap_err();
    assert!(
        directory.to_plain().contains("this is a directory"),
        "{}",
        directory.to_plain()
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("latin.yaml");
    fs::write(&file, b"name: a\nseed: \xff\n").unwrap();
    let latin = errors(&file).to_plain();
    assert!(
        latin.contains("is not UTF-8 text, first in line 2"),
        "{latin}"
    );
}

#[test]
fn a_file_without_end_is_refused() {
    let text = format!("name: {}\n", "x".repeat(suite::FILE_BYTES_MAX));
    let error = load_text(&text).unwrap_err().to_plain();
    assert!(error.contains("more than 1 MiB"), "{error}");
}

#[test]
fn very_many_errors_are_counted_and_not_all_told() {
    let lines: Vec<String> = (0..20_000).map(|n| format!("k{n}: 1")).collect();
    let errors = load_text(&lines.join("\n")).unwrap_err();
    assert_eq!(errors.errors().len(), ERRORS_TOLD_MAX);
    assert!(errors.count() >= 20_000);
    assert!(errors.to_plain().len() < 100_000);
}

#[test]
fn a_chain_of_files_without_end_is_refused() {
    let texts = (0..40).map(|n| (format!("{n}.yaml"), format!("extend: {}.yaml\n", n + 1)));
    let files = InMemory {
        dir: ".".into(),
        texts: texts.collect(),
    };
    let error = suite::load("0.yaml", &files, &|_| None).unwrap_err();
    assert!(
        error.to_plain().contains("more than 16 files"),
        "{}",
        error.to_plain()
    );
}

#[test]
fn what_would_multiply_is_limited() {
    let requests = "{ to: a, get: / },".repeat(300);
    let text = format!(
        "name: a\nservices: {{ a: {{ run: ./a }} }}\nload: {{ rate: 1/s, requests: [{requests}] }}\n\
         experiments: {{ e: {{ expect: [process_survival] }} }}\n"
    );
    let error = load_text(&text).unwrap_err().to_plain();
    assert!(error.contains("more than 256 entries"), "{error}");
}
