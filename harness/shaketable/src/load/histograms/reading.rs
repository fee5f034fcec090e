//! Reads a log back, for the tests.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

/// The calls that a log holds, by tag: how many lines, and all of them together.
pub(super) fn read(log: &[u8]) -> BTreeMap<String, (usize, Histogram<u64>)> {
    let mut tags: BTreeMap<String, (usize, Histogram<u64>)> = BTreeMap::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(line) = entry.unwrap() else {
            continue;
        };
        let bytes = decode(line.encoded_histogram());
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        let tag = line.tag().unwrap().as_str().to_owned();
        let (lines, sum) = tags
            .entry(tag)
            .or_insert_with(|| (0, Histogram::new(3).unwrap()));
        *lines += 1;
        sum.add(histogram).unwrap();
    }
    tags
}

/// Base64, as RFC 4648 has it.
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|letter| *letter == digit).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).unwrap());
        }
    }
    bytes
}
