//! What a keeper tells its harness, one JSON object per line, and how a process ended.

use std::fmt;
use std::io;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// It returned this exit code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Its keeper ended before it could tell; the target was killed with it.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "signal {number} ({signal})"),
                Err(_) => write!(f, "signal {number}"),
            },
            Self::Unknown => f.write_str("an exit that nobody saw, because its keeper was killed"),
        }
    }
}

/// How an orderly stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// How the target itself ended.
    pub exit: Exit,
    /// How many processes of its tree had to be killed, the target included.
    pub killed: u32,
    /// How many could not even be killed, as far as the keeper could see. Anything but 0 breaks the
    /// promise that nothing outlives its run, and must be reported.
    pub left: u32,
}

/// One line from the keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    /// The program was executed.
    Started { pid: i32 },
    /// The program was never executed.
    Failed(Failure),
    /// The target ended.
    Exited(Exit),
    /// The whole tree has ended, and the keeper ends now.
    Swept { killed: u32, left: u32 },
}

/// Why a program was never executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) at: Step,
    pub(super) error: String,
    /// The number of the OS error, where there is one.
    pub(super) os: Option<i32>,
}

/// The step at which the start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// Writing the target's files.
    Files,
    /// Giving the target names of hosts of its own.
    Hosts,
    /// Entering the working directory.
    Cwd,
    /// Executing the program.
    Exec,
    /// The keeper's own affairs.
    Keeper,
}

impl Failure {
    pub(super) fn new(at: Step, error: &io::Error) -> Self {
        Self {
            at,
            error: error.to_string(),
            os: error.raw_os_error(),
        }
    }

    /// The error as it was in the process that met it.
    pub(super) fn to_io(&self) -> io::Error {
        match self.os {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::other(self.error.clone()),
        }
    }
}
