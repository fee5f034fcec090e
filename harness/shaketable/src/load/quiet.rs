//! Quiescence: the end of everything that a call has caused behind the target.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Nothing new for so long is quiescence.
const QUIET: Duration = Duration::from_millis(15);
/// The longest wait for it after one call.
const QUIET_MAX: Duration = Duration::from_millis(500);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(3);

/// What is under way behind the targets, so that a call can be made alone.
pub trait Activity: Debug + Send + Sync {
    /// How much has been seen so far.
    fn seen(&self) -> usize;
    /// How much of that is still under way.
    fn under_way(&self) -> usize;
}

/// Nobody watches what is behind the targets.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Activity for Unwatched {
    fn seen(&self) -> usize {
        0
    }

    fn under_way(&self) -> usize {
        0
    }
}

/// The end of everything that a call caused.
#[derive(Clone, Debug)]
pub(super) struct Quiet(Arc<dyn Activity>);

impl Quiet {
    /// As far as this tells.
    pub(super) fn by(activity: Arc<dyn Activity>) -> Self {
        Self(activity)
    }

    /// Waits until nothing is under way behind the targets and nothing new comes.
    pub(super) async fn comes(&self) {
        let deadline = tokio::time::Instant::now() + QUIET_MAX;
        let mut before = self.0.seen();
        let mut since = tokio::time::Instant::now();
        while tokio::time::Instant::now() < deadline && since.elapsed() < QUIET {
            tokio::time::sleep(LOOK).await;
            let now = self.0.seen();
            if now != before || self.0.under_way() > 0 {
                before = now;
                since = tokio::time::Instant::now();
            }
        }
    }
}
