//! Linux: files laid over those of `/etc` for one process and what it starts, by a mount namespace.

use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// Where a daemon listens that answers for the system, from the system's own files. A program that
/// finds nobody there looks itself.
const NAME_DAEMONS: [&str; 2] = ["/run/nscd/socket", "/var/run/nscd/socket"];

/// Lays each file of a directory over the one of the same name in `/etc`, for this process and
/// what it will start. Nothing changes for anybody else; user and group stay what they are. The
/// process must have one thread.
pub(in crate::launch) fn lay_over_etc(dir: &Path) -> io::Result<()> {
    own_mounts()?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        lay_over(&entry.path(), &Path::new("/etc").join(entry.file_name()))?;
    }
    for socket in NAME_DAEMONS.map(Path::new) {
        if socket.exists() {
            lay_over(Path::new("/dev/null"), socket)?;
        }
    }
    Ok(())
}

fn lay_over(file: &Path, other: &Path) -> io::Result<()> {
    let no_text: Option<&str> = None;
    mount(Some(file), other, no_text, MsFlags::MS_BIND, no_text)
        .map_err(|error| refused(&format!("lay a file over {}", other.display()), error))
}

/// From here on, mounts of this process are its own.
fn own_mounts() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => {}
        // Whoever may not do that may do it as itself in a user namespace of its own.
        Err(Errno::EPERM) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
                .map_err(|error| refused("have a user namespace", error))?;
            let map = |file: &str, text: String| {
                fs::write(format!("/proc/self/{file}"), text).map_err(|error| {
                    let number = error.raw_os_error().unwrap_or_default();
                    refused(&format!("write {file}"), Errno::from_raw(number))
                })
            };
            map("setgroups", "deny".to_owned())?;
            map("uid_map", format!("{user} {user} 1"))?;
            map("gid_map", format!("{group} {group} 1"))?;
        }
        Err(error) => return Err(refused("have a mount namespace", error)),
    }
    // What the system mounts later is seen here as well; what is mounted here is seen nowhere else.
    let (no_path, no_text): (Option<&Path>, Option<&str>) = (None, None);
    let ours = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(no_path, "/", no_text, ours, no_text)
        .map_err(|error| refused("have mounts of its own", error))
}

fn refused(what: &str, error: Errno) -> io::Error {
    io::Error::other(reason(what, error, &|path| fs::read_to_string(path).ok()))
}

/// A setting by which systems forbid this, and the value that does.
struct Setting {
    name: &'static str,
    forbids: &'static str,
    allow: &'static str,
    /// Whether it is none of root's concern.
    spares_root: bool,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "kernel.unprivileged_userns_clone",
        forbids: "0",
        allow: "1",
        spares_root: true,
    },
    Setting {
        name: "kernel.apparmor_restrict_unprivileged_userns",
        forbids: "1",
        allow: "0",
        spares_root: true,
    },
    Setting {
        name: "user.max_user_namespaces",
        forbids: "0",
        allow: "1000",
        spares_root: true,
    },
    Setting {
        name: "user.max_mnt_namespaces",
        forbids: "0",
        allow: "1000",
        spares_root: false,
    },
];

/// Why the system says no, as far as its settings tell.
fn reason(what: &str, error: Errno, read: &dyn Fn(&str) -> Option<String>) -> String {
    let refusal = format!("the system does not let it {what} ({})", error.desc());
    let forbids = |setting: &&Setting| {
        let path = format!("/proc/sys/{}", setting.name.replace('.', "/"));
        read(&path).is_some_and(|value| value.trim() == setting.forbids)
    };
    if let Some(Setting {
        name,
        forbids,
        allow,
        spares_root,
    }) = SETTINGS.iter().find(forbids)
    {
        let root = if *spares_root { ", or run as root" } else { "" };
        return format!(
            "{refusal}: `{name}` is {forbids}; allow it with `sysctl {name}={allow}`{root}"
        );
    }
    if error == Errno::ENOSPC {
        return format!(
            "{refusal}: raise `user.max_user_namespaces` and `user.max_mnt_namespaces`"
        );
    }
    let status = read("/proc/self/status").unwrap_or_default();
    let filtered = status
        .lines()
        .any(|line| line.split_whitespace().eq(["Seccomp:", "2"]));
    if filtered && error == Errno::EPERM {
        return format!(
            "{refusal}: a seccomp filter is at work, as in a container; give the container \
             CAP_SYS_ADMIN, or a seccomp profile that allows `unshare` and `mount`"
        );
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(error: Errno, files: &[(&str, &str)], expected: &str) {
        let read = |path: &str| {
            let found = files.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        let reason = reason("have a user namespace", error, &read);
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn the_setting_that_forbids_it_is_named() {
        names(
            Errno::EPERM,
            &[("/proc/sys/kernel/unprivileged_userns_clone", "0\n")],
            "(Operation not permitted): `kernel.unprivileged_userns_clone` is 0; allow it with \
             `sysctl kernel.unprivileged_userns_clone=1`, or run as root",
        );
        names(
            Errno::EACCES,
            &[
                ("/proc/sys/kernel/unprivileged_userns_clone", "1\n"),
                (
                    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                    "1\n",
                ),
            ],
            "`kernel.apparmor_restrict_unprivileged_userns` is 1",
        );
        names(
            Errno::ENOSPC,
            &[("/proc/sys/user/max_user_namespaces", "0\n")],
            "`user.max_user_namespaces` is 0",
        );
        names(Errno::ENOSPC, &[], "raise `user.max_user_namespaces`");
        names(
            Errno::EPERM,
            &[("/proc/self/status", "Name:\tx\nSeccomp:\t2\n")],
            "a seccomp filter is at work",
        );
        names(
            Errno::EPERM,
            &[("/proc/self/status", "Seccomp:\t0\n")],
            "(Operation not permitted)",
        );
    }
}
