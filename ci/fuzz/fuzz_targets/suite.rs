//! Whatever a suite's text is, reading it ends with a suite or with errors that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shaketable::suite::{self, InMemory};

fuzz_target!(|text: &str| {
    let mut files = InMemory::one("suite.yaml", text);
    // What follows a line of dashes is the file that can be extended.
    if let Some((top, base)) = text.split_once("\n----\n") {
        files.texts.insert("suite.yaml".to_owned(), top.to_owned());
        files.texts.insert("base.yaml".to_owned(), base.to_owned());
    }
    let env = |name: &str| name.len().is_multiple_of(2).then(|| name.to_lowercase());
    if let Err(errors) = suite::load("suite.yaml", &files, &env) {
        assert!(errors.count() > 0);
        assert!(!errors.to_plain().is_empty());
    }
});
