//! Which machine this is, and who else was busy on it.

use std::fs;
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::{BenchError, Doing};
use super::proc::{self, MachineTime};
use super::process;

/// How many processors a process of ours may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Cores, processor, kernel, load and date, in one line.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let date = Command::new("date")
        .args(["-u", "+%Y-%m-%d %H:%M UTC"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let load = read("/proc/loadavg");
    format!(
        "{} cores, {model}, Linux {}, load {}, {}",
        cores(),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or("unknown"),
        date.unwrap_or_default(),
    )
}

/// Thousands of connections need descriptors, here and in what is started from here.
pub(crate) fn raise_descriptor_limit(wanted: u64) -> Result<u64, BenchError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).doing("read the descriptor limit")?;
    if soft >= wanted {
        return Ok(soft);
    }
    // Only root may raise the hard one.
    if hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok() {
        return Ok(wanted);
    }
    let limit = hard.min(wanted);
    setrlimit(Resource::RLIMIT_NOFILE, limit, hard).doing("raise the descriptor limit")?;
    Ok(limit)
}

/// A moment from which on it is known how busy others were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    since: std::time::Instant,
    machine: MachineTime,
    own: f64,
}

/// How busy others were, as shares of the whole machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// Other processes of this machine. What the kernel does on nobody's account counts here too.
    pub(crate) processes: f64,
    /// The host of a virtual machine.
    pub(crate) host: f64,
}

impl Watch {
    /// Starts now.
    pub(crate) fn start() -> Result<Self, BenchError> {
        Ok(Self {
            since: std::time::Instant::now(),
            machine: proc::machine_time()?,
            own: process::own_cpu_seconds()?,
        })
    }

    /// Of the time since then.
    pub(crate) fn others(&self) -> Result<Others, BenchError> {
        let now = proc::machine_time()?;
        let own = process::own_cpu_seconds()? - self.own;
        let all = self.since.elapsed().as_secs_f64() * cores() as f64;
        Ok(Others {
            processes: ((now.busy - self.machine.busy - own) / all).max(0.0),
            host: (now.stolen - self.machine.stolen) / all,
        })
    }
}

/// Shown at the end of each row.
impl std::fmt::Display for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (processes, host) = (self.processes * 100.0, self.host * 100.0);
        write!(f, "others used {processes:.0} % of the machine meanwhile")?;
        if host >= 0.5 {
            write!(f, ", its host took {host:.0} %")?;
        }
        Ok(())
    }
}
