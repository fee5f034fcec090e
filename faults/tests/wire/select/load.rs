//! Load on the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Threads that keep the processors busy until this is dropped.
pub(super) struct Busy {
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<u64>>,
}

impl Busy {
    pub(super) fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..4)
            .map(|_| {
                let over = Arc::clone(&over);
                std::thread::spawn(move || {
                    let mut rounds = 0_u64;
                    while !over.load(Ordering::Relaxed) {
                        rounds = std::hint::black_box(rounds + 1);
                    }
                    rounds
                })
            })
            .collect();
        Self { over, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
