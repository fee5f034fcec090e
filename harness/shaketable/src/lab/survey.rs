//! Finds out which kind of call needs which edge: a few calls, one at a time, with quiescence in
//! between, so that every exchange belongs to the call in whose time it falls.

use std::time::{Duration, Instant};

use shaketable_faults::plane::Proxy;

use crate::load::Engine;

/// Calls for each kind.
const CALLS: usize = 3;
/// Nothing new for so long is quiescence.
const QUIET: Duration = Duration::from_millis(15);
/// The longest wait for it after one call.
const QUIET_MAX: Duration = Duration::from_millis(500);

/// Makes the calls.
pub(super) async fn survey(engine: &Engine, classes: usize, proxies: &[Proxy]) {
    for _ in 0..CALLS {
        for class in 0..classes {
            engine
                .serial(u16::try_from(class).unwrap_or(u16::MAX))
                .await;
            quiescence(proxies).await;
        }
    }
}

/// Waits until nothing is under way on any edge and nothing new comes.
async fn quiescence(proxies: &[Proxy]) {
    let count = || proxies.iter().map(Proxy::count).sum::<usize>();
    let deadline = Instant::now() + QUIET_MAX;
    let mut before = count();
    let mut quiet_since = Instant::now();
    while Instant::now() < deadline && quiet_since.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let now = count();
        if now != before || proxies.iter().any(|proxy| proxy.in_flight() > 0) {
            before = now;
            quiet_since = Instant::now();
        }
    }
}
