//! What it costs to record a call: `cargo run --release --example record_cost [CALLS]`; under
//! `valgrind --tool=callgrind` the instructions tell, whatever the machine's mood.

#![expect(clippy::print_stdout, reason = "an example that is looked at")]

use std::hint::black_box;
use std::time::Instant;

use shaketable::load::{CallLog, Recorder};
use shaketable::record::{Call, Outcome};
use shaketable_faults::observe::Clock;

fn main() {
    let calls = std::env::args().nth(1).and_then(|calls| calls.parse().ok());
    let calls: u32 = calls.unwrap_or(2_000_000);
    let (clock, log) = (Clock::start(), CallLog::default());
    let log: &dyn Recorder = black_box(&log);
    let began = Instant::now();
    for _ in 0..calls {
        let now = clock.now();
        let mut call = Call::begun(0, false, now, now);
        if let Some(number) = log.begin(&call) {
            call.end = Some(clock.now());
            (call.outcome, call.status) = (Outcome::Answered, Some(200));
            log.end(number, &call, None);
        }
    }
    let each = began.elapsed() / calls;
    let began = Instant::now();
    for _ in 0..calls {
        black_box((clock.now(), clock.now()));
    }
    let clock_alone = began.elapsed() / calls;
    println!("{each:?} a call, of which reading the clock twice is {clock_alone:?}");
}
