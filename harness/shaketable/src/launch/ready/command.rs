//! Ready when a command ends with exit code 0. It runs under a keeper of its own, with its output thrown
//! away; dropping the wait ends a run that is under way.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::super::event::Exit;
use super::super::kept::Kept;
use super::super::order::{Order, not_started};
use super::Target;
use crate::launch::LaunchError;

/// A process is dearer than a connection, so it is started less often than the others look.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn wait(
    target: &Target<'_>,
    argv: &[String],
    seen: &mut String,
) -> Result<(), LaunchError> {
    let order = Order {
        argv: argv.to_owned(),
        log: PathBuf::from("/dev/null"),
        // They are the target's.
        belongings: None,
        ..target.order.clone()
    };
    "it has not ended once".clone_into(seen);
    loop {
        let run = Kept::spawn(&order, target.keeper, Duration::ZERO, ()).await;
        let mut run = run.map_err(|failure| not_started(target.service, &order, &failure))?;
        let exit = run.exited().await;
        run.ended(Duration::ZERO).await;
        if exit == Exit::Code(0) {
            return Ok(());
        }
        *seen = format!("it ended with {exit}");
        sleep(PAUSE).await;
    }
}
