//! The proxies beside ours: one a file, each started with what its own documentation calls fit for
//! production, all on loopback.

mod direct;
mod envoy;
mod haproxy;
mod nginx;
mod socat;
mod toxiproxy;

use std::net::SocketAddr;

use super::job::Job;
use super::ours::Ours;
use crate::bench::Bench;
use crate::bench::builds::Build;
use crate::bench::error::BenchError;
use crate::bench::nginx as nginx_program;
use crate::bench::row::LeftOut;
use crate::bench::running::Running;

/// Who is measured.
pub(crate) trait Peer {
    /// In tables and on the command line.
    fn name(&self) -> &str;
    /// Which one it is.
    fn version(&self) -> String;
    /// Whether it has what the job takes.
    fn can(&self, job: Job) -> bool;
    /// Starts it before `upstream`.
    fn start(&self, bench: &Bench, job: Job, upstream: SocketAddr) -> Result<Running, BenchError>;
}

/// Makes a peer, or says why it is not there.
type Find = fn() -> Result<Box<dyn Peer>, String>;

/// Every peer. Who stands first is measured closest in time to ours.
const PEERS: [(&str, Find); 6] = [
    (haproxy::NAME, haproxy::find),
    (haproxy::SPLICING, haproxy::find_splicing),
    (nginx_program::NAME, nginx::find),
    (envoy::NAME, envoy::find),
    (toxiproxy::NAME, toxiproxy::find),
    (socat::NAME, socat::find),
];

/// Who is measured and who is not.
pub(crate) struct LineUp {
    /// Ours first.
    pub(crate) peers: Vec<Box<dyn Peer>>,
    /// And why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Ours, and those of its peers that are wanted and there.
pub(crate) fn line_up(ours: Vec<Build>, wanted: &[String]) -> Result<LineUp, BenchError> {
    let mut known: Vec<&str> = PEERS.iter().map(|(name, _)| *name).collect();
    known.push(direct::NAME);
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(BenchError::Unknown {
            kind: "peer",
            name: unknown.clone(),
            known: known.join(", "),
        });
    }
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for build in ours {
        peers.push(Box::new(Ours(build)));
    }
    let mut left_out = Vec::new();
    for (name, find) in PEERS {
        if !is_wanted(name) {
            left_out.push(LeftOut {
                name: name.to_owned(),
                why: "not among --peers".to_owned(),
            });
            continue;
        }
        match find() {
            Ok(peer) => peers.push(peer),
            Err(why) => left_out.push(LeftOut {
                name: name.to_owned(),
                why,
            }),
        }
    }
    if is_wanted(direct::NAME) {
        peers.push(Box::new(direct::Direct));
    }
    Ok(LineUp { peers, left_out })
}
