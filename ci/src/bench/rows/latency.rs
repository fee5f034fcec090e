//! How exact an injected latency is: 50 ms, beside the same proxy without it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::{About, Metric, Row, Stand, Target};
use crate::bench::Bench;
use crate::bench::ends::answering::Answering;
use crate::bench::ends::asking::Asking;
use crate::bench::ends::talk::Talk;
use crate::bench::error::BenchError;
use crate::bench::job::{Job, LATENCY};
use crate::bench::lane::Lane;
use crate::bench::peers::{Peer, Running};
use crate::bench::ratio::{Bound, percentile};

const fn millis(name: &'static str) -> Metric {
    Metric {
        name,
        decimals: 3,
        compared: false,
    }
}

const METRICS: [Metric; 5] = [
    millis("own mean ms"),
    millis("added - 50 ms: mean"),
    millis("raw - 50 ms: least"),
    millis("p50"),
    millis("p99"),
];

const TARGETS: [Target; 2] = [
    Target {
        metric: 1,
        against: None,
        bound: Bound::Within(0.0, 0.1),
    },
    Target {
        metric: 4,
        against: None,
        bound: Bound::AtMost(0.7),
    },
];

const JOBS: [Job; 2] = [Job::LateBytes, Job::LateHttp];

pub(super) const LOW: About = About {
    name: "latency",
    title: "50 ms injected at low load: 4 connections, 64 messages/s, each after the one before",
    jobs: &JOBS,
    metrics: &METRICS,
    targets: &TARGETS,
};

pub(super) const BUSY: About = About {
    name: "latency-busy",
    title: "50 ms injected at 2,000 messages/s: on 50 connections, several under way on each; \
            HTTP on 200 connections, one under way on each",
    jobs: &JOBS,
    metrics: &METRICS,
    targets: &TARGETS,
};

/// How messages are sent.
#[derive(Clone, Copy)]
struct Shape {
    connections: usize,
    /// On all of them together, evenly.
    per_second: u32,
}

const LOW_LOAD: Shape = Shape {
    connections: 4,
    // One every 62.5 ms on each connection: the one before has come back by then.
    per_second: 64,
};
const BUSY_LOAD: Shape = Shape {
    connections: 50,
    per_second: 2000,
};
/// HTTP answers come one after the other, so a connection carries one exchange in 50 ms.
const BUSY_HTTP: Shape = Shape {
    connections: 200,
    per_second: 2000,
};

/// How long answers may stay out after the last question.
const PATIENCE: Duration = Duration::from_secs(5);

struct Latency {
    bytes: RefCell<Answering>,
    http: RefCell<Answering>,
    busy: bool,
}

pub(super) fn low(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(false)
}

pub(super) fn busy(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    open(true)
}

fn open(busy: bool) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Latency {
        bytes: RefCell::new(Answering::new(Talk::Echo)?),
        http: RefCell::new(Answering::new(Talk::Http)?),
        busy,
    }))
}

impl Row for Latency {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        let (answering, talk) = if job.is_http() {
            (&self.http, Talk::Http)
        } else {
            (&self.bytes, Talk::Echo)
        };
        let shape = match (self.busy, talk) {
            (false, _) => LOW_LOAD,
            (true, Talk::Echo) => BUSY_LOAD,
            (true, Talk::Http) => BUSY_HTTP,
        };
        let upstream = answering.borrow().address;
        Ok(Box::new(Delayed {
            plain: peer.start(bench, job.plain(), upstream)?,
            late: peer.start(bench, job, upstream)?,
            answering,
            talk,
            shape,
            window: bench.window(),
            late_first: false,
        }))
    }
}

/// A proxy without the latency, and one with it.
struct Delayed<'a> {
    plain: Running,
    late: Running,
    answering: &'a RefCell<Answering>,
    talk: Talk,
    shape: Shape,
    window: Duration,
    late_first: bool,
}

impl Stand for Delayed<'_> {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let (late, plain);
        if self.late_first {
            late = self.measure(&self.late)?;
            plain = self.measure(&self.plain)?;
        } else {
            plain = self.measure(&self.plain)?;
            late = self.measure(&self.late)?;
        }
        self.late_first = !self.late_first;
        let set = LATENCY.as_secs_f64() * 1000.0;
        let own = mean(&plain);
        Ok(vec![
            own,
            mean(&late) - own - set,
            late[0] - set,
            percentile(&late, 0.5) - set,
            percentile(&late, 0.99) - set,
        ])
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Delayed<'_> {
    /// How long each message took through a proxy, in milliseconds, sorted.
    ///
    /// One thread plays both ends and never sleeps, so nothing but the proxy has to be woken; it has
    /// a processor of its own where there are several, and the proxy has the others.
    fn measure(&self, proxy: &Running) -> Result<Vec<f64>, BenchError> {
        let lane = Lane::take(proxy)?;
        let mut answering = self.answering.borrow_mut();
        let asking = Asking::connect(proxy.address, self.shape.connections, self.talk)?;
        let mut took = run(asking, &mut answering, self.shape, self.window)?;
        drop(lane);
        took.sort_by(f64::total_cmp);
        Ok(took)
    }
}

fn run(
    mut asking: Asking,
    answering: &mut Answering,
    shape: Shape,
    window: Duration,
) -> Result<Vec<f64>, BenchError> {
    let gap = Duration::from_secs(1) / shape.per_second;
    let mut answers = Vec::new();
    // Each connection is used once first, and what that took is not counted.
    for on in 0..asking.connections() {
        asking.ask(on)?;
    }
    let spin_until =
        |asking: &mut Asking, answering: &mut Answering, answers: &mut Vec<_>, enough| {
            let deadline = Instant::now() + PATIENCE;
            while answers.len() < enough {
                answering.serve(0)?;
                asking.collect(0, answers)?;
                if Instant::now() > deadline {
                    let why = format!("only {} of {enough} messages came back", answers.len());
                    return Err(BenchError::Measure(why));
                }
            }
            Ok(())
        };
    let connections = asking.connections();
    spin_until(&mut asking, answering, &mut answers, connections)?;
    answers.clear();
    let (start, mut sent) = (Instant::now(), 0_u32);
    while start.elapsed() < window {
        while start.elapsed() >= gap * sent {
            asking.ask(sent as usize % connections)?;
            sent += 1;
        }
        answering.serve(0)?;
        asking.collect(0, &mut answers)?;
    }
    spin_until(&mut asking, answering, &mut answers, sent as usize)?;
    Ok(answers
        .iter()
        .map(|answer| answer.after.as_secs_f64() * 1000.0)
        .collect())
}
