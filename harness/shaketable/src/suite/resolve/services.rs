//! The services and the edges between them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use indexmap::IndexMap;

use super::Reader;
use super::commands::FOR_SERVICES;
use crate::names::EdgeName;
use crate::suite::model::{Edge, Ready, Service, Start};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::variables::is_name;
use crate::suite::written;

/// How long a service may take to get ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
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
            let Some(written) = self.part::<written::Service>(&path) else {
                continue;
            };
            edges.extend(self.edges(&path, &name, &written));
            if let Some(service) = self.service(&path, &name, written) {
                services.insert(name, service);
            }
        }
        self.ports_are_distinct(&services);
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

    fn edges(&mut self, path: &Path, caller: &str, service: &written::Service) -> Vec<Edge> {
        let mut edges = Vec::new();
        let mut variables: HashMap<&str, &str> = HashMap::new();
        let calls = path.then("calls");
        if service.address.is_some() && !service.calls.is_empty() {
            self.complain_of_key(
                &calls,
                &format!(
                    "`{caller}` already runs: it cannot be told where the proxies of its edges are"
                ),
                "start it with `run` or `cargo`, or leave `calls` out",
            );
        }
        for (callee, call) in service.calls.iter().map(|(callee, call)| (callee, &call.1)) {
            let path = calls.then(callee.as_str());
            if callee == caller {
                self.complain_of_key(
                    &path,
                    &format!("`{caller}` calls itself"),
                    "an edge leads to another service",
                );
            } else if let Some((message, help)) = self.unknown_service(callee) {
                self.complain_of_key(&path, &message, &help);
            }
            let variable = call.env.0.as_str();
            if let Some(other) = variables.insert(variable, callee) {
                self.complain(
                    &path,
                    &format!("`{variable}` already leads to `{other}`"),
                    "each edge needs a variable of its own",
                );
            }
            if service.env.contains_key(variable) {
                self.complain(
                    &path,
                    &format!("`{variable}` is also set in `env`"),
                    "remove it there: the address of the edge's proxy is put into it",
                );
            }
            if FOR_SERVICES.contains(&variable) {
                let help = "choose another name, as in INVENTORY_URL";
                self.complain(&path, &format!("`{variable}` already has a meaning"), help);
            }
            edges.push(Edge {
                name: EdgeName {
                    caller: caller.to_owned(),
                    callee: callee.clone(),
                },
                variable: variable.to_owned(),
                protocol: call.protocol,
            });
        }
        edges
    }

    fn unknown_service(&self, name: &str) -> Option<(String, String)> {
        self.names
            .complaint("service-name", name, &Path::default(), self.errors.many())
    }

    fn service(&mut self, path: &Path, name: &str, written: written::Service) -> Option<Service> {
        if written.address.is_some() {
            self.nothing_for_the_start(path, &written);
        }
        let variables: Vec<String> = written
            .calls
            .values()
            .map(|call| call.1.env.0.clone())
            .collect();
        let known: Vec<&str> = FOR_SERVICES
            .into_iter()
            .chain(variables.iter().map(String::as_str))
            .collect();
        let mut env = IndexMap::new();
        for (variable, value) in written.env {
            let path = path.then("env").then(variable.as_str());
            if !is_name(&variable) {
                let message = format!(
                    "`{}` cannot name an environment variable",
                    near::clip(&variable)
                );
                self.complain_of_key(
                    &path,
                    &message,
                    "use letters, digits and `_`, as in LOG_LEVEL",
                );
            }
            if value.0.contains('\0') {
                self.complain(&path, "an environment variable cannot hold a zero byte", "");
            }
            self.variables(&path, &value.0, &known);
            env.insert(variable, value.0);
        }
        let cwd = self.cwd(path, written.cwd.as_deref());
        let already_runs = written.address.is_some();
        let (ready, ready_timeout) = self.ready(path, written.ready, already_runs, &known)?;
        let start = if let Some(line) = written.run {
            Start::Run {
                argv: self.argv(&path.then("run"), line, &known)?,
            }
        } else if let Some(cargo) = written.cargo {
            let args = match cargo.args {
                Some(line) => self.words(&path.then("cargo").then("args"), line, &known)?,
                None => Vec::new(),
            };
            Start::Cargo {
                package: cargo.package,
                bin: cargo.bin,
                args,
                release: cargo.release,
            }
        } else {
            Start::Address(written.address?.0.parse::<SocketAddr>().ok()?)
        };
        Some(Service {
            name: name.to_owned(),
            start,
            port: written.port,
            env,
            cwd,
            ready,
            ready_timeout,
            grace: written.grace.map_or(GRACE, |grace| grace.0),
        })
    }

    /// Keys that mean nothing for a service that is not started here.
    fn nothing_for_the_start(&mut self, path: &Path, written: &written::Service) {
        let given = [
            ("port", written.port.is_some()),
            ("env", !written.env.is_empty()),
            ("cwd", written.cwd.is_some()),
            ("grace", written.grace.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            self.complain_of_key(
                &path.then(key),
                &format!("`{key}` has no effect on a service that already runs"),
                "remove it, or start the service with `run` or `cargo` instead of `address`",
            );
        }
    }

    fn cwd(&mut self, service: &Path, written: Option<&str>) -> std::path::PathBuf {
        let path = service.then("cwd");
        let Some(written) = written else {
            // What is started stands in the file that says how.
            let start = ["run", "cargo"].map(|key| service.then(key));
            let start = start.iter().find(|path| self.root.at(path).is_some());
            return self.dir(start.unwrap_or(service));
        };
        let dir = self.dir(&path).join(written);
        if !self.files.is_dir(&dir) {
            let message = format!("there is no directory `{}`", near::clip(written));
            self.complain(&path, &message, "the path is relative to this file");
        }
        dir
    }

    fn ready(
        &mut self,
        service: &Path,
        written: Option<written::Ready>,
        already_runs: bool,
        known: &[&str],
    ) -> Option<(Ready, Duration)> {
        let path = service.then("ready");
        let Some(written) = written else {
            return Some((Ready::Tcp, READY_TIMEOUT));
        };
        let timeout = written.timeout.map_or(READY_TIMEOUT, |timeout| timeout.0);
        self.above_zero(&path.then("timeout"), timeout);
        let ready = if let Some(http) = written.http {
            Ready::Http(http.0)
        } else if let Some(text) = written.log {
            if already_runs {
                self.complain_of_key(
                    &path.then("log"),
                    "what a service prints cannot be seen when it already runs",
                    "use `http`, `tcp` or `command`",
                );
            }
            if text.is_empty() {
                self.complain(
                    &path.then("log"),
                    "the text to wait for is empty",
                    "write what the service prints",
                );
            }
            Ready::Log(text)
        } else if let Some(line) = written.command {
            Ready::Command(self.argv(&path.then("command"), line, known)?)
        } else {
            written.tcp?;
            Ready::Tcp
        };
        Some((ready, timeout))
    }

    /// Two services cannot listen at the same place.
    fn ports_are_distinct(&mut self, services: &IndexMap<String, Service>) {
        let mut taken: HashMap<u16, &str> = HashMap::new();
        for service in services.values() {
            let (key, port) = match (&service.start, service.port) {
                (Start::Address(address), _) => ("address", address.port()),
                (_, Some(port)) => ("port", port),
                _ => continue,
            };
            if let Some(other) = taken.insert(port, &service.name) {
                self.complain(
                    &steps!["services", service.name.as_str(), key],
                    &format!("the port {port} belongs to `{other}` already"),
                    "each service needs a port of its own; leave `port` out for a free one",
                );
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
