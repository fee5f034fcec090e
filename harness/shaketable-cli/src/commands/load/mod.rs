//! `shaketable load`: the engine alone, on one URL.

mod spec;

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use shaketable::load::histograms::Log;
use shaketable::load::solo::{Meter, Report, Used};
use shaketable::load::{Engine, Pacing, Spec, Unwatched};
use shaketable::record::Phase;
use shaketable_faults::observe::Clock;
use tokio_util::sync::CancellationToken;

use super::run::{cancel_on_signal, raise_descriptor_limit};
use crate::args::load::{FormatArg, LoadArgs};
use crate::exit::{self, Exit};
use crate::terminal::{self, complain, say};

/// What is wrong, and the exit code for it.
type Refusal = (Exit, String);

pub(super) fn load(args: &LoadArgs) -> Exit {
    match carry_out(args) {
        Ok(exit) => exit,
        Err((exit, why)) => {
            complain(&why);
            exit
        }
    }
}

fn carry_out(args: &LoadArgs) -> Result<Exit, Refusal> {
    let spec = spec::spec(args)?;
    let pacing = spec.pacing.chosen(&spec.streams);
    let log = args
        .hdr
        .as_deref()
        .map(|file| open_log(file, args))
        .transpose()?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| (exit::ENVIRONMENT, format!("failed to start: {error}")))?;
    let (report, signal) = runtime.block_on(run(args, spec, pacing, log))?;
    match args.format {
        FormatArg::Json => {
            let json = serde_json::to_string_pretty(&report);
            say(&json.map_err(|error| (exit::ENVIRONMENT, error.to_string()))?);
        }
        FormatArg::Text => say(&terminal::load::report(&report)),
    }
    let exit = verdict(args, &report);
    Ok(signal.map_or(exit, Exit))
}

/// Judges by the thresholds. A doubt about the times takes a bound on them its pass.
fn verdict(args: &LoadArgs, report: &Report) -> Exit {
    let mut exit = exit::OK;
    for threshold in &args.thresholds {
        let (measured, kept) = threshold.judge(report);
        let doubted = kept && threshold.is_timed() && !report.doubts.is_empty();
        if !kept {
            exit = exit::FAILED;
        } else if doubted && exit == exit::OK {
            exit = exit::INCONCLUSIVE;
        }
        terminal::load::tell_threshold(threshold, &measured, kept, doubted);
    }
    exit
}

/// Runs the load to its end, or until a signal; gives the signal's exit code too.
async fn run(
    args: &LoadArgs,
    spec: Spec,
    pacing: Pacing,
    log: Option<Log<BufWriter<File>>>,
) -> Result<(Report, Option<u8>), Refusal> {
    let environment = |error: &dyn std::fmt::Display| (exit::ENVIRONMENT, error.to_string());
    let stop = CancellationToken::new();
    let mut signal = tokio::spawn(cancel_on_signal(stop.clone()));
    let clock = Clock::start();
    let warm_up = args.warm_up.0;
    let from = u64::try_from(warm_up.as_nanos()).unwrap_or(u64::MAX);
    let log = log.map(|log| (vec![format!("{} {}", args.method, args.url)], log));
    let meter = Arc::new(Meter::new(clock, from, log));
    let engine = Engine::start(clock, spec, Arc::clone(&meter) as _, Arc::new(Unwatched))
        .map_err(|error| environment(&error))?;
    engine.phase(Phase::WarmUp, 0);
    let watch = terminal::load::Watch::begin(&meter, args, warm_up + args.lasts.0);
    let mut caught = None;
    let so_far = || Used {
        all: used(),
        engine: Duration::from_nanos(engine.cpu()),
    };
    let mut before = Used {
        all: Duration::ZERO,
        engine: Duration::ZERO,
    };
    let mut ticks = tokio::time::interval(terminal::load::TICK);
    let counted = tokio::time::sleep_until(clock.at(from).into());
    let mut counted = std::pin::pin!(counted);
    let mut counts = false;
    loop {
        tokio::select! {
            () = engine.ended() => break,
            code = &mut signal, if caught.is_none() => {
                caught = code.ok();
                break;
            }
            () = &mut counted, if !counts => {
                counts = true;
                before = so_far();
            }
            _ = ticks.tick() => watch.tell(&meter, Duration::from_nanos(clock.now())),
        }
    }
    watch.end();
    let now = so_far();
    let cpu = Used {
        all: now.all.saturating_sub(before.all),
        engine: now.engine.saturating_sub(before.engine),
    };
    let over = Duration::from_nanos(clock.now()).saturating_sub(warm_up);
    drop(engine);
    meter.finish().map_err(|error| {
        let file = args.hdr.clone().unwrap_or_default();
        (
            exit::ENVIRONMENT,
            format!("write {}: {error}", file.display()),
        )
    })?;
    let took = over.min(args.lasts.0);
    Ok((Report::of(&meter.seen(), took, cpu, pacing), caught))
}

/// What this process has used of the processors.
fn used() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn open_log(file: &std::path::Path, args: &LoadArgs) -> Result<Log<BufWriter<File>>, Refusal> {
    let wrong = |error: std::io::Error| {
        (
            exit::ENVIRONMENT,
            format!("write {}: {error}", file.display()),
        )
    };
    let to = BufWriter::new(File::create(file).map_err(wrong)?);
    Log::begin(
        to,
        SystemTime::now(),
        &format!("shaketable load {}", args.url),
    )
    .map_err(wrong)
}
