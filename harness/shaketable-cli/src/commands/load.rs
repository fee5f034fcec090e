//! `shaketable load`: the engine alone, on one URL.

use std::fs::File;
use std::io::BufWriter;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use shaketable::load::arrival::{Moments, Profile};
use shaketable::load::client::{Address, Target};
use shaketable::load::histograms::Log;
use shaketable::load::script::{Act, HttpAct, Script, Step};
use shaketable::load::solo::{Meter, Report};
use shaketable::load::{Arrival, Engine, Pacing, Spec, Stream, Unwatched};
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
    let spec = spec(args)?;
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
    let mut before = Duration::ZERO;
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
                before = used();
            }
            _ = ticks.tick() => watch.tell(&meter, Duration::from_nanos(clock.now())),
        }
    }
    watch.end();
    let cpu = used().saturating_sub(before);
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

fn spec(args: &LoadArgs) -> Result<Spec, Refusal> {
    let wrong = |why: String| (exit::USAGE, why);
    let url: Uri = args
        .url
        .parse()
        .map_err(|error| wrong(format!("`{}` is no URL: {error}", args.url)))?;
    let act = act(args, &url).map_err(wrong)?;
    let target = target(args, &url)?;
    let at_rate = || {
        let profile = Profile::constant(args.rate.0);
        Arrival::Open(Moments::Rate(profile, args.spacing.into()))
    };
    let arrival = args.users.map_or_else(at_rate, |users| Arrival::Users {
        users: usize::try_from(users).unwrap_or(usize::MAX),
        think: args.think.unwrap_or_default().0,
    });
    let script = Script {
        weight: 1,
        steps: vec![Step {
            class: 0,
            timeout: args.timeout.0,
            abort: None,
            act: Act::Http(act),
        }],
    };
    let stream = Stream {
        name: String::new(),
        starts: Phase::WarmUp,
        after: Duration::ZERO,
        lasts: Some(args.warm_up.0 + args.lasts.0),
        calls: args.calls,
        arrival,
        in_flight: usize::try_from(args.in_flight).unwrap_or(usize::MAX),
        scripts: vec![Arc::new(script)],
    };
    Ok(Spec {
        seed: args.seed,
        trace_base: args.seed | 1,
        pacing: args.pacing.into(),
        targets: vec![target],
        streams: vec![stream],
    })
}

fn act(args: &LoadArgs, url: &Uri) -> Result<HttpAct, String> {
    let method = args.method.to_uppercase();
    let mut headers = Vec::new();
    for written in &args.headers {
        let (name, value) = written.split_once(':').ok_or_else(|| {
            format!("`{written}` is no header; write one as in `Accept: text/plain`")
        })?;
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| format!("`{name}` cannot name a header"))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| format!("`{written}` cannot be sent as a header"))?;
        headers.push((name, value));
    }
    let mut body = args.body.clone().unwrap_or_default();
    if let Some(json) = &args.json {
        serde_json::from_str::<serde_json::Value>(json)
            .map_err(|error| format!("--json is no JSON: {error}"))?;
        body.clone_from(json);
        if !headers
            .iter()
            .any(|(name, _)| name == http::header::CONTENT_TYPE)
        {
            let json = HeaderValue::from_static("application/json");
            headers.push((http::header::CONTENT_TYPE, json));
        }
    }
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    Ok(HttpAct {
        target: 0,
        method: Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("`{}` is no method", args.method))?,
        path: path.to_owned(),
        headers,
        body: Bytes::from(body),
    })
}

fn target(args: &LoadArgs, url: &Uri) -> Result<Target, Refusal> {
    let usage = |why: String| (exit::USAGE, why);
    if url.scheme_str() != Some("http") {
        let why = format!(
            "`{}` is no URL that can be loaded; write one as in http://127.0.0.1:8080/",
            args.url
        );
        return Err(usage(why));
    }
    let authority = url
        .authority()
        .ok_or_else(|| usage(format!("there is no host in `{}`", args.url)))?;
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(80);
    let addresses = (host, port).to_socket_addrs();
    let mut addresses =
        addresses.map_err(|error| (exit::ENVIRONMENT, format!("look `{host}` up: {error}")))?;
    let address: SocketAddr = addresses
        .next()
        .ok_or_else(|| (exit::ENVIRONMENT, format!("`{host}` has no address")))?;
    if !address.ip().is_loopback() && !args.remote {
        let why =
            format!("`{host}` is not this machine; if it may be loaded, say so with --remote");
        return Err(usage(why));
    }
    Ok(Target {
        address: Address::Tcp(address),
        host: authority.to_string(),
        keep_alive: !args.no_keep_alive,
        connections: args.connections.and_then(|most| usize::try_from(most).ok()),
    })
}
