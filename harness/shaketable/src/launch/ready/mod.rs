//! When a service counts as ready. One strategy per file; each looks again and again until it is satisfied,
//! and says what it saw last. Time and the target's death are the caller's affair.

mod command;
mod http;
mod log;
mod tcp;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::LaunchError;
use super::kept::KeeperCommand;
use super::order::Order;

/// The pause between two looks.
const POLL: Duration = Duration::from_millis(10);
/// How long one look may take.
const LOOK_MAX: Duration = Duration::from_secs(2);

pub use crate::suite::Ready;

impl Ready {
    /// Whether something has answered on the port, which then must have been the service.
    pub(super) fn asks_port(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Tcp)
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(path) => write!(f, "GET {path} to answer 2xx"),
            Self::Tcp => f.write_str("its port to accept a connection"),
            Self::Log(text) => write!(f, "`{text}` in its log"),
            Self::Command(argv) => write!(f, "`{}` to end with exit code 0", argv.join(" ")),
        }
    }
}

/// What is looked at.
pub(super) struct Target<'a> {
    pub(super) service: &'a str,
    pub(super) address: SocketAddr,
    /// How the service itself was started; its log says where to look for lines.
    pub(super) order: &'a Order,
    /// From where on the log is this start's.
    pub(super) log_from: u64,
    pub(super) keeper: &'a KeeperCommand,
}

/// Waits for as long as it takes. `seen` always says what the last look saw. An error means that looking
/// again would not help.
pub(super) async fn wait(
    ready: &Ready,
    target: &Target<'_>,
    seen: &mut String,
) -> Result<(), LaunchError> {
    match ready {
        Ready::Http(path) => http::wait(target.address, path, seen).await,
        Ready::Tcp => tcp::wait(target.address, seen).await,
        Ready::Log(text) => log::wait(target, text, seen).await,
        Ready::Command(argv) => return command::wait(target, argv, seen).await,
    }
    Ok(())
}
