//! Whatever bytes come, in whatever pieces: nothing panics, and a message ends where it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first bytes say how the others are cut.
    let (pieces, bytes) = input.split_at(input.len().min(12));
    shaketable_faults::fuzzing::framing(bytes, pieces);
});
