//! A machine without descriptors to spare; in a process of its own, whose limit is lowered.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shaketable::load::Arrival;
use shaketable::load::arrival::Moments;
use shaketable::record::Outcome;

use crate::stage::{OK, PATIENCE, alone, at, load, request, run, target, told};

const CALLS: usize = 200;
const DESCRIPTORS: u64 = 64;

#[test]
fn calls_without_a_descriptor_are_exhausted_and_the_others_go_on() {
    if let Some(address) = told() {
        return with_few_descriptors(address.parse().unwrap());
    }
    // The target is in this process, which has descriptors enough.
    let address = target(|mut stream, _| {
        while request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(300));
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    let this = "descriptors::calls_without_a_descriptor_are_exhausted_and_the_others_go_on";
    alone(this, &address.to_string());
}

fn with_few_descriptors(address: SocketAddr) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, hard).unwrap();
    let burst = Arrival::Open(Moments::burst(CALLS));
    let loaded = run(load(at(address), burst, Duration::from_secs(1), PATIENCE));
    let answered = loaded.count(Outcome::Answered);
    let exhausted = loaded.count(Outcome::Exhausted);
    assert_eq!(answered + exhausted, CALLS, "{:?}", loaded.log.errors());
    assert!(
        answered >= 20 && exhausted >= CALLS - 64,
        "{answered} answered"
    );
    let example = loaded.example(Outcome::Exhausted);
    assert!(example.contains("files"), "{example}");
}
