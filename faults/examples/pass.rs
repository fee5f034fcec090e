//! One proxy on one edge, from the command line: the smallest use of the library.
//!
//! ```text
//! cargo run -p shaketable-faults --example pass -- \
//!     --listen 127.0.0.1:8001 --upstream 127.0.0.1:8000 --protocol tcp --fault latency=50ms
//! ```
//! `--fault NAME=VALUE` may be given more than once, and takes what a suite takes. `--missing N`
//! adds N faults for paths that nobody asks for. A line on stdout says when all are in force.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;

use serde_json::Value;
use shaketable_faults::observe::Clock;
use shaketable_faults::plane::{Plane, Settings};
use shaketable_faults::which::Which;
use shaketable_faults::{Protocol, Rule, fault};
use tokio::signal::unix::{SignalKind, signal};

/// What the command line asks for.
struct Args {
    listen: SocketAddr,
    upstream: SocketAddr,
    protocol: Protocol,
    rules: Vec<Rule>,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut listen, mut upstream) = (None, None);
        let (mut protocol, mut rules) = (Protocol::Auto, Vec::new());
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(format!("{flag} wants a value"))?;
            match flag.as_str() {
                "--listen" => listen = Some(value.parse()?),
                "--upstream" => upstream = Some(value.parse()?),
                "--protocol" => protocol = serde_json::from_value(Value::String(value))?,
                "--fault" => rules.push(rule(rules.len(), &value, Which::default())?),
                "--missing" => {
                    for _ in 0..value.parse()? {
                        let nobody = Which {
                            path: Some("/never/*".to_owned()),
                            ..Which::default()
                        };
                        rules.push(rule(rules.len(), "latency=1s", nobody)?);
                    }
                }
                _ => return Err(format!("no such flag: {flag}").into()),
            }
        }
        Ok(Self {
            listen: listen.ok_or("--listen is missing")?,
            upstream: upstream.ok_or("--upstream is missing")?,
            protocol,
            rules,
        })
    }
}

/// A rule from `latency=50ms`: the value is JSON, or else a plain text.
fn rule(number: usize, text: &str, which: Which) -> Result<Rule, Box<dyn Error>> {
    let (name, value) = text.split_once('=').unwrap_or((text, "true"));
    let kind = fault::find(name).ok_or(format!("no such fault: {name}"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok(Rule {
        which,
        ..Rule::new(format!("{name} {number}"), (kind.build)(&value)?)
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse(std::env::args().skip(1))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let plane = Plane::start(
        Settings {
            records: 10_000,
            ..Settings::new(0)
        },
        Clock::start(),
    )?;
    let proxy = plane
        .open("caller -> callee", args.protocol, args.listen)
        .await?;
    for rule in args.rules {
        proxy.inject(rule).await?;
    }
    proxy.lead_to(args.upstream);
    writeln!(std::io::stdout(), "listens on {}", proxy.address())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
