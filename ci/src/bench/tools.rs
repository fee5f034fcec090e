//! Where programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::cache;

/// Where Debian puts servers, which are not on everybody's `PATH`.
const SERVERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program on `PATH` or among the servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SERVERS.into_iter().map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

/// Envoy's binary, where the installer puts it.
pub(crate) fn envoy() -> PathBuf {
    cache().join("envoy/envoy/_bin/envoy")
}

/// k6's binary: somebody's own, or where the installer puts it.
pub(crate) fn k6() -> PathBuf {
    find("k6").unwrap_or_else(|| cache().join("k6/bin/k6"))
}

/// oha's binary: somebody's own, or where the installer puts it.
pub(crate) fn oha() -> PathBuf {
    find("oha").unwrap_or_else(|| cache().join("oha/bin/oha"))
}

/// The first word with a digit and a dot in what a program says of its version.
pub(crate) fn version(program: &Path, flag: &str) -> String {
    let said = Command::new(program).arg(flag).output().map(|output| {
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    });
    parse_version(&said.unwrap_or_default()).to_owned()
}

fn parse_version(said: &str) -> &str {
    said.split(|c: char| c.is_whitespace() || c == '/')
        .find(|word| word.contains('.') && word.contains(|c: char| c.is_ascii_digit()))
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let said = "nginx version: nginx/1.22.1";
        assert_eq!(parse_version(said), "1.22.1");
        let said = "HAProxy version 2.6.12-1+deb12u4 2026/01/01 - https://haproxy.org/";
        assert_eq!(parse_version(said), "2.6.12-1+deb12u4");
        let said = "\n./envoy  version: 0ae5b1/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(parse_version(said), "1.40.0");
        assert_eq!(parse_version("no such flag"), "unknown");
    }
}
