//! Brings a lab up: proxies first, so that their addresses are known, then services, callees
//! before callers. Takes it down in the reverse order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shaketable_faults::observe::{Clock, Trouble};
use shaketable_faults::plane::{Forward, Plane, PlaneError, Proxy, Settings};
use shaketable_faults::tls::TlsError;
use tokio::task::JoinSet;

use super::inject::inject;
use super::setting::Setting;
use super::vouch::{self, Voucher};
use super::{order, proxies, stubs};
use crate::backend::{Backend, BackendError};
use crate::between::forward;
use crate::between::names::CA;
use crate::event::Event;
use crate::launch::{self, AddressClaim, CommandSpec, LaunchError, Played, Running, ServiceSpec};
use crate::load::goose::GooseError;
use crate::plan::Plan;
use crate::record::FaultMark;
use crate::suite::{Command, Edge, Experiment, Service, Start};

/// How long a setup, reset or teardown command may take.
const COMMAND_MAX: Duration = Duration::from_mins(2);

/// The most headers that are noted of a request.
const HEADERS_MAX: usize = 16;

impl From<BackendError> for LabError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error.to_string())
    }
}

/// Why a lab did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A service or a command.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The part of the load that is goose's.
    #[error(transparent)]
    Goose(#[from] GooseError),
    /// A service, beside a proxy with the same port.
    #[error("{source}\n  {note}")]
    Crowded {
        /// Why the service did not come up.
        source: Box<LaunchError>,
        /// What the proxy may have to do with it.
        note: String,
    },
    /// A proxy.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// Who carries the faults out in our place.
    #[error("{0}")]
    Backend(String),
    /// A proxy cannot listen where the suite says.
    #[error("listen at {address} for edge `{edge}`: {why}")]
    Listen {
        /// The edge.
        edge: String,
        /// Where.
        address: SocketAddr,
        /// Why not, and what to do about it.
        why: String,
    },
    /// TLS on an edge.
    #[error("speak TLS on edge `{edge}`: {source}")]
    Tls {
        /// The edge.
        edge: String,
        /// Why not.
        source: TlsError,
    },
    /// The certificates that a callee is held against.
    #[error("hold the callee of edge `{edge}` against {}: {why}", .file.display())]
    Certificates {
        /// The edge.
        edge: String,
        /// The file with the certificates.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Something of the harness's own.
    #[error("{what}: {source}")]
    Own {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The user ended the run before the lab was up.
    #[error("bring the lab up: interrupted")]
    Interrupted,
    /// A service that is said to be running does not answer.
    #[error(
        "service `{service}` is said to be running at {address}, but nobody answers there: {source}"
    )]
    Absent {
        /// The service.
        service: String,
        /// Where.
        address: SocketAddr,
        /// What was met.
        source: std::io::Error,
    },
}

/// A running set-up.
pub(super) struct Lab {
    pub(super) proxies: Vec<Arc<Proxy>>,
    /// The headers that the proxies note, because checks ask for them.
    pub(super) noted: Vec<String>,
    /// The HTTP proxies of callers that are told of one, by the caller.
    forwards: BTreeMap<String, Forward>,
    /// Who vouches for the proxies, where callers speak TLS.
    voucher: Option<Voucher>,
    /// In the order in which they were started.
    pub(super) running: Vec<Running>,
    /// The services that we play ourselves.
    pub(super) stubs: Vec<Played>,
    pub(super) addresses: BTreeMap<String, SocketAddr>,
    pub(super) ready_after: BTreeMap<String, Duration>,
    /// The faults that were there before the services.
    pub(super) early: Vec<FaultMark>,
    /// Who carries the faults out, where it is not our proxies.
    pub(super) backend: Option<Backend>,
    plane: Plane,
    down: Down,
    /// The addresses that the suite names for proxies, held against other harnesses.
    claims: Vec<AddressClaim>,
}

/// What is needed to take a lab down, whole or half built.
struct Down {
    levels: Vec<Vec<String>>,
    teardown: Vec<Command>,
    dir: PathBuf,
}

impl Lab {
    /// Starts everything. On an error nothing is left.
    pub(super) async fn start(
        plan: &Plan,
        experiment: &Experiment,
        setting: &Setting,
        dir: &Path,
        clock: Clock,
    ) -> Result<Self, LabError> {
        let plane = Plane::start(Settings::new(plan.seed), clock)?;
        let mut lab = Self {
            proxies: Vec::new(),
            noted: noted(plan, experiment),
            forwards: BTreeMap::new(),
            voucher: Voucher::new(&plan.suite.edges, dir)?,
            running: Vec::new(),
            stubs: Vec::new(),
            addresses: BTreeMap::new(),
            ready_after: BTreeMap::new(),
            early: Vec::new(),
            backend: plan.suite.backend.map(Backend::connect).transpose()?,
            plane,
            down: Down {
                levels: order::levels(&plan.suite),
                teardown: plan.suite.teardown.clone(),
                dir: dir.to_owned(),
            },
            claims: Vec::new(),
        };
        let came_up = tokio::select! {
            came_up = lab.bring_up(plan, experiment, setting, dir, clock) => came_up,
            // What is half started is given up, and ends as the rest is taken down.
            () = setting.cancel.cancelled() => Err(LabError::Interrupted),
        };
        match came_up {
            Ok(()) => Ok(lab),
            Err(error) => {
                // The first error is the one to be told.
                let _ = lab.stop(setting).await;
                Err(error)
            }
        }
    }

    async fn bring_up(
        &mut self,
        plan: &Plan,
        experiment: &Experiment,
        setting: &Setting,
        dir: &Path,
        clock: Clock,
    ) -> Result<(), LabError> {
        for edge in &plan.suite.edges {
            let (proxy, claim) = proxies::open(&self.plane, edge, self.voucher.as_ref()).await?;
            if !self.noted.is_empty() {
                proxy.note(self.noted.clone());
            }
            self.proxies.push(Arc::new(proxy));
            self.claims.extend(claim);
        }
        self.forwards = proxies::forwards(&self.plane, &plan.suite.edges, &self.proxies).await?;
        for entry in experiment.faults.iter().filter(|entry| entry.from_start) {
            let mark = inject(self, entry, &self.early, clock, &setting.events).await;
            self.early.extend(mark);
        }
        commands("setup", &plan.suite.setup, dir, setting).await?;
        for level in self.down.levels.clone() {
            self.start_level(plan, &level, setting, dir).await?;
        }
        commands("reset", &plan.suite.reset, dir, setting).await
    }

    /// Starts services side by side and waits until all are ready.
    async fn start_level(
        &mut self,
        plan: &Plan,
        level: &[String],
        setting: &Setting,
        dir: &Path,
    ) -> Result<(), LabError> {
        let mut starting = JoinSet::new();
        for service in level
            .iter()
            .filter_map(|name| plan.suite.services.get(name))
        {
            if let Start::Address(address) = service.start {
                answers(service, address).await?;
                self.at(&plan.suite.edges, &service.name, address).await?;
                continue;
            }
            if let Start::Stub(spec) = &service.start {
                self.play(service, spec, plan, setting).await?;
                continue;
            }
            let spec = self.spec(service, &plan.suite.edges, setting);
            let vars = self.vars(&plan.suite.edges, &service.name, setting);
            let log = dir.join(format!("{}.log", file_name(&service.name)));
            let keeper = setting.keeper.clone();
            let beside = proxies::beside(service, &plan.suite.edges);
            starting.spawn(async move {
                let started = launch::start(&spec, &vars, &log, &keeper).await;
                started.map_err(|source| match beside {
                    Some(note) if source.may_be_the_port() => LabError::Crowded {
                        source: Box::new(source),
                        note,
                    },
                    _ => LabError::Launch(source),
                })
            });
        }
        let mut failed = None;
        while let Some(started) = starting.join_next().await {
            match started {
                Ok(Ok(running)) => {
                    let after = running.ready_after();
                    setting.events.tell(Event::ServiceReady {
                        service: running.name().to_owned(),
                        after,
                    });
                    self.ready_after.insert(running.name().to_owned(), after);
                    let led = self.at(&plan.suite.edges, running.name(), running.address());
                    failed = failed.or(led.await.err());
                    self.running.push(running);
                }
                Ok(Err(error)) => failed = failed.or(Some(error)),
                Err(panicked) => {
                    let source = std::io::Error::other(panicked);
                    failed = failed.or(Some(LabError::Own {
                        what: "start a service".to_owned(),
                        source,
                    }));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// A service is up: the proxies of its edges lead to it from now on.
    pub(super) async fn at(
        &mut self,
        edges: &[Edge],
        service: &str,
        address: SocketAddr,
    ) -> Result<(), LabError> {
        self.addresses.insert(service.to_owned(), address);
        for (edge, proxy) in edges.iter().zip(&self.proxies) {
            if edge.name.callee == service {
                vouch::meet_callee(edge, proxy)?;
                let next = match &self.backend {
                    Some(backend) => backend.lead(proxy.name(), address).await?,
                    None => address,
                };
                proxy.lead_to(next);
            }
        }
        Ok(())
    }

    /// What `$NAME` stands for in a service's command line and environment.
    fn vars(&self, edges: &[Edge], service: &str, setting: &Setting) -> BTreeMap<String, String> {
        let mut vars = setting.vars();
        vars.extend(proxies::names(edges, &self.proxies, service));
        if let Some(forward) = self.forwards.get(service) {
            vars.extend(forward::names(forward.address()));
        }
        let authority = self.authority_for(edges, service);
        vars.extend(authority.map(|file| (CA.to_owned(), file)));
        vars
    }

    /// Where a service, and nobody else, calls: the proxies of its edges, and its HTTP proxy.
    pub(super) fn called_by(&self, edges: &[Edge], service: &str) -> Vec<SocketAddr> {
        let pairs = edges.iter().zip(&self.proxies);
        let own = pairs.filter(|(edge, _)| edge.name.caller == service);
        let forward = self.forwards.get(service).map(Forward::address);
        own.map(|(_, proxy)| proxy.address())
            .chain(forward)
            .collect()
    }

    /// The file with the authority that a service needs, where it speaks TLS as a caller.
    fn authority_for(&self, edges: &[Edge], service: &str) -> Option<String> {
        let mut own = edges.iter().filter(|edge| edge.name.caller == service);
        let voucher = self.voucher.as_ref()?;
        let secure = own.any(|edge| edge.tls.from_caller);
        secure.then(|| voucher.file.display().to_string())
    }

    /// Everything that a service's environment has by its edges, with every dollar doubled: no name
    /// in it is to be replaced.
    fn env_of_edges(&self, edges: &[Edge], service: &str) -> Vec<(String, String)> {
        let mut env = proxies::variables(edges, &self.proxies, service);
        if let Some(forward) = self.forwards.get(service) {
            let own = || edges.iter().filter(|edge| edge.name.caller == service);
            let pairs = edges.iter().zip(&self.proxies);
            let ips = pairs
                .filter(|(edge, _)| edge.name.caller == service)
                .map(|(_, proxy)| proxy.address().ip());
            let asked = |host: &str| {
                let mut routes = own().flat_map(|edge| &edge.proxied);
                routes.any(|route| route.host == host)
            };
            env.extend(forward::variables(forward.address(), ips, asked));
        }
        let authority = self.authority_for(edges, service);
        env.extend(authority.map(|file| (CA.to_owned(), file)));
        for (_, value) in &mut env {
            *value = value.replace('$', "$$");
        }
        env
    }

    fn spec(&self, service: &Service, edges: &[Edge], setting: &Setting) -> ServiceSpec {
        let argv = match &service.start {
            Start::Run { argv } => argv.clone(),
            Start::Cargo { bin, args, .. } => {
                let built = setting
                    .built
                    .get(&service.name)
                    .map_or_else(|| bin.clone(), |path| path.display().to_string());
                std::iter::once(built).chain(args.iter().cloned()).collect()
            }
            Start::Stub(_) | Start::Address(_) => Vec::new(),
        };
        let mut env = self.env_of_edges(edges, &service.name);
        env.extend(
            service
                .env
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        ServiceSpec {
            name: service.name.clone(),
            argv,
            env,
            files: service.files.clone(),
            hosts: proxies::hosts(edges, &self.proxies, &service.name),
            cwd: service.cwd.clone(),
            port: service.port,
            ready: service.ready.clone(),
            ready_timeout: service.ready_timeout,
            grace: service.grace,
        }
    }

    /// Tells what went wrong on the edges that no fault is to blame for.
    fn tell_troubles(&self, setting: &Setting) {
        let of_edges = self.proxies.iter().map(|p| (p.name(), p.troubles()));
        let of_forwards = self.forwards.values().map(|f| (f.name(), f.troubles()));
        for (about, troubles) in of_edges.chain(of_forwards) {
            for Trouble { what, times } in troubles {
                let about = about.to_owned();
                setting.events.tell(Event::Trouble { about, what, times });
            }
        }
    }

    /// Takes everything down: the proxies, then the services in the reverse order, then teardown.
    /// What was left running, or did not work, is told.
    pub(super) async fn stop(self, setting: &Setting) -> Result<(), LabError> {
        self.tell_troubles(setting);
        let Self {
            proxies,
            forwards,
            running,
            stubs,
            plane,
            backend,
            down,
            ..
        } = self;
        drop((proxies, forwards));
        // Both join threads: short, but not for the runtime's own.
        let _ = tokio::task::spawn_blocking(move || backend.map(Backend::end)).await;
        let _ = tokio::task::spawn_blocking(move || drop(plane)).await;
        let mut running = running;
        let mut left = Vec::new();
        for level in down.levels.iter().rev() {
            let (now, later): (Vec<_>, Vec<_>) = running
                .into_iter()
                .partition(|r| level.contains(&r.name().to_owned()));
            running = later;
            let mut stopping = JoinSet::new();
            for service in now {
                let name = service.name().to_owned();
                stopping.spawn(async move { (name, service.stop().await) });
            }
            while let Some(stopped) = stopping.join_next().await {
                if let Ok((name, stopped)) = stopped
                    && stopped.left > 0
                {
                    left.push(format!("{name} ({} processes)", stopped.left));
                }
            }
        }
        if !setting.keeper.all_ended().await {
            left.push("what was given up half started".to_owned());
        }
        // Whatever could have called a stub has ended: what it tells now is final.
        let ended = stubs::end(stubs, &down.dir, setting).await;
        commands("teardown", &down.teardown, &down.dir, setting).await?;
        ended?;
        if left.is_empty() {
            return Ok(());
        }
        let source = std::io::Error::other(left.join(", "));
        Err(LabError::Own {
            what: "end every process of the lab".to_owned(),
            source,
        })
    }
}

/// The headers that the checks of an experiment want noted, each once.
fn noted(plan: &Plan, experiment: &Experiment) -> Vec<String> {
    let checks = plan.suite.checks_of(experiment);
    let names: BTreeSet<String> = checks
        .iter()
        .flat_map(|entry| entry.check.notes())
        .collect();
    names.into_iter().take(HEADERS_MAX).collect()
}

async fn commands(
    name: &str,
    commands: &[Command],
    dir: &Path,
    setting: &Setting,
) -> Result<(), LabError> {
    for command in commands {
        let spec = CommandSpec {
            name: name.to_owned(),
            argv: command.argv.clone(),
            env: Vec::new(),
            cwd: command.cwd.clone(),
            timeout: COMMAND_MAX,
        };
        launch::run_command(
            &spec,
            &setting.vars(),
            &dir.join(format!("{name}.log")),
            &setting.keeper,
        )
        .await?;
    }
    Ok(())
}

/// Waits until a service that is said to be running takes a connection.
async fn answers(service: &Service, address: SocketAddr) -> Result<(), LabError> {
    let deadline = Instant::now() + service.ready_timeout;
    loop {
        match tokio::net::TcpStream::connect(address).await {
            Ok(_) => return Ok(()),
            Err(source) if Instant::now() >= deadline => {
                return Err(LabError::Absent {
                    service: service.name.clone(),
                    address,
                    source,
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A name as a file's: nothing that a path could be made of.
pub(super) fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '.' || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect()
}
