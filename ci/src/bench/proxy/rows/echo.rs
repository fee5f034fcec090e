//! Ping-pong: small messages that wait for each other.

use std::time::{Duration, Instant};

use super::Row;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::proxy::ends::answering::{Answering, OnAThread};
use crate::bench::proxy::ends::asking::Asking;
use crate::bench::proxy::ends::talk::Talk;
use crate::bench::proxy::job::Job;
use crate::bench::proxy::peers::Peer;
use crate::bench::ratio::percentile;
use crate::bench::row::{About, Metric, ONE_WAY, Stand};
use crate::bench::running::Running;

pub(super) const ABOUT: About = About {
    name: "echo",
    title: "64 bytes to and fro on 64 connections",
    ways: ONE_WAY,
    metrics: &[
        Metric::compared("messages/s", 0),
        Metric::shown("p50 ms", 2),
        Metric::shown("p99 ms", 2),
        Metric::compared("CPU s/100k", 2),
    ],
    targets: &[],
    wants_calm: true,
};

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(300);
/// How long no answer may come, in milliseconds.
const SILENCE_MS: u16 = 5000;

struct Echo {
    answering: OnAThread,
}

pub(super) fn open(_: &Bench) -> Result<Box<dyn Row>, BenchError> {
    Ok(Box::new(Echo {
        answering: Answering::new(Talk::Echo)?.on_a_thread()?,
    }))
}

impl Row for Echo {
    fn stand<'a>(
        &'a self,
        bench: &'a Bench,
        peer: &'a dyn Peer,
        job: Job,
    ) -> Result<Box<dyn Stand + 'a>, BenchError> {
        Ok(Box::new(PingPong {
            window: bench.window(),
            proxy: peer.start(bench, job, self.answering.address)?,
        }))
    }
}

struct PingPong {
    window: Duration,
    proxy: Running,
}

impl Stand for PingPong {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        let mut asking = Asking::connect(self.proxy.address, CONNECTIONS, Talk::Echo)?;
        for on in 0..CONNECTIONS {
            asking.ask(on)?;
        }
        play(&mut asking, WARM_UP)?;
        let cpu = self.proxy.cpu_seconds()?;
        let start = Instant::now();
        let mut took = play(&mut asking, self.window)?;
        let elapsed = start.elapsed().as_secs_f64();
        let cpu = self.proxy.cpu_seconds()? - cpu;
        took.sort_by(f64::total_cmp);
        let count = took.len() as f64;
        Ok(vec![
            count / elapsed,
            percentile(&took, 0.5),
            percentile(&took, 0.99),
            cpu / count * 100_000.0,
        ])
    }
}

/// Answers each answer with the next question for so long; gives how long each took, in
/// milliseconds.
fn play(asking: &mut Asking, window: Duration) -> Result<Vec<f64>, BenchError> {
    let start = Instant::now();
    let mut took = Vec::new();
    let mut answers = Vec::new();
    while start.elapsed() < window {
        asking.collect(SILENCE_MS, &mut answers)?;
        if answers.is_empty() {
            let why = format!("no answer came within {SILENCE_MS} ms");
            return Err(BenchError::Measure(why));
        }
        for answer in answers.drain(..) {
            took.push(answer.after.as_secs_f64() * 1000.0);
            asking.ask(answer.on)?;
        }
    }
    Ok(took)
}
