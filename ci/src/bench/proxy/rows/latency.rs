//! How exact an injected latency is: 50 ms, beside the same proxy without it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::{Row, TCP_AND_HTTP};
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::proxy::ends::answering::Answering;
use crate::bench::proxy::ends::asking::{Answered, Asking};
use crate::bench::proxy::ends::sleeping::Sleeping;
use crate::bench::proxy::ends::talk::Talk;
use crate::bench::proxy::job::{Job, LATENCY};
use crate::bench::proxy::lane::Lane;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::{Bound, percentile};
use crate::bench::row::{About, Metric, Stand, Target};
use crate::bench::running::Running;

const fn millis(name: &'static str) -> Metric {
    Metric::shown(name, 3)
}

const METRICS: [Metric; 7] = [
    millis("own mean"),
    millis("added mean"),
    millis("raw least"),
    millis("raw p50"),
    millis("raw p99"),
    millis("sleep p99"),
    Metric::shown("unseen %", 1),
];

const TARGETS: [Target; 2] = [
    Target {
        metric: 1,
        way: None,
        against: None,
        bound: Bound::Within(0.0, 0.1),
    },
    Target {
        metric: 4,
        way: None,
        against: None,
        bound: Bound::AtMost(0.7),
    },
];

pub(super) const JOBS: [Job; 2] = [Job::LateBytes, Job::LateHttp];

pub(super) const LOW: About = About {
    name: "latency",
    title: "50 ms injected at low load: 4 connections, 64 messages/s, each after the one before; in \
            ms, own: without the fault, added: beyond 50 ms and its own, raw: beyond 50 ms; sleep: how \
            late threads wake up that only sleep so long, as often; unseen: left out because the measuring thread was interrupted",
    ways: TCP_AND_HTTP,
    metrics: &METRICS,
    targets: &TARGETS,
    wants_calm: true,
};

pub(super) const BUSY: About = About {
    name: "latency-busy",
    title: "50 ms injected at 2,000 messages/s: on 50 connections, several under way on each; \
            HTTP on 200 connections, one under way on each",
    ways: TCP_AND_HTTP,
    metrics: &METRICS,
    targets: &TARGETS,
    wants_calm: true,
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

/// A turn of the thread that measures takes a few microseconds, some dozens when many messages come
/// at once. One that takes longer was interrupted.
const STALL: Duration = Duration::from_micros(200);
/// The share of answers that may be unseen because of that.
const UNSEEN_MAX: f64 = 0.5;

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
        let own = mean(&plain.millis);
        Ok(vec![
            own,
            mean(&late.millis) - own - set,
            late.millis[0] - set,
            percentile(&late.millis, 0.5) - set,
            percentile(&late.millis, 0.99) - set,
            percentile(&self.sleep()?, 0.99),
            late.unseen * 100.0,
        ])
    }
}

/// How long messages took, sorted.
struct Took {
    millis: Vec<f64>,
    /// The share of those that are not in it, because we may have made them late ourselves.
    unseen: f64,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Delayed<'_> {
    /// How late this machine wakes threads up that want nothing else, as many a second.
    fn sleep(&self) -> Result<Vec<f64>, BenchError> {
        let busy_ms = LATENCY.subsec_millis() * self.shape.per_second;
        let sleeping = Sleeping {
            threads: busy_ms.div_ceil(1000) as usize,
            each: LATENCY,
            window: self.window,
        };
        sleeping.measure(&Lane::take(&self.late)?)
    }

    /// How long each message took through a proxy, in milliseconds, sorted.
    ///
    /// One thread plays both ends and never sleeps, so nothing but the proxy has to be woken; it has
    /// a processor of its own where there are several, and the proxy has the others.
    fn measure(&self, proxy: &Running) -> Result<Took, BenchError> {
        let lane = Lane::take(proxy)?;
        let player = Player {
            asking: Asking::connect(proxy.address, self.shape.connections, self.talk)?,
            answering: &mut self.answering.borrow_mut(),
            answers: Vec::new(),
            last: Instant::now(),
        };
        let answers = player.play(self.shape, self.window)?;
        drop(lane);
        let seen = answers.iter().filter(|answer| !answer.marked);
        let mut millis: Vec<f64> = seen
            .map(|answer| answer.after.as_secs_f64() * 1000.0)
            .collect();
        millis.sort_by(f64::total_cmp);
        let unseen = 1.0 - millis.len() as f64 / answers.len() as f64;
        if unseen > UNSEEN_MAX {
            let share = unseen * 100.0;
            let why = format!("others kept us from seeing {share:.0} % of the answers in time");
            return Err(BenchError::Measure(why));
        }
        Ok(Took { millis, unseen })
    }
}

/// The thread that plays both ends.
struct Player<'a> {
    asking: Asking,
    answering: &'a mut Answering,
    answers: Vec<Answered>,
    last: Instant,
}

impl Player<'_> {
    /// One look at both ends. If this thread was kept from looking for a while, then nobody knows
    /// when what it finds has come, and it is marked.
    fn turn(&mut self) -> Result<(), BenchError> {
        let known = self.answers.len();
        let start = Instant::now();
        let late = start - self.last > STALL;
        self.answering.serve(0, late)?;
        self.asking.collect(0, &mut self.answers)?;
        self.last = Instant::now();
        if late || self.last - start > STALL {
            for answer in &mut self.answers[known..] {
                answer.marked = true;
            }
        }
        Ok(())
    }

    /// Goes on until so many answers have come.
    fn until(&mut self, enough: usize) -> Result<(), BenchError> {
        let deadline = Instant::now() + PATIENCE;
        while self.answers.len() < enough {
            self.turn()?;
            if Instant::now() > deadline {
                let come = self.answers.len();
                let why = format!("only {come} of {enough} messages came back");
                return Err(BenchError::Measure(why));
            }
        }
        Ok(())
    }

    fn play(mut self, shape: Shape, window: Duration) -> Result<Vec<Answered>, BenchError> {
        let connections = self.asking.connections();
        // Each connection is used once first, and what that took is not counted.
        for on in 0..connections {
            self.asking.ask(on)?;
        }
        self.until(connections)?;
        self.answers.clear();
        let gap = Duration::from_secs(1) / shape.per_second;
        let (start, mut sent) = (Instant::now(), 0_u32);
        while start.elapsed() < window {
            while start.elapsed() >= gap * sent {
                self.asking.ask(sent as usize % connections)?;
                sent += 1;
            }
            self.turn()?;
        }
        self.until(sent as usize)?;
        Ok(self.answers)
    }
}
