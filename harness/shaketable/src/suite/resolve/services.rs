//! The services and the edges between them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use shaketable_faults::units::HumanDuration;

use super::Reader;
use super::commands::FOR_SERVICES;
use crate::between::forward::NAMES;
use crate::between::names::CA;
use crate::between::template::FILES;
use crate::suite::model::{Edge, Ready, Service, Start, names_of_caller};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::variables::is_name;
use crate::suite::written::{Cargo, CommandLine, Scalar, SocketAddress};

/// How long a service has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long a service's name may be: it becomes part of file names.
const NAME_CHARS_MAX: usize = 64;

impl Reader<'_> {
    /// Every service and every edge that is right.
    pub(super) fn services(&mut self) -> (IndexMap<String, Service>, Vec<Edge>) {
        let mut services = IndexMap::new();
        let mut edges = Vec::new();
        for name in self.keys(&steps!["services"]) {
            let path = steps!["services", name.as_str()];
            self.service_name(&path, &name);
            let own = self.edges(&path, &name);
            if let Some(service) = self.service(&path, &name, &own) {
                self.everything_is_found(&path, &service, &own);
                services.insert(name, service);
            }
            edges.extend(own);
        }
        self.ports_are_distinct();
        self.proxies_are_apart();
        (services, edges)
    }

    fn service_name(&mut self, path: &Path, name: &str) {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = name.starts_with(char::is_alphanumeric);
        if !begins || !name.chars().all(fits) || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("`{}` cannot name a service", near::clip(name));
            let help = format!(
                "use letters, digits, `-`, `_` and `.`, at most {NAME_CHARS_MAX}: the name becomes part of edges and file names"
            );
            self.complain_of_key(path, &message, &help);
        }
    }

    fn service(&mut self, path: &Path, name: &str, edges: &[Edge]) -> Option<Service> {
        if self.has(&path.then("address")) {
            self.nothing_for_the_start(path);
        }
        if self.has(&path.then("stub")) {
            self.nothing_for_a_stub(path);
        }
        let of_edges = names_of_caller(edges);
        let secure = edges.iter().any(|edge| edge.tls.from_caller);
        let proxied = edges.iter().any(|edge| !edge.proxied.is_empty());
        let of_edges = of_edges.keys().map(String::as_str);
        let files = self.has(&path.then("files")).then_some(FILES);
        let known: Vec<&str> = FOR_SERVICES
            .into_iter()
            .chain(files)
            .chain(secure.then_some(CA))
            .chain(NAMES.into_iter().filter(|_| proxied))
            .chain(of_edges)
            .collect();
        let env = self.env(&path.then("env"), &known);
        let files = self.templates(&path.then("files"), &known);
        let cwd = self.cwd(path);
        let (ready, ready_timeout) = self.ready(path, &known);
        let start = self.start(path, &known)?;
        let grace: Option<HumanDuration> = self.part(&path.then("grace"));
        Some(Service {
            name: name.to_owned(),
            start,
            port: self.part(&path.then("port")),
            env,
            files,
            cwd,
            ready: ready.unwrap_or(Ready::Tcp),
            ready_timeout,
            grace: grace.map_or(GRACE, |grace| grace.0),
        })
    }

    fn start(&mut self, service: &Path, known: &[&str]) -> Option<Start> {
        let path = service.then("run");
        if let Some(line) = self.part::<CommandLine>(&path) {
            let argv = self.argv(&path, line, known)?;
            return Some(Start::Run { argv });
        }
        let path = service.then("cargo");
        if let Some(Cargo {
            bin,
            package,
            args,
            release,
        }) = self.part(&path)
        {
            let args = match args {
                Some(line) => self.words(&path.then("args"), line, known)?,
                None => Vec::new(),
            };
            return Some(Start::Cargo {
                package,
                bin,
                args,
                release,
            });
        }
        if self.has(&service.then("stub")) {
            return self.stub(&service.then("stub"));
        }
        let address: SocketAddress = self.part(&service.then("address"))?;
        address.0.parse::<SocketAddr>().ok().map(Start::Address)
    }

    fn env(&mut self, path: &Path, known: &[&str]) -> IndexMap<String, String> {
        let mut env = IndexMap::new();
        for variable in self.keys(path) {
            let path = path.then(variable.as_str());
            let value: Option<Scalar<true>> = self.part(&path);
            if !is_name(&variable) {
                let clipped = near::clip(&variable);
                let message = format!("`{clipped}` cannot name an environment variable");
                let help = "use letters, digits and `_`, as in LOG_LEVEL";
                self.complain_of_key(&path, &message, help);
            }
            let Some(Scalar(value)) = value else { continue };
            if value.contains('\0') {
                self.complain(&path, "an environment variable cannot hold a zero byte", "");
            }
            self.variables(&path, &value, known);
            env.insert(variable, value);
        }
        env
    }

    /// Keys that mean nothing for a service that is not started here.
    fn nothing_for_the_start(&mut self, path: &Path) {
        for key in ["port", "env", "files", "cwd", "grace"] {
            let path = path.then(key);
            if self.has(&path) {
                self.complain_of_key(
                    &path,
                    &format!("`{key}` has no effect on a service that already runs"),
                    "remove it, or start the service with `run` or `cargo` instead of `address`",
                );
            }
        }
    }

    fn cwd(&mut self, service: &Path) -> PathBuf {
        let path = service.then("cwd");
        let Some(written) = self.part::<String>(&path) else {
            // What is started stands in the file that says how.
            let start = ["run", "cargo"].map(|key| service.then(key));
            let start = start.iter().find(|path| self.has(path));
            return self.dir(start.unwrap_or(service));
        };
        let dir = self.dir(&path).join(&written);
        if written.contains('\0') || !self.files.is_dir(&dir) {
            let message = format!("there is no directory `{}`", near::clip(&written));
            self.complain(&path, &message, "the path is relative to this file");
        }
        dir
    }

    /// Two services cannot listen at the same place.
    fn ports_are_distinct(&mut self) {
        let mut taken: HashMap<u16, String> = HashMap::new();
        for name in self.keys(&steps!["services"]) {
            for key in ["address", "port"] {
                let path = steps!["services", name.as_str(), key];
                let port = if key == "port" {
                    self.part::<u16>(&path)
                } else {
                    let address: Option<SocketAddress> = self.part(&path);
                    address.and_then(|address| Some(address.0.parse::<SocketAddr>().ok()?.port()))
                };
                let Some(port) = port else { continue };
                if let Some(other) = taken.get(&port).filter(|other| **other != name) {
                    let message = format!("the port {port} belongs to `{other}` already");
                    self.complain(&path, &message, "each service needs a port of its own");
                } else {
                    taken.insert(port, name.clone());
                }
            }
        }
    }

    /// A length of time that may not be nothing.
    pub(super) fn above_zero(&mut self, path: &Path, time: Duration) {
        if time.is_zero() {
            self.complain(
                path,
                "this must be longer than zero",
                "write a duration, as in 250ms",
            );
        }
    }
}
