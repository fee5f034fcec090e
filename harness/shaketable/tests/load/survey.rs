//! The survey: each kind of call alone, so that what it causes is known to be its own.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shaketable::load::script::{Script, Step};
use shaketable::load::{Activity, Arrival, CallLog, Engine, Spec, Unwatched};
use shaketable::record::{Call, Outcome};
use shaketable_faults::observe::Clock;

use crate::stage::{OK, PATIENCE, at, load, request, saying, target};

/// How long an answer has work behind it that goes on.
const AFTERMATH: Duration = Duration::from_millis(80);

/// What goes on behind a target.
#[derive(Debug, Default)]
struct Behind {
    seen: AtomicUsize,
    over: AtomicUsize,
}

impl Activity for Behind {
    fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        self.seen() - self.over.load(Ordering::SeqCst)
    }
}

/// A load of these steps, which all do the same.
fn journey(mut spec: Spec, steps: impl IntoIterator<Item = Step>) -> Spec {
    let stream = &mut spec.streams[0];
    stream.scripts.push(Arc::new(Script {
        weight: 1,
        steps: steps.into_iter().collect(),
        data: None,
    }));
    spec
}

/// A load that has no script yet, and the step that its scripts are made of.
fn spec(address: std::net::SocketAddr, timeout: Duration) -> (Spec, impl Fn(u16) -> Step) {
    let mut spec = load(at(address), Arrival::Serial, PATIENCE, timeout);
    let only = spec.streams[0].scripts.remove(0);
    let step = only.steps[0].clone();
    let of_class = move |class| Step {
        class,
        ..step.clone()
    };
    (spec, of_class)
}

/// The calls of so many surveys, and then of some classes once more.
fn surveyed(spec: Spec, activity: Arc<dyn Activity>, times: usize, more: &[u16]) -> Vec<Call> {
    let (clock, log) = (Clock::start(), Arc::new(CallLog::default()));
    let engine = Engine::start(clock, spec, Arc::<CallLog>::clone(&log), activity).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let all = async {
        for _ in 0..times {
            engine.survey().await;
        }
        engine.one_of_each(Some(more.to_vec())).await;
    };
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, all).await })
        .expect("the survey ends");
    log.calls()
}

#[test]
fn what_a_step_of_a_journey_causes_is_over_before_the_next() {
    let behind = Arc::new(Behind::default());
    let noted = Arc::clone(&behind);
    let address = target(move |mut stream, _| {
        while request(&mut stream).is_some() {
            noted.seen.fetch_add(1, Ordering::SeqCst);
            stream.write_all(OK).unwrap();
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || {
                std::thread::sleep(AFTERMATH);
                noted.over.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    let (spec, step) = spec(address, PATIENCE);
    let mut again = step(2);
    again.repeat = 1;
    let calls = surveyed(journey(spec, [step(0), step(1), again]), behind, 1, &[]);
    let classes: Vec<u16> = calls.iter().map(|call| call.class).collect();
    assert_eq!(classes, [0, 1, 2, 2]);
    for pair in calls.windows(2) {
        // From the request on, of which the answer comes a moment later.
        let apart = Duration::from_nanos(pair[1].sent - pair[0].sent);
        assert!(apart >= AFTERMATH, "{apart:?}");
        assert!(pair.iter().all(|call| call.serial));
    }
}

#[test]
fn what_has_timed_out_is_not_surveyed_again() {
    let silent = target(|mut stream, _| while request(&mut stream).is_some() {});
    let (mut both, never) = spec(silent, Duration::from_millis(100));
    both.targets.push(at(saying(OK)));
    let answered = |class| {
        let mut step = never(class);
        let shaketable::load::script::Act::Http(act) = &mut step.act else {
            unreachable!()
        };
        act.target = 1;
        step.timeout = PATIENCE;
        step
    };
    let (mut repeated, mut passed_over) = (never(0), never(1));
    repeated.repeat = 3;
    passed_over.go_on = true;
    let both = journey(both, [answered(2), repeated, answered(3)]);
    let both = journey(both, [passed_over, answered(4)]);
    let calls = surveyed(both.clone(), Arc::new(Unwatched), 3, &[]);
    let of = |class: u16| calls.iter().filter(|call| call.class == class).count();
    assert_eq!([of(0), of(1), of(2), of(3), of(4)], [1, 1, 3, 0, 3]);
    let late = calls
        .iter()
        .filter(|call| call.outcome == Outcome::TimedOut);
    assert_eq!(late.count(), 2);

    // Whoever wants to see a call time out can.
    let calls = surveyed(both, Arc::new(Unwatched), 1, &[0]);
    let of = |class: u16| calls.iter().filter(|call| call.class == class).count();
    assert_eq!([of(0), of(1), of(2), of(3), of(4)], [5, 1, 2, 0, 1]);
}
