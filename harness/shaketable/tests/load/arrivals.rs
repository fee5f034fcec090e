//! Every way in which calls arrive, on a real server: what is due when, and that it comes.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shaketable::load::arrival::{Moments, Piece, Profile, Spacing, Then};
use shaketable::load::client::Target;
use shaketable::load::{Activity, Arrival, CallLog, Engine, Pacing, Spec, Unwatched};
use shaketable::record::{Call, Outcome, Phase};
use shaketable_faults::observe::Clock;

use crate::stage::{OK, PATIENCE, at, load, request, run, target, until};

const LASTS: Duration = Duration::from_secs(1);
/// How late a call may come on a busy machine, in the middle of all.
const LATE: u64 = 50_000_000;

/// When requests came.
type Came = Arc<Mutex<Vec<Instant>>>;

/// A target that answers at once, and notes when it was asked.
fn noting() -> (Target, Came) {
    let came = Came::default();
    let noted = Arc::clone(&came);
    let address = target(move |mut stream, _| {
        while request(&mut stream).is_some() {
            noted.lock().unwrap().push(Instant::now());
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    (at(address), came)
}

fn rate(profile: Profile, spacing: Spacing) -> Arrival {
    Arrival::Open(Moments::Rate(profile, spacing))
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The moments that are due within the load, from its beginning, as its own mathematics says.
fn due(arrival: &Arrival, seed: u64) -> Vec<u64> {
    let Arrival::Open(moments) = arrival else {
        panic!("{arrival} has no schedule")
    };
    let within = |at: &u64| *at < u64::try_from(LASTS.as_nanos()).unwrap();
    moments.schedule(seed).take_while(within).collect()
}

#[test]
fn every_open_arrival_comes_as_its_schedule_says() {
    let open = [
        rate(Profile::constant(150.0), Spacing::Even),
        rate(Profile::constant(150.0), Spacing::Jitter),
        rate(Profile::constant(150.0), Spacing::Poisson),
        rate(Profile::ramp(0.0, 200.0, LASTS), Spacing::Even),
        rate(
            Profile::spike(50.0, millis(400), 400.0, millis(200)),
            Spacing::Even,
        ),
        rate(
            Profile {
                pieces: vec![
                    Piece::level(50.0, millis(500)),
                    Piece::level(150.0, millis(250)),
                ],
                then: Then::Level(20.0),
            },
            Spacing::Even,
        ),
        rate(
            Profile {
                pieces: vec![
                    Piece::level(200.0, millis(200)),
                    Piece::level(0.0, millis(200)),
                ],
                then: Then::Again,
            },
            Spacing::Even,
        ),
        Arrival::Open(Moments::burst(80)),
        Arrival::Open(Moments::Recorded(
            [0, 5_000_000, 5_000_000, 900_000_000].into(),
        )),
    ];
    for arrival in open {
        let (target, came) = noting();
        let loaded = run(load(target, arrival.clone(), LASTS, PATIENCE));
        let intended: Vec<u64> = loaded.calls.iter().map(|call| call.intended).collect();
        let expected = due(&arrival, shaketable_faults::dice::join(1, 0));
        assert_eq!(intended.len(), expected.len(), "{arrival}");
        // The load began at some moment of the clock; from there on it is exact.
        let began = intended[0] - expected[0];
        for (intended, expected) in intended.iter().zip(&expected) {
            assert_eq!(intended - began, *expected, "{arrival}");
        }
        assert_eq!(loaded.count(Outcome::Answered), expected.len(), "{arrival}");
        assert_eq!(came.lock().unwrap().len(), expected.len(), "{arrival}");
        let mut late: Vec<u64> = loaded.calls.iter().map(|c| c.sent - c.intended).collect();
        late.sort_unstable();
        assert!(late[late.len() / 2] < LATE, "{arrival}: {late:?}");
        in_time(&came, &expected, &arrival);
    }
}

/// The server saw the calls when they were due, give or take what the machine did meanwhile.
fn in_time(came: &Came, expected: &[u64], arrival: &Arrival) {
    let mut came = came.lock().unwrap().clone();
    came.sort_unstable();
    let mut off: Vec<u64> = came
        .iter()
        .zip(expected)
        .map(|(at, due)| {
            let at = at.duration_since(came[0]).as_nanos();
            u64::try_from(at).unwrap().abs_diff(due - expected[0])
        })
        .collect();
    off.sort_unstable();
    assert!(off[off.len() / 2] < LATE, "{arrival}: {off:?}");
}

#[test]
fn users_think_between_their_calls() {
    let (target, came) = noting();
    let think = millis(50);
    let loaded = run(load(
        target,
        Arrival::Users { users: 4, think },
        LASTS,
        PATIENCE,
    ));
    let calls = loaded.calls.len();
    // Four users, each of whom thinks 50 ms: 80 a second at most, and each made some.
    assert!((8..=84).contains(&calls), "{calls}");
    assert_eq!(came.lock().unwrap().len(), calls);
    let in_flight = |call: &Call| {
        let during = |other: &&Call| other.sent <= call.sent && other.end > Some(call.sent);
        loaded.calls.iter().filter(during).count()
    };
    assert!(loaded.calls.iter().all(|call| in_flight(call) <= 4));
}

#[test]
fn serial_calls_are_alone() {
    let (target, _) = noting();
    let mut spec = load(target, Arrival::Serial, PATIENCE, PATIENCE);
    spec.streams[0].calls = Some(8);
    let loaded = run(spec);
    assert_eq!(loaded.calls.len(), 8);
    for pair in loaded.calls.windows(2) {
        assert!(
            pair[0].serial && pair[0].end.unwrap() < pair[1].sent,
            "{pair:?}"
        );
    }
}

#[test]
fn streams_begin_with_their_phases_and_go_side_by_side() {
    let (target, _) = noting();
    let mut spec: Spec = load(
        target,
        rate(Profile::constant(100.0), Spacing::Even),
        LASTS,
        PATIENCE,
    );
    let burst = Arrival::Open(Moments::burst(30));
    let mut rush = load(spec.targets[0].clone(), burst, LASTS, PATIENCE)
        .streams
        .remove(0);
    (rush.starts, rush.after) = (Phase::Fault, millis(100));
    spec.streams.push(rush);
    spec.pacing = Pacing::Precise;
    let log = Arc::new(CallLog::default());
    let clock = Clock::start();
    let activity: Arc<dyn Activity> = Arc::new(Unwatched);
    let engine = Engine::start(clock, spec, Arc::clone(&log) as _, activity).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let fault = runtime.block_on(async {
        engine.phase(Phase::Baseline, clock.now());
        until("the first stream is under way", || log.calls().len() >= 20);
        let fault = clock.now();
        engine.phase(Phase::Fault, fault);
        let ended = tokio::time::timeout(PATIENCE, engine.ended());
        ended.await.unwrap();
        fault
    });
    let calls = log.calls();
    let at = fault + 100_000_000;
    let rush = calls.iter().filter(|call| call.intended == at).count();
    assert!((30..=31).contains(&rush), "{rush}");
    assert_eq!(calls.len(), 130);
}
