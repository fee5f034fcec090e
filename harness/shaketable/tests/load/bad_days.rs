//! Loads on bad days: whatever the target does, every call is counted under what became of it,
//! memory stays bounded, and the run ends on time.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use shaketable::load::Arrival;
use shaketable::load::arrival::{Moments, Profile, Spacing};
use shaketable::load::client::{Address, Target};
use shaketable::record::Outcome;

use crate::stage::{
    Loaded, OK, PATIENCE, alone, at, load, request, reset, run, saying, target, told,
};

const LASTS: Duration = Duration::from_millis(500);
const CALLS: usize = 100;

/// 100 calls in half a second.
fn on(target: Target, timeout: Duration) -> Loaded {
    let moments = Moments::Rate(Profile::constant(200.0), Spacing::Even);
    let loaded = run(load(target, Arrival::Open(moments), LASTS, timeout));
    assert_eq!(loaded.calls.len(), CALLS);
    assert_eq!(loaded.log.missed(), 0);
    let errors: u64 = loaded.log.errors().iter().map(|error| error.count).sum();
    assert_eq!(
        errors + loaded.count(Outcome::Answered) as u64,
        CALLS as u64
    );
    assert!(loaded.calls.iter().all(|call| call.end.is_some()));
    loaded
}

#[test]
fn a_target_that_is_down_refuses_every_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let loaded = on(at(address), PATIENCE);
    assert_eq!(loaded.count(Outcome::Refused), CALLS);
    assert!(
        loaded
            .example(Outcome::Refused)
            .contains("connect to 127.0.0.1")
    );
}

#[test]
fn users_of_a_target_that_is_down_do_not_burn_the_processor() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let users = Arrival::Users {
        users: 4,
        think: Duration::ZERO,
    };
    let loaded = run(load(at(address), users, LASTS, PATIENCE));
    assert!(
        (4..=4 * 51).contains(&loaded.calls.len()),
        "{}",
        loaded.calls.len()
    );
    assert_eq!(loaded.count(Outcome::Refused), loaded.calls.len());
}

#[test]
fn a_target_that_goes_down_within_the_run_refuses_the_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(40) {
            let mut stream = stream.unwrap();
            request(&mut stream);
            stream.write_all(OK).unwrap();
        }
    });
    let mut once = at(address);
    once.keep_alive = false;
    let loaded = on(once, PATIENCE);
    let (answered, refused) = (
        loaded.count(Outcome::Answered),
        loaded.count(Outcome::Refused),
    );
    assert!(answered >= 35, "{answered} answered");
    assert!(refused >= 30, "{refused} refused");
    let broken = loaded.count(Outcome::Broken);
    assert_eq!(
        answered + refused + broken,
        CALLS,
        "{:?}",
        loaded.log.errors()
    );
}

#[test]
fn garbage_is_malformed() {
    let loaded = on(at(saying(b"\x16\x03\x01 what?\r\n\r\n")), PATIENCE);
    assert_eq!(loaded.count(Outcome::Malformed), CALLS);
    assert!(loaded.example(Outcome::Malformed).contains("what?"));
}

#[test]
fn an_answer_that_never_ends_times_out() {
    let address = target(|mut stream, _| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b"and so on\n").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let loaded = on(at(address), Duration::from_millis(200));
    assert_eq!(loaded.count(Outcome::TimedOut), CALLS);
    assert!(loaded.example(Outcome::TimedOut).contains("200ms"));
    assert!(
        loaded.took < LASTS + Duration::from_secs(10),
        "{:?}",
        loaded.took
    );
}

#[test]
fn a_target_that_resets_breaks_calls_and_answers_the_others() {
    let address = target(|mut stream, number| {
        request(&mut stream);
        if number % 2 == 0 {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal");
            reset(stream);
        } else {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole");
        }
    });
    let loaded = on(at(address), PATIENCE);
    assert_eq!(loaded.count(Outcome::Broken), CALLS / 2);
    assert_eq!(loaded.count(Outcome::Answered), CALLS / 2);
    let example = loaded.example(Outcome::Broken);
    assert!(example.contains("connection"), "{example}");
}

#[test]
fn a_host_that_nobody_knows_is_counted_as_such() {
    let address = Address::Host {
        name: "nowhere.invalid".to_owned(),
        port: 80,
    };
    let loaded = on(Target::new(address, "nowhere.invalid"), PATIENCE);
    assert_eq!(loaded.count(Outcome::Unresolved), CALLS);
    assert!(
        loaded
            .example(Outcome::Unresolved)
            .contains("nowhere.invalid")
    );
}

/// The most memory that this process ever had, in MiB.
#[cfg(target_os = "linux")]
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn of_a_gibibyte_nothing_is_kept() {
    const PIECE: usize = 1 << 20;
    // What others need in the meantime is not to be counted.
    if told().is_none() {
        return alone("bad_days::of_a_gibibyte_nothing_is_kept", "");
    }
    let address = target(|mut stream, _| {
        let piece = vec![b'x'; PIECE];
        while request(&mut stream).is_some() {
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                1 << 30
            );
            for _ in 0..1024 {
                if stream.write_all(&piece).is_err() {
                    return;
                }
            }
        }
    });
    let before = peak_mib();
    let mut spec = load(
        at(address),
        Arrival::Open(Moments::burst(2)),
        LASTS,
        PATIENCE,
    );
    spec.streams[0].calls = Some(2);
    let loaded = run(spec);
    assert_eq!(
        loaded.count(Outcome::Answered),
        2,
        "{:?}",
        loaded.log.errors()
    );
    let grown = peak_mib() - before;
    assert!(grown < 100, "{grown} MiB more");
}

#[test]
fn a_rate_that_is_out_of_reach_is_missed_in_numbers() {
    const EACH_SECOND: u32 = 400_000;
    let moments = Moments::Rate(Profile::constant(f64::from(EACH_SECOND)), Spacing::Even);
    let mut spec = load(at(saying(OK)), Arrival::Open(moments), LASTS, PATIENCE);
    spec.streams[0].in_flight = 20;
    let loaded = run(spec);
    let made = loaded.calls.len() as u64;
    assert_eq!(made + loaded.log.missed(), u64::from(EACH_SECOND) / 2);
    assert!(loaded.log.missed() > 0);
    assert_eq!(
        loaded.count(Outcome::Answered) as u64,
        made,
        "{:?}",
        loaded.log.errors()
    );
    assert!(
        loaded.took < LASTS + Duration::from_secs(20),
        "{:?}",
        loaded.took
    );
}
