//! Starts a service, waits until it is ready, and stops it.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::time::timeout;

use super::belongings::Belongings;
use super::error::{LaunchError, TAIL_LINES};
use super::event::{Exit, Stopped};
use super::kept::{KeeperCommand, Kept};
use super::log::last_lines_from;
use super::order::{expand_all, expand_order, not_started, open_log};
use super::platform::{self, Listener};
use super::port::{self, PortLease};
use super::ready::{self, Ready, Target};
use crate::between::template::Template;

/// How often a service that lost the race for its free port is started again with another.
const PORT_TRIES: usize = 3;
/// What a tree gets to end when the harness dies, if its own grace is not shorter.
const ORPHAN_GRACE_MAX: Duration = Duration::from_millis(500);

/// One service as the suite describes it.
#[derive(Debug, Clone)]
pub struct ServiceSpec {
    /// Its name in the suite.
    pub name: String,
    /// The program and its arguments. `$NAME` is expanded.
    pub argv: Vec<String>,
    /// What its environment has beyond ours. `$NAME` is expanded in the values. `PORT` comes by itself.
    pub env: Vec<(String, String)>,
    /// The files that are written for it, by their paths below `$FILES`. They are gone when it is.
    pub files: IndexMap<String, Template>,
    /// Names of hosts that lead this service, and nobody else, to these addresses.
    pub hosts: Vec<(IpAddr, String)>,
    /// Its working directory; a relative program path starts here.
    pub cwd: PathBuf,
    /// The port it must have; otherwise a free one is chosen.
    pub port: Option<u16>,
    /// What makes it ready.
    pub ready: Ready,
    /// How long it may take to become ready.
    pub ready_timeout: Duration,
    /// How long it may take to end when asked to.
    pub grace: Duration,
}

/// A service that is up. Dropping it ends the service, too, with less patience than [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    name: String,
    address: SocketAddr,
    log: PathBuf,
    ready_after: Duration,
    grace: Duration,
    kept: Kept,
}

impl Running {
    /// The service's name in the suite.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id of the target itself.
    pub fn pid(&self) -> i32 {
        self.kept.pid
    }

    /// The process id of its keeper: the root of everything that the service has started.
    pub fn keeper_pid(&self) -> i32 {
        self.kept.keeper_pid
    }

    /// Where it listens, on loopback.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How long it took from the start of the program to being ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Resolves as soon as the target ends, for whatever reason.
    pub fn exited(&self) -> impl Future<Output = Exit> + Send + 'static {
        self.kept.exited()
    }

    /// How the target ended, if it already has.
    pub fn exit_now(&self) -> Option<Exit> {
        self.kept.exit_now()
    }

    /// Asks the service to end, kills what remains after its grace, and returns when nothing is left.
    pub async fn stop(self) -> Stopped {
        self.kept.stop(self.grace).await
    }
}

/// Starts a service and waits until it is ready. On an error nothing of it is left.
pub async fn start(
    spec: &ServiceSpec,
    vars: &BTreeMap<String, String>,
    log: &Path,
    keeper: &KeeperCommand,
) -> Result<Running, LaunchError> {
    let mut tries = if spec.port.is_some() { 1 } else { PORT_TRIES };
    loop {
        tries -= 1;
        let lease = lease(spec)?;
        match attempt(spec, vars, log, keeper, lease).await {
            Err(error) if tries > 0 && lost_port(&error) => {}
            result => return result,
        }
    }
}

fn lease(spec: &ServiceSpec) -> Result<PortLease, LaunchError> {
    let service = spec.name.clone();
    match spec.port {
        Some(port) => port::fixed(port).map_err(|taken| LaunchError::PortInUse {
            service,
            port,
            owner: taken.owner,
            log_tail: Vec::new(),
        }),
        None => port::free().map_err(|source| LaunchError::Keeper { service, source }),
    }
}

/// Whether another port may help.
fn lost_port(error: &LaunchError) -> bool {
    const SIGNS: [&str; 4] = [
        "address already in use",
        "address in use",
        "eaddrinuse",
        "os error 98",
    ];
    match error {
        LaunchError::PortInUse { .. } => true,
        LaunchError::DiedAtStart { log_tail, .. } => log_tail.iter().any(|line| {
            let line = line.to_lowercase();
            SIGNS.iter().any(|sign| line.contains(sign))
        }),
        _ => false,
    }
}

async fn attempt(
    spec: &ServiceSpec,
    vars: &BTreeMap<String, String>,
    log: &Path,
    keeper: &KeeperCommand,
    lease: PortLease,
) -> Result<Running, LaunchError> {
    let port = lease.port;
    let mut vars = vars.clone();
    vars.insert("PORT".to_owned(), port.to_string());
    let belongings = Belongings::of(spec, &mut vars)?;
    let mut order = expand_order(&spec.name, &spec.argv, &spec.env, &vars)?;
    order.belongings = belongings;
    order.env.push(("PORT".to_owned(), port.to_string()));
    order.cwd.clone_from(&spec.cwd);
    log.clone_into(&mut order.log);
    let ready = expand_ready(spec, &vars)?;
    let log_from = open_log(&spec.name, log)?;

    let kept = Kept::spawn(&order, keeper, spec.grace.min(ORPHAN_GRACE_MAX), lease).await;
    let kept = kept.map_err(|failure| not_started(&spec.name, &order, &failure))?;
    let started = Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let target = Target {
        service: &spec.name,
        address,
        order: &order,
        log_from,
        keeper,
    };
    match until_ready(spec, &ready, &target, &kept).await {
        Ok(()) => {
            let ready_after = started.elapsed();
            let (name, log) = (spec.name.clone(), order.log);
            Ok(Running {
                name,
                address,
                log,
                ready_after,
                grace: spec.grace,
                kept,
            })
        }
        Err(failed) => {
            kept.stop(spec.grace).await;
            Err(failed.into_error(spec, &ready, &target, started.elapsed()))
        }
    }
}

/// Why a service that was started did not get ready.
enum NotReady {
    Died(Exit, Duration),
    TimedOut(String),
    ForeignPort(Option<super::PortOwner>),
    Hopeless(LaunchError),
}

/// Waits for readiness, for the target's end and for the time-out, whichever comes first.
async fn until_ready(
    spec: &ServiceSpec,
    ready: &Ready,
    target: &Target<'_>,
    kept: &Kept,
) -> Result<(), NotReady> {
    let started = Instant::now();
    let mut seen = "nothing yet".to_owned();
    let wait = tokio::select! {
        biased;
        exit = kept.exited() => return Err(NotReady::Died(exit, started.elapsed())),
        wait = timeout(spec.ready_timeout, ready::wait(ready, target, &mut seen)) => wait,
    };
    let asked = match wait {
        Ok(Ok(())) => ready.asks_port(),
        Ok(Err(error)) => return Err(NotReady::Hopeless(error)),
        Err(_) => true,
    };
    // Somebody else may have answered, or may have kept the target from its port.
    if asked
        && let Listener::Foreign(owner) =
            platform::who_listens(target.address.port(), kept.keeper_pid)
    {
        return Err(NotReady::ForeignPort(owner));
    }
    if wait.is_ok() {
        Ok(())
    } else {
        Err(NotReady::TimedOut(seen))
    }
}

impl NotReady {
    /// Called when the tree has ended, so that the log is complete.
    fn into_error(
        self,
        spec: &ServiceSpec,
        ready: &Ready,
        target: &Target<'_>,
        after: Duration,
    ) -> LaunchError {
        let service = spec.name.clone();
        let log_tail = last_lines_from(&target.order.log, target.log_from, TAIL_LINES);
        match self {
            Self::Died(exit, after) => LaunchError::DiedAtStart {
                service,
                exit,
                after,
                log_tail,
            },
            Self::TimedOut(last) => {
                let after = spec.ready_timeout.min(after);
                LaunchError::NotReady {
                    service,
                    after,
                    waiting_for: ready.to_string(),
                    last,
                    log_tail,
                }
            }
            Self::ForeignPort(owner) => LaunchError::PortInUse {
                service,
                port: target.address.port(),
                owner,
                log_tail,
            },
            Self::Hopeless(error) => error,
        }
    }
}

fn expand_ready(spec: &ServiceSpec, vars: &BTreeMap<String, String>) -> Result<Ready, LaunchError> {
    Ok(match &spec.ready {
        Ready::Command(argv) => Ready::Command(expand_all(&spec.name, "ready", argv, vars)?),
        ready => ready.clone(),
    })
}
