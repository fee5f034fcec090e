//! What `/proc` knows of a process group and of the machine: processor time and memory.

use std::fs;
use std::path::Path;

use super::error::{BenchError, Doing};

/// Ticks per second in `/proc`: the kernel's `USER_HZ`, the same on every common processor.
const TICKS_PER_SECOND: f64 = 100.0;

/// The fields of `/proc/PID/stat` that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    group: i32,
    /// Ticks of its own and of its children that have ended, user and system.
    ticks: u64,
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in brackets, which may hold blanks and brackets.
    let (_, after_name) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        group: fields.get(2)?.parse().ok()?,
        ticks: ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?,
    })
}

/// The processes of a group and their stats.
fn members(group: i32) -> Result<Vec<(String, Stat)>, BenchError> {
    let entries = fs::read_dir("/proc").doing("read /proc")?;
    let stat = |pid: String| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&text)?))
    };
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(stat)
        .filter(|(_, stat)| stat.group == group)
        .collect())
}

/// Processor time of a process group so far, user and system, in seconds. Everything that is
/// measured runs in a group of its own, so this is the process and whatever it forked.
pub(crate) fn cpu_seconds(group: i32) -> Result<f64, BenchError> {
    let ticks: u64 = members(group)?.iter().map(|(_, stat)| stat.ticks).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Memory of a process group that is in RAM, in bytes. From `smaps_rollup`, which is counted anew:
/// `VmRSS` is an estimate that lags behind by some hundred kilobytes.
pub(crate) fn resident_bytes(group: i32) -> Result<u64, BenchError> {
    let mut sum = 0;
    for (pid, _) in members(group)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).doing(format!("read {path}"))?;
        sum += parse_resident(&text).ok_or_else(|| {
            BenchError::Measure(format!("{path} does not say how much is resident"))
        })?;
    }
    Ok(sum)
}

/// The most memory that a process ever had in RAM, in bytes; `None` once it has ended.
pub(crate) fn peak_resident_bytes(process: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    parse_kibibytes(&text, "VmHWM:")
}

fn parse_resident(text: &str) -> Option<u64> {
    parse_kibibytes(text, "Rss:")
}

fn parse_kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The threads of a process group.
pub(crate) fn threads(group: i32) -> Result<Vec<i32>, BenchError> {
    let mut threads = Vec::new();
    for (pid, _) in members(group)? {
        let path = format!("/proc/{pid}/task");
        let entries = fs::read_dir(&path).doing(format!("read {path}"))?;
        threads.extend(
            entries
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()),
        );
    }
    Ok(threads)
}

/// Whether a thread is being traced.
pub(crate) fn is_traced(thread: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))
        .is_some_and(|tracer| tracer.trim() != "0")
}

/// Whether any process of a group still runs; one that has ended and was not yet reaped does not.
pub(crate) fn lives(group: i32) -> bool {
    members(group).is_ok_and(|members| {
        members.iter().any(|(pid, _)| {
            let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
            stat.is_ok_and(|stat| {
                stat.rsplit_once(')')
                    .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
            })
        })
    })
}

/// Processor time of the whole machine so far, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MachineTime {
    /// Spent on anything.
    pub(crate) busy: f64,
    /// Taken by the host of a virtual machine.
    pub(crate) stolen: f64,
}

/// Reads it.
pub(crate) fn machine_time() -> Result<MachineTime, BenchError> {
    let text = fs::read_to_string("/proc/stat").doing("read /proc/stat")?;
    parse_machine_time(&text)
        .ok_or_else(|| BenchError::Measure("/proc/stat has no line of the machine".to_owned()))
}

fn parse_machine_time(text: &str) -> Option<MachineTime> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, _wait, irq, softirq, stolen, ..] = fields[..] else {
        return None;
    };
    Some(MachineTime {
        busy: (user + nice + system + irq + softirq) as f64 / TICKS_PER_SECOND,
        stolen: stolen as f64 / TICKS_PER_SECOND,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "4071 (tmux: (server) 1) S 1 4070 4071 0 -1 4194624 977 2 0 0 \
                    123 45 6 7 20 0 1 0 98 8658944 1143 18446744073709551615";
        let parsed = parse_stat(stat).unwrap();
        assert_eq!(parsed.group, 4070);
        assert_eq!(parsed.ticks, 123 + 45 + 6 + 7);
        assert_eq!(parse_stat("4071 (cut off) S 1 40"), None);
    }

    #[test]
    fn resident_memory_is_in_kibibytes() {
        let text = "55e0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:                1668 kB\nPss: 144 kB\n";
        assert_eq!(parse_resident(text), Some(1668 * 1024));
        assert_eq!(parse_resident("Pss: 144 kB\n"), None);
        let text = "Name:\twrk\nVmHWM:\t   47000 kB\nVmRSS:\t   12000 kB\n";
        assert_eq!(parse_kibibytes(text, "VmHWM:"), Some(47_000 * 1024));
    }

    #[test]
    fn the_machine_is_busy_with_all_but_waiting() {
        let text = "cpu  100 1 200 9000 50 3 4 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        let time = parse_machine_time(text).unwrap();
        assert!((time.busy - 3.08).abs() < 1e-9);
        assert!((time.stolen - 0.07).abs() < 1e-9);
        assert_eq!(parse_machine_time("cpu  100 1"), None);
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let group = nix::unistd::getpgrp().as_raw();
        assert!(resident_bytes(group).unwrap() > 100 * 1024);
        let before = cpu_seconds(group).unwrap();
        let patience = std::time::Instant::now();
        while cpu_seconds(group).unwrap() <= before {
            assert!(patience.elapsed().as_secs() < 30, "no time passed");
        }
        assert!(lives(group));
    }
}
