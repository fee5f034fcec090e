//! A load written by hand on bare sockets, and the engine's: the same count, order and latency.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shaketable::load::Arrival;
use shaketable::load::arrival::{Moments, Profile, Spacing};
use shaketable::record::Outcome;

use crate::stage::{OK, PATIENCE, at, load, request, run, target};

const RATE: u32 = 100;
const CALLS: u32 = 150;
/// How long the target takes, and for how long it once answers nobody.
const WORK: Duration = Duration::from_millis(10);
const STALL: Duration = Duration::from_millis(400);

/// What a target saw: which call came, in the order in which they came.
type Seen = Arc<Mutex<Vec<u64>>>;

/// A target that notes what comes, and stalls once, for all who are there.
fn noting() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    let gate = Arc::new(Mutex::new(()));
    let address = target(move |mut stream, _| {
        while let Some(head) = request(&mut stream) {
            let line = |name| head.lines().find_map(move |line| line.strip_prefix(name));
            let id = line("x-request-id: ").unwrap();
            let nth = {
                let mut noted = noted.lock().unwrap();
                noted.push(u64::from_str_radix(&id[16..], 16).unwrap());
                noted.len()
            };
            {
                let _turn = gate.lock().unwrap();
                if nth == 50 {
                    std::thread::sleep(STALL);
                }
            }
            std::thread::sleep(WORK);
            stream.write_all(OK).unwrap();
        }
    });
    (address, seen)
}

/// The latencies of calls that are sent when they are due, each from a thread of its own.
fn by_hand(address: SocketAddr) -> Vec<Duration> {
    let began = Instant::now() + Duration::from_millis(20);
    let calls: Vec<_> = (0..CALLS)
        .map(|call| {
            let due = began + Duration::from_secs(1) * call / RATE;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let id = format!("{:016x}{:016x}", 1, call + 1);
                write!(
                    stream,
                    "GET / HTTP/1.1\r\nhost: a\r\nx-request-id: {id}\r\n\r\n"
                )
                .unwrap();
                let mut answer = vec![0; OK.len()];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(answer, OK);
                due.elapsed()
            })
        })
        .collect();
    calls.into_iter().map(|call| call.join().unwrap()).collect()
}

/// What so many of a hundred stay below, in milliseconds.
fn at_share(latencies: &[Duration], percent: usize) -> f64 {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let place = sorted.len() * percent / 100;
    sorted[place.min(sorted.len() - 1)].as_secs_f64() * 1e3
}

/// Whether every call came in its place, but for neighbours that pass each other on their way: the
/// target's threads do not always run in the order in which they were woken.
fn is_in_order(seen: &[u64]) -> bool {
    let mut places = (1..).zip(seen);
    places.all(|(place, call)| call.abs_diff(place) <= 20)
}

#[test]
fn the_engine_measures_what_a_load_by_hand_does() {
    let (address, seen) = noting();
    let hand = by_hand(address);
    assert_eq!(seen.lock().unwrap().len(), CALLS as usize);
    assert!(is_in_order(&seen.lock().unwrap()));

    let (address, seen) = noting();
    let moments = Moments::Rate(Profile::constant(f64::from(RATE)), Spacing::Even);
    let lasts = Duration::from_secs(1) * CALLS / RATE;
    let loaded = run(load(at(address), Arrival::Open(moments), lasts, PATIENCE));
    assert_eq!(loaded.count(Outcome::Answered), CALLS as usize);
    assert_eq!(loaded.log.missed(), 0);
    let came = seen.lock().unwrap().clone();
    assert_eq!(came.len(), CALLS as usize);
    assert!(is_in_order(&came), "{came:?}");
    let mut each = came.clone();
    each.sort_unstable();
    assert!(each.iter().copied().eq(1..=u64::from(CALLS)), "{each:?}");
    let intended: Vec<u64> = loaded.calls.iter().map(|call| call.intended).collect();
    let gap = 1_000_000_000 / u64::from(RATE);
    for (place, pair) in intended.windows(2).enumerate() {
        assert!((pair[1] - pair[0]).abs_diff(gap) <= 1, "{place}: {pair:?}");
    }

    let engine: Vec<Duration> = loaded
        .calls
        .iter()
        .map(|call| Duration::from_nanos(call.latency(0)))
        .collect();
    // Both tell of the stall, which hits a quarter of the calls; the machine's noise hits either.
    let floor = WORK.as_secs_f64() * 1e3;
    for (share, apart) in [(50, 60.0), (90, 90.0), (100, 150.0)] {
        let (by_hand, by_engine) = (at_share(&hand, share), at_share(&engine, share));
        assert!(by_hand >= floor && by_engine >= floor);
        let differ = (by_hand - by_engine).abs();
        assert!(
            differ < apart,
            "at {share}: by hand {by_hand} ms, engine {by_engine} ms"
        );
    }
    assert!(at_share(&engine, 100) >= STALL.as_secs_f64() * 1e3 - 30.0);
}
