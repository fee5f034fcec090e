//! A closed load on one target, for a look at what a call costs:
//! `cargo run --release --example load_closed -- 127.0.0.1:8080/path USERS SECONDS [h2] [close]`.

#![expect(clippy::print_stdout, reason = "an example that is looked at")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use shaketable::load::client::{Address, Target, Version};
use shaketable::load::script::{Act, HttpAct, Script, Step};
use shaketable::load::{Arrival, CallLog, Engine, Pacing, Spec, Stream, Unwatched};
use shaketable::record::{Call, Phase};
use shaketable_faults::observe::Clock;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, users, seconds, options @ ..] = &args[..] else {
        return Err("say 127.0.0.1:8080/path USERS SECONDS [h2] [close]".into());
    };
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let mut target = Target::new(Address::Tcp(host.parse()?), host);
    if options.iter().any(|option| option == "h2") {
        target.version = Version::Http2;
    }
    target.keep_alive = !options.iter().any(|option| option == "close");
    let spec = spec(target, path, users.parse()?, seconds.parse()?);

    let log = Arc::new(CallLog::default());
    let clock = Clock::start();
    let engine = Engine::start(
        clock,
        spec,
        Arc::<CallLog>::clone(&log),
        Arc::new(Unwatched),
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let began = clock.now();
    engine.phase(Phase::Baseline, began);
    runtime.block_on(engine.ended());
    let took = Duration::from_nanos(clock.now() - began);

    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let cpu = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    log.since(0, |calls| {
        let good = calls.iter().filter(|call| call.is_good()).count();
        let mut latencies: Vec<u64> = calls.iter().map(|call| call.latency(0)).collect();
        latencies.sort_unstable();
        let at = |percent: usize| {
            let place = latencies.len() * percent / 100;
            latencies.get(place).copied().unwrap_or_default() as f64 / 1e6
        };
        println!(
            "{good} of {} good in {took:?}: {:.0}/s, {:.3} CPU-s per 100k, p50 {:.3} ms, p99 {:.3} ms, {} MB at most, {} bytes a record",
            calls.len(),
            calls.len() as f64 / took.as_secs_f64(),
            cpu as f64 / 1e6 * 1e5 / calls.len() as f64,
            at(50),
            at(99),
            used.max_rss() / 1024,
            size_of::<Call>(),
        );
    });
    for error in log.errors() {
        println!(
            "{} × {}: {}",
            error.count,
            error.outcome.name(),
            error.example
        );
    }
    Ok(())
}

fn spec(target: Target, path: &str, users: usize, seconds: u64) -> Spec {
    let act = Act::Http(HttpAct {
        target: 0,
        method: http::Method::GET,
        path: format!("/{path}"),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    });
    let script = Script::alone(1, Step::new(0, Duration::from_secs(10), act));
    let stream = Stream {
        name: "closed".to_owned(),
        starts: Phase::Baseline,
        after: Duration::ZERO,
        lasts: Some(Duration::from_secs(seconds)),
        calls: None,
        arrival: Arrival::Users {
            users,
            think: Duration::ZERO,
        },
        in_flight: users,
        scripts: vec![Arc::new(script)],
    };
    Spec {
        seed: 1,
        trace_base: 1,
        pacing: Pacing::Auto,
        targets: vec![target],
        streams: vec![stream],
    }
}
