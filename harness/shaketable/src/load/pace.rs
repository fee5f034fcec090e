//! Waiting until a call is due.

use std::rc::Rc;
use std::time::Duration;

use shaketable_faults::observe::Clock;
use shaketable_faults::timer;

use super::spec::Pacing;
use crate::record::Nanos;

/// A gap so short is not slept through. At 5,000 calls a second on a shared machine with two processors,
/// sleeping made the standard deviation of the gaps 0.27 to 0.61 of their mean, and waiting awake 0.05
/// to 0.23; to be awake only for the last 100 us of each was no better than to sleep.
const AWAKE: Duration = Duration::from_micros(250);

/// How the calls of a load are waited for.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    clock: Clock,
    precise: Option<Rc<Driver>>,
}

/// Drives the exact timers of this thread as long as it lives.
#[derive(Debug)]
struct Driver(tokio::task::AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pace {
    /// To be made on the thread that waits, within its `LocalSet`.
    pub(super) fn new(clock: Clock, pacing: Pacing) -> Self {
        let precise = (pacing != Pacing::LowCpu).then(|| {
            let driver = tokio::task::spawn_local(async {
                // Without a kernel timer nothing would ever be due; tokio's serves then.
                let _ = timer::drive(AWAKE).await;
            });
            Rc::new(Driver(driver.abort_handle()))
        });
        Self { clock, precise }
    }

    /// Waits until a moment; not at all when that is past.
    pub(super) async fn until(&self, at: Nanos) {
        let due = self.clock.at(at);
        if self.precise.is_some() {
            timer::sleep_until(due).await;
        } else {
            tokio::time::sleep_until(due.into()).await;
        }
    }
}
