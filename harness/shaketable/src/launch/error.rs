//! Why a service or a command did not come up, in messages that end with what it last logged.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::event::Exit;
use crate::expand::UnknownName;

/// How many lines of a log a message shows at most.
pub(super) const TAIL_LINES: usize = 20;

/// Why a service or a command did not come up. Reads after "failed to".
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A `$NAME` in the command line, the environment or the readiness command has no value.
    #[error("start `{service}`: unknown name `${}` in {place}", source.name)]
    UnknownName {
        /// The service or command.
        service: String,
        /// Where the name stands, such as `run` or `env URL`.
        place: String,
        /// The name.
        source: UnknownName,
    },
    /// The program cannot be executed at all.
    #[error("start `{service}`: `{program}` {}", not_executable(source))]
    NotExecutable {
        /// The service or command.
        service: String,
        /// The program, as the suite names it.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The working directory cannot be entered.
    #[error("start `{service}`: the working directory `{}` cannot be entered: {}", cwd.display(), source)]
    BadCwd {
        /// The service or command.
        service: String,
        /// The directory.
        cwd: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files of the service cannot be written.
    #[error("start `{service}`: its files cannot be written: {source}")]
    Files {
        /// The service.
        service: String,
        /// What the system said.
        source: io::Error,
    },
    /// The service cannot have names of hosts of its own.
    #[error("start `{service}`: it cannot have host names of its own: {source}")]
    Hosts {
        /// The service.
        service: String,
        /// Why not, and what to do about it.
        source: io::Error,
    },
    /// The log file cannot be opened.
    #[error("start `{service}`: the log `{}` cannot be written: {}", path.display(), source)]
    Log {
        /// The service or command.
        service: String,
        /// The log file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The service ended before it was ready.
    #[error(
        "start `{service}`: it ended with {exit} after {}, before it was ready{}",
        ms(after),
        Tail(log_tail)
    )]
    DiedAtStart {
        /// The service.
        service: String,
        /// How it ended.
        exit: Exit,
        /// How long it lived.
        after: Duration,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// The service was not ready in time.
    #[error(
        "start `{service}`: not ready after {}: waited for {waiting_for}; {last}{}",
        ms(after),
        Tail(log_tail)
    )]
    NotReady {
        /// The service.
        service: String,
        /// How long it was waited for.
        after: Duration,
        /// What would have made it ready.
        waiting_for: String,
        /// What the last look saw instead.
        last: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// Somebody else has the port.
    #[error("start `{service}`: port {port} is in use{}{}", by(owner.as_ref()), Tail(log_tail))]
    PortInUse {
        /// The service.
        service: String,
        /// The port.
        port: u16,
        /// Who has it, when that can be found.
        owner: Option<PortOwner>,
        /// The last lines of the service's log, when it had been started already.
        log_tail: Vec<String>,
    },
    /// A stub could not be played.
    #[error("play the stub `{service}`: {source}")]
    Stub {
        /// The service.
        service: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command ended with an error, or did not end in time.
    #[error("run `{command}`: {end}{}", Tail(log_tail))]
    CommandFailed {
        /// The command.
        command: String,
        /// How it went.
        end: CommandEnd,
        /// The last lines of its output.
        log_tail: Vec<String>,
    },
    /// The keeper itself did not work.
    #[error("start `{service}`: its keeper did not work: {source}")]
    Keeper {
        /// The service or command.
        service: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl LaunchError {
    /// Whether a port that the service could not have may be behind it.
    pub fn may_be_the_port(&self) -> bool {
        matches!(
            self,
            Self::DiedAtStart { .. } | Self::NotReady { .. } | Self::PortInUse { .. }
        )
    }
}

/// The process that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOwner {
    /// Its process id.
    pub pid: i32,
    /// Its name.
    pub name: String,
}

/// How a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnd {
    /// It ended, but not with exit code 0.
    Exit(Exit),
    /// It had not ended after this long, and was killed.
    TimedOut(Duration),
}

impl fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => write!(f, "it ended with {exit}"),
            Self::TimedOut(after) => write!(f, "it had not ended after {}", ms(after)),
        }
    }
}

/// The end of a message: the lines, each indented, or that there are none.
struct Tail<'a>(&'a [String]);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str("; its last lines:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

fn ms(duration: &Duration) -> String {
    match duration.as_millis() {
        ms @ ..10_000 => format!("{ms} ms"),
        _ => format!("{} s", duration.as_secs()),
    }
}

fn by(owner: Option<&PortOwner>) -> String {
    owner
        .map(|owner| format!(" by process {} ({})", owner.pid, owner.name))
        .unwrap_or_default()
}

fn not_executable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "was not found, or what it needs to run was not".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be executed (permission denied)".to_owned(),
        io::ErrorKind::InvalidInput => "is no command line".to_owned(),
        _ => format!("cannot be executed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_with_the_log() {
        let error = LaunchError::DiedAtStart {
            service: "order".into(),
            exit: Exit::Signal(11),
            after: Duration::from_millis(12),
            log_tail: vec!["loading".into(), "boom".into()],
        };
        let expected = "start `order`: it ended with signal 11 (SIGSEGV) after 12 ms, before it was ready; \
                        its last lines:\n    loading\n    boom";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_port_names_its_owner() {
        let owner = Some(PortOwner {
            pid: 7,
            name: "nginx".into(),
        });
        let error = LaunchError::PortInUse {
            service: "a".into(),
            port: 80,
            owner,
            log_tail: Vec::new(),
        };
        assert_eq!(
            error.to_string(),
            "start `a`: port 80 is in use by process 7 (nginx)"
        );
    }
}
