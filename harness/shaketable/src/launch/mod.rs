//! Starts target services as real processes, and sees to it that none of them outlives the harness.
//!
//! ```text
//! harness ──lifeline──▶ keeper ──▶ keeper --exec ══exec══▶ target ──▶ whatever the target starts
//!         ◀──events───    (subreaper: orphans come back to it)
//! ```
//!
//! | file | what it is for |
//! |---|---|
//! | `service` | start a service, wait until it is ready, stop it |
//! | `belongings` | the directory that a target has while it lives, with the files written for it |
//! | `hosts` | what a target's own `/etc/hosts` says |
//! | `stub` | a service without a process, which we play ourselves |
//! | `cargo` | build a service that is started by `cargo` |
//! | `command` | run a setup, reset or teardown command |
//! | `helper` | a process that is no service, such as one that makes the load |
//! | [`keeper`] | the small process over every target: ends the whole tree when the lifeline ends |
//! | `tree` | what a keeper keeps: the target and everything that it has started |
//! | `keep_exec` | the step between keeper and target, which becomes the target |
//! | `sweeper` | sees to it that short commands of the load leave nothing behind |
//! | `kept` | the harness's end of a keeper |
//! | `order` | what is to be executed, with every `$NAME` replaced |
//! | `event` | what a keeper tells, and how a process ended |
//! | `ready` | when a service counts as ready, one strategy per file |
//! | `port` | the choice of a port that nobody else has |
//! | `claim` | an address that the suite names for a proxy, held against other harnesses |
//! | `look` | what the processes of services do, and their sockets |
//! | `log` | the last lines of a log, and reading one as it grows |
//! | `platform` | what only some systems can do |
//!
//! Invariant: a target is only ever started by a keeper, and a keeper only ever ends after its tree. (The commands
//! that a load runs as calls are no targets; a sweeper ends what is left of them.)

mod belongings;
mod cargo;
mod claim;
mod command;
mod error;
mod event;
mod helper;
mod hosts;
mod keep_exec;
pub mod keeper;
mod kept;
mod log;
mod look;
mod order;
mod platform;
mod port;
mod ready;
mod service;
mod stub;
mod sweeper;
mod tree;

pub use self::cargo::{CargoBin, cargo_build};
pub use self::claim::{AddressClaim, claim_address, why_not};
pub use self::command::{CommandSpec, run_command};
pub use self::error::{CommandEnd, LaunchError, PortOwner};
pub use self::event::{Exit, Stopped};
pub use self::helper::{Helper, HelperSpec};
pub use self::kept::KeeperCommand;
pub use self::log::last_lines;
pub use self::look::{Look, Process, Subject, Watcher};
pub use self::ready::Ready;
pub use self::service::{Running, ServiceSpec, start};
pub use self::stub::{Played, play};
pub use self::sweeper::Sweeper;
