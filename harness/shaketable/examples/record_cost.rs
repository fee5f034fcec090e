//! What it costs to record a call, for whoever makes it cheaper: `record_cost CALLS figures|calls`
//! tells a recorder of so many calls that are not made, as the engine does, and prints
//! `recorded CALLS calls in NANOSECONDS ns`.
//!
//! `figures` is the recorder of `shaketable load`, `calls` that of a suite. `cargo ci bench load --only
//! recording` runs it, by the clock and under callgrind.

use std::error::Error;
use std::io::Write;

use shaketable::load::solo::Meter;
use shaketable::load::{CallLog, Recorder};
use shaketable::record::{Call, Outcome};
use shaketable_faults::observe::Clock;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [calls, what] = &args[..] else {
        return Err("usage: record_cost CALLS figures|calls".into());
    };
    let calls: u64 = calls.parse()?;
    let clock = Clock::start();
    let recorder: Box<dyn Recorder> = match &what[..] {
        "figures" => Box::new(Meter::new(clock, 0, None)),
        "calls" => Box::new(CallLog::default()),
        _ => return Err("record either figures or calls".into()),
    };
    let start = clock.now();
    for _ in 0..calls {
        record(recorder.as_ref(), clock);
    }
    let took = clock.now() - start;
    writeln!(std::io::stdout(), "recorded {calls} calls in {took} ns")?;
    Ok(())
}

/// What the engine does besides making a call: two looks at the clock, two words to the recorder.
fn record(recorder: &dyn Recorder, clock: Clock) {
    let sent = clock.now();
    let mut call = Call::begun(0, false, sent, sent);
    let Some(number) = recorder.begin(&call) else {
        return;
    };
    // Up to a millisecond that nobody waits for, so that a histogram is used all over.
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
    call.end = Some(clock.now() + spread);
    (call.outcome, call.status) = (Outcome::Answered, Some(200));
    recorder.end(number, &call, None);
}
