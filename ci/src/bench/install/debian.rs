//! Programs out of Debian's packages.

use std::path::Path;
use std::process::Command;

use crate::bench::tools;
use crate::steps::{run, tell};

/// A program and the Debian package that has it.
pub(super) type Package = (&'static str, &'static str);

/// Debian's nginx has its TCP proxy in a module of its own.
const STREAM_MODULE: (&str, &str) = (
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "libnginx-mod-stream",
);

/// Debian starts these when it installs them; here only their programs are wanted.
const SERVICES: [&str; 2] = ["haproxy", "nginx"];

/// The packages whose program is not there.
pub(super) fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages
        .iter()
        .filter(|(program, _)| tools::find(program).is_none())
        .map(|(_, package)| *package)
        .collect()
}

/// The package of nginx's TCP proxy, where that is not there.
pub(super) fn missing_stream_module() -> Option<&'static str> {
    let (module, package) = STREAM_MODULE;
    let there = Path::new(module).is_file() || nginx_has_stream_built_in();
    (!there).then_some(package)
}

/// Installs packages; gives what could not be had, and why.
pub(super) fn install(packages: Vec<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    if !packages.is_empty() {
        // The lists of a fresh machine are empty or old; what is wrong with them shows below.
        let _ = run(&mut apt(&["update", "--quiet=2"]), "apt-get update");
    }
    // One at a time: one that is not to be had shall not keep the others away.
    for package in packages {
        let install = ["install", "--yes", "--no-install-recommends", package];
        match run(&mut apt(&install), &format!("apt-get install {package}")) {
            Err(error) => problems.push(format!("{package} is not there: failed to {error}")),
            Ok(()) if SERVICES.contains(&package) => stop_service(package),
            Ok(()) => {}
        }
    }
    problems
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
