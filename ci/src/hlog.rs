//! `HdrHistogram` for Python against the interval logs that we write: it opens one of a real run, and
//! finds in it what the recording beside it holds. Left out, and said, where it cannot be installed.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::{self, StepError, tell};

/// What it is called in its registry, and the version that was tried.
const PACKAGE: &str = "hdrhistogram==0.10.8";
const SUITE: &str = "ci/clients/hlog.yaml";
const TESTS: &str = "ci/clients/python/hlog.py";

/// Runs the suite with this binary, and the tests with this Python.
pub(crate) fn check(shaketable: &Path, python: &Path) -> Result<(), StepError> {
    let installed = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", PACKAGE])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        tell(&format!("left out: {PACKAGE} cannot be installed here"));
        return Ok(());
    }
    // Each run replaces the files of the one before.
    let out = steps::cache().join("clients/hlog");
    let mut run = Command::new(shaketable);
    run.args(["run", "--quiet", SUITE, "--out"]).arg(&out);
    steps::run(&mut run, &format!("shaketable run {SUITE}"))?;
    let mut tests = Command::new(python);
    tests
        .args([TESTS, "--verbose"])
        .env("HLOG_DIR", out.join("every-end"));
    steps::run(&mut tests, &format!("python {TESTS}"))
}
