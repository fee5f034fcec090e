//! Sees to it that short commands leave nothing behind, at the price of one process for all of them.
//!
//! A keeper for each would cost more than the command itself. Instead every one of them has a mark in
//! its environment, and one small process waits for the end of the harness, however that comes, and
//! kills whatever still has the mark.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::kept::{KeeperCommand, MARK, new_mark};
use super::{keeper, platform};

/// The word behind which the sweeper's arguments stand.
pub(super) const FLAG: &str = "--sweep";
/// How often it is looked whether something is left, and how long between two looks.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);

/// The harness's end of a sweeper. Dropping it ends everything that has its mark, and waits for that.
#[derive(Debug)]
pub struct Sweeper {
    mark: String,
    child: Child,
}

impl Sweeper {
    /// Starts it.
    pub fn start(keeper: &KeeperCommand) -> io::Result<Self> {
        let mark = new_mark();
        let child = Command::new(&keeper.program)
            .args(&keeper.prefix)
            .args([FLAG, &format!("{MARK}={mark}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: a terminal's Ctrl-C is for the harness alone.
            .process_group(0)
            .spawn()?;
        Ok(Self { mark, child })
    }

    /// The variable, and its value, that everything must have that is to be swept up.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait();
        if !ended.is_ok_and(|status| status.success()) {
            // Somebody killed it.
            sweep(&format!("{MARK}={}", self.mark));
        }
    }
}

/// The sweeper itself.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let Some(mark) = args.first().and_then(|mark| OsStr::to_str(mark)) else {
        return ExitCode::from(127);
    };
    let _ = keeper::blocked_signals().thread_block();
    let _ = platform::adopt_orphans();
    // The end of the harness, or of its load, ends this.
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
    sweep(mark);
    ExitCode::SUCCESS
}

/// Kills whatever has the mark until nothing has. One look is not enough: what was just forked has it
/// only when it executes its program.
fn sweep(mark: &str) {
    let mut clean = 0;
    for _ in 0..LOOKS {
        let alive = platform::with_mark(mark);
        if alive.is_empty() {
            clean += 1;
            if clean == 2 {
                return;
            }
        } else {
            clean = 0;
            for pid in alive {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        std::thread::sleep(BETWEEN);
    }
}
