//! The form of the source: every file, also those that only a macro names, which `cargo fmt` does
//! not find.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{StepError, root, run};

pub(crate) fn check() -> Result<(), StepError> {
    let mut files = Vec::new();
    for room in ["ci/src", "faults", "fixtures", "harness"] {
        collect(&root().join(room), &mut files);
    }
    let mut command = Command::new("rustfmt");
    command.args(["--check", "--edition", "2024"]).args(&files);
    run(&mut command, "rustfmt --check (every file)")
}

/// The Rust files below a directory.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
