//! What only a build with goose has: heavy to build, so no other step does.

use crate::steps::{self, StepError};

pub(crate) fn check() -> Result<(), StepError> {
    let lints = [
        "clippy",
        "--package",
        "shaketable-cli",
        "--features",
        "goose",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    steps::cargo(&lints, &[])?;
    // The journeys that the tests run.
    let journeys = [
        "build",
        "--package",
        "shaketable-cli",
        "--features",
        "goose",
        "--example",
        "journeys",
    ];
    steps::cargo(&journeys, &[])?;
    let tests = [
        "test",
        "--package",
        "shaketable",
        "--package",
        "shaketable-cli",
        "--features",
        "shaketable-cli/goose",
        "--test",
        "suite",
        "--test",
        "runs",
        "goose",
    ];
    steps::cargo(&tests, &[])
}
