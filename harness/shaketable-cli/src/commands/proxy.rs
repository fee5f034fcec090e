//! `shaketable proxy`: proxies of their own, under Toxiproxy's HTTP API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::SystemTime;

use serde_json::json;
use shaketable_faults::toxiproxy::{self, Level, Log, Options, Server, ServerError};
use tokio_util::sync::CancellationToken;

use super::run::{cancel_on_signal, raise_descriptor_limit};
use crate::args::proxy::ProxyArgs;
use crate::exit::{self, Exit};
use crate::terminal::{Paint, complain, say, tell};

pub(super) fn proxy(args: &ProxyArgs) -> Exit {
    if args.version {
        let own = env!("CARGO_PKG_VERSION");
        say(&format!(
            "shaketable {own} (Toxiproxy {})",
            toxiproxy::VERSION
        ));
        return exit::OK;
    }
    match serve(args) {
        Ok(()) => exit::OK,
        Err((exit, why)) => {
            complain(&why);
            exit
        }
    }
}

type Refusal = (Exit, String);

fn serve(args: &ProxyArgs) -> Result<(), Refusal> {
    let log = log().map_err(|why| (exit::USAGE, format!("LOG_LEVEL: {why}")))?;
    let config = args.config.as_deref().map(read).transpose()?;
    let address = SocketAddr::new(host(&args.host)?, args.port);
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let options = Options {
        seed,
        token: args.token.clone().filter(|token| !token.is_empty()),
        no_token: args.no_token,
        proxy_metrics: args.proxy_metrics,
        runtime_metrics: args.runtime_metrics,
        log: log.clone(),
    };
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| (exit::ENVIRONMENT, format!("failed to start: {error}")))?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_on_signal(stop.clone()));
        let server = Server::bind(address, options).await.map_err(|error| refused(&error))?;
        if let Some((file, text)) = config {
            let populated = server.populate(&text).await;
            populated.map_err(|error| {
                let (exit, why) = refused(&error);
                (exit, format!("{file}: {why}"))
            })?;
        }
        if let (Some(listen), Some(upstream)) = (&args.listen, &args.upstream) {
            let proxy = json!({
                "name": args.name, "listen": listen, "upstream": upstream, "protocol": args.protocol,
            });
            server.create(&proxy).await.map_err(|error| refused(&error))?;
        }
        log.tell(Level::Info, || {
            format!("listening on {}, seed {seed}", server.address())
        });
        // For whoever started it with port 0.
        say(&format!("http://{}", server.address()));
        server.serve(stop).await;
        log.tell(Level::Info, || "ended with all its proxies".to_owned());
        Ok(())
    })
}

/// Lines on stderr, as many as `LOG_LEVEL` says.
fn log() -> Result<Log, String> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    let most = if level.is_empty() {
        Level::Info
    } else {
        level.parse()?
    };
    Ok(Log::new(most, |level, line| {
        let paint = Paint::of_stderr();
        let name = format!("{level}:");
        let name = match level {
            Level::Error => paint.bad(&name),
            Level::Warn => paint.unsure(&name),
            Level::Info | Level::Debug | Level::Trace => paint.faint(&name),
        };
        tell(&format!("{name} {line}"));
    }))
}

fn read(file: &Path) -> Result<(String, String), Refusal> {
    let shown = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => Ok((shown, text)),
        Err(error) => Err((exit::USAGE, format!("failed to read {shown}: {error}"))),
    }
}

fn host(host: &str) -> Result<IpAddr, Refusal> {
    if host == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = (host, 0)
        .to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next());
    let unknown = || (exit::USAGE, format!("failed to find the host `{host}`"));
    found.map(|address| address.ip()).ok_or_else(unknown)
}

fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::from(since.subsec_nanos()) ^ (since.as_secs() << 30)
    })
}

fn refused(error: &ServerError) -> Refusal {
    let exit = match error {
        ServerError::Open(_) | ServerError::Proxy(_) => exit::USAGE,
        ServerError::Listen { .. } | ServerError::Plane(_) | ServerError::Unavailable(_) => {
            exit::ENVIRONMENT
        }
    };
    let how = match error {
        ServerError::Open(_) => ": --token TOKEN or SHAKETABLE_TOKEN; --no-token",
        _ => "",
    };
    (exit, format!("failed to {error}{how}"))
}
