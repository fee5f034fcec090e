//! The edges: how each caller is led to its proxies, and whether that is enough to find them.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use indexmap::IndexMap;
use shaketable_faults::Protocol;
use shaketable_faults::fault::Short;

use super::Reader;
use super::commands::FOR_SERVICES;
use crate::between::dsn::Dsn;
use crate::between::form::Form;
use crate::between::names::{CA, stem};
use crate::between::template::{FILES, Template};
use crate::expand::names_in;
use crate::names::EdgeName;
use crate::suite::model::{Edge, Ready, Service, Start, names_of_caller};
use crate::suite::path::{Path, steps};
use crate::suite::written::{
    Call, ListenAddress, NEED_ENV, OneOrMore, SocketAddress, VariableName,
};

/// What an edge can say of a caller that is not started here.
const BY_HAND: [&str; 3] = ["listen", "protocol", "tls"];

impl Reader<'_> {
    /// The edges that lead from a service.
    pub(super) fn edges(&mut self, service: &Path, service_name: &str) -> Vec<Edge> {
        let calls = service.then("calls");
        let mut edges: Vec<Edge> = Vec::new();
        for name in self.keys(&calls) {
            let path = calls.then(name.as_str());
            let call: Option<Short<VariableName, Call>> = self.part(&path);
            self.leads_somewhere(&path, service_name, &name);
            let Some(Short { 1: call, .. }) = call else {
                continue;
            };
            let variables = self.edge_variables(service, &path, &call, &edges);
            let listen = call.listen.and_then(|listen| listen.0.parse().ok());
            let hosts = call.hosts.map(|OneOrMore(names)| names).unwrap_or_default();
            let hosts: Vec<String> = hosts.into_iter().map(|name| name.0).collect();
            let proxied = self.proxied(service, &path, call.via_http_proxy.as_ref(), &edges);
            let first = proxied.first().map(|route| route.host.as_str());
            let first = hosts.first().map(String::as_str).or(first);
            let tls = self.tls(&path, call.tls.as_ref(), first, &name);
            let edge = Edge {
                name: EdgeName {
                    caller: service_name.to_owned(),
                    callee: name,
                },
                variables,
                listen,
                hosts,
                proxied,
                protocol: call.protocol,
                tls,
                soft: call.soft,
                marker: match call.marker {
                    Some(_) => self.marker(&path.then("marker")),
                    None => None,
                },
            };
            self.hosts_lead_to_one_address(&path, &edge, &edges);
            if self.has(&service.then("address")) {
                self.only_by_hand(&path, service_name);
            }
            edges.push(edge);
        }
        edges
    }

    /// An edge leads to another service of the suite.
    fn leads_somewhere(&mut self, path: &Path, from: &str, to: &str) {
        if from == to {
            let help = "an edge leads to another service";
            self.complain_of_key(path, &format!("`{from}` calls itself"), help);
            return;
        }
        let brief = self.errors.many();
        let unknown = self.names.complaint("service-name", to, path, brief);
        if let Some((message, help)) = unknown {
            self.complain_of_key(path, &message, &help);
        }
    }

    /// The variables of an edge, and what each holds.
    fn edge_variables(
        &mut self,
        service: &Path,
        path: &Path,
        call: &Call,
        others: &[Edge],
    ) -> IndexMap<String, Form> {
        let main = self.main_form(path, call);
        let short = !self.has(&path.then("env"));
        let written = [
            ("env", &call.env, main),
            ("address", &call.address, Some(Form::Address)),
            ("host", &call.host, Some(Form::Host)),
            ("port", &call.port, Some(Form::Port)),
        ];
        let mut variables = IndexMap::new();
        for (key, variable, form) in written {
            let Some(VariableName(variable)) = variable else {
                continue;
            };
            let at = if key == "env" && short {
                path.clone()
            } else {
                path.then(key)
            };
            if variables.contains_key(variable) {
                let help = "each of them needs a variable of its own";
                self.complain(&at, &format!("`{variable}` is here a second time"), help);
            }
            self.edge_variable(service, &at, variable, others);
            // Where the form is wrong, that was told; the name is known all the same.
            variables.insert(variable.clone(), form.unwrap_or(Form::Address));
        }
        variables
    }

    /// What the variable in `env` holds; `None` where that is wrong.
    fn main_form(&mut self, path: &Path, call: &Call) -> Option<Form> {
        for key in NEED_ENV {
            let at = path.then(key);
            if self.has(&at) && call.env.is_none() {
                let help = "add the variable in which the caller looks, as in `env: DATABASE_URL`";
                self.complain_of_key(&at, &format!("this `{key}` is put nowhere"), help);
                return None;
            }
        }
        if let Some(dsn) = &call.dsn {
            return match Dsn::parse(dsn) {
                Ok(dsn) => Some(Form::Dsn(dsn)),
                Err(wrong) => {
                    let (message, help) = wrong.split_once("; ").unwrap_or((&wrong, ""));
                    self.complain(&path.then("dsn"), message, help);
                    None
                }
            };
        }
        if call.protocol != Protocol::Tcp {
            let path = call.path.as_ref().map(|path| path.0.clone());
            let secure = call
                .tls
                .as_ref()
                .is_some_and(|tls| tls.from_caller.is_some());
            return Some(Form::url(path.unwrap_or_default(), secure));
        }
        if call.path.is_some() {
            self.complain_of_key(
                &path.then("path"),
                "a path comes after a URL, and on a `tcp` edge `env` holds HOST:PORT",
                "write all of it as `dsn`, as in `dsn: http://inventory/v1`, or remove `protocol`",
            );
        }
        Some(Form::Address)
    }

    /// The variable of an edge is for this edge alone.
    fn edge_variable(&mut self, service: &Path, path: &Path, variable: &str, others: &[Edge]) {
        let has_it = |edge: &&Edge| edge.variables.contains_key(variable);
        if let Some(other) = others.iter().find(has_it) {
            self.complain(
                path,
                &format!("`{variable}` already leads to `{}`", other.name.callee),
                "each edge needs a variable of its own",
            );
        }
        if self.has(&service.then("env").then(variable)) {
            self.complain(
                path,
                &format!("`{variable}` is also set in `env`"),
                "remove it there: the address of the edge's proxy is put into it",
            );
        }
        let known = [FILES, CA].contains(&variable) || self.tells_of_proxy(service, variable);
        if known || FOR_SERVICES.contains(&variable) {
            self.complain(
                path,
                &format!("`{variable}` already has another meaning for every service"),
                "choose another name, as in INVENTORY_URL",
            );
        }
    }

    /// A caller looks a name up and gets one address; the ports behind it may be several.
    fn hosts_lead_to_one_address(&mut self, path: &Path, edge: &Edge, others: &[Edge]) {
        for host in &edge.hosts {
            let same = |other: &str| other.eq_ignore_ascii_case(host);
            let other = others
                .iter()
                .find(|other| other.hosts.iter().any(|other| same(other)) && ip(other) != ip(edge));
            if let Some(other) = other {
                let message = format!(
                    "`{host}` already leads to {} for `{}`",
                    ip(other),
                    other.name.callee
                );
                let help = format!("have both listen at {}, each with its port", ip(other));
                self.complain(&path.then("hosts"), &message, &help);
            }
        }
    }

    /// Whoever already runs can only be pointed at a proxy by hand, at a place that is known.
    fn only_by_hand(&mut self, path: &Path, service_name: &str) {
        let keys = self.keys(path);
        let too_much = keys.iter().find(|key| !BY_HAND.contains(&key.as_str()));
        let from_caller = path.then("tls").then("from_caller");
        if self.has(&from_caller) {
            self.complain_of_key(
                &from_caller,
                &format!("`{service_name}` already runs: it cannot be told whom to believe"),
                "remove it, or start the service with `run` or `cargo`: the authority is made anew each time",
            );
        }
        if too_much.is_none() && self.has(&path.then("listen")) {
            return;
        }
        self.complain_of_key(
            &too_much.map_or(path.clone(), |key| path.then(key.as_str())),
            &format!("`{service_name}` already runs: it cannot be told where the proxy is"),
            "point it at a fixed address by hand and write that as `listen`, or start it with `run` or `cargo`",
        );
    }

    /// Every caller learns where its proxies are, and where its files.
    pub(super) fn everything_is_found(&mut self, path: &Path, service: &Service, edges: &[Edge]) {
        let used = names_used(service);
        let names = names_of_caller(edges);
        let mut told: Vec<Vec<&Form>> = edges
            .iter()
            .map(|edge| edge.variables.values().collect())
            .collect();
        for meaning in used.iter().filter_map(|name| names.get(name)) {
            told[meaning.edge].push(&meaning.form);
        }
        for (edge, told) in edges.iter().zip(told) {
            let knows_port = edge.listen.is_some()
                || !edge.proxied.is_empty()
                || told.iter().any(|form| form.tells_port());
            if !knows_port {
                let nothing = told.is_empty() && edge.hosts.is_empty();
                self.no_way(path, edge, nothing);
            }
        }
        let started = !matches!(service.start, Start::Address(_));
        if started && !service.files.is_empty() && !used.contains(FILES) {
            self.complain_of_key(
                &path.then("files"),
                &format!("`{}` is not told where its files are", service.name),
                "use `$FILES`, their directory, as in `--config $FILES/app.toml`",
            );
        }
    }

    fn no_way(&mut self, service: &Path, edge: &Edge, nothing: bool) {
        let path = service.then("calls").then(edge.name.callee.as_str());
        if self.errors.under(&path) {
            return;
        }
        let EdgeName { caller, callee } = &edge.name;
        let stem = stem(callee).unwrap_or_else(|| "CALLEE".to_owned());
        if nothing {
            let message = format!("how is `{caller}` to find the proxy of `{}`?", edge.name);
            let help = format!(
                "name the variable in which it looks, as in `{callee}: {stem}_URL`, or use \
                 `${stem}_URL` in its command line"
            );
            self.complain_of_key(&path, &message, &help);
        } else {
            let message = format!(
                "`{caller}` learns the host of the proxy of `{}`, and not the port",
                edge.name
            );
            let help = format!(
                "add `port: {stem}_PORT`, or `listen: 127.0.0.5:8080` with the port that it calls anyway"
            );
            self.complain_of_key(&path, &message, &help);
        }
    }

    /// Two cannot listen at the same place.
    pub(super) fn proxies_are_apart(&mut self) {
        let mut taken: HashMap<SocketAddr, String> = HashMap::new();
        let services = self.keys(&steps!["services"]);
        for name in &services {
            let service = steps!["services", name.as_str()];
            let address: Option<SocketAddress> = self.part(&service.then("address"));
            let address = address.and_then(|address| address.0.parse().ok());
            let port: Option<u16> = self.part(&service.then("port"));
            let port = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            for place in address.into_iter().chain(port) {
                taken.insert(place, format!("`{name}` itself"));
            }
        }
        for name in &services {
            let calls = steps!["services", name.as_str(), "calls"];
            for callee in self.keys(&calls) {
                let path = calls.then(callee.as_str()).then("listen");
                let listen: Option<ListenAddress> = self.part(&path);
                let Some(listen) = listen.and_then(|listen| listen.0.parse().ok()) else {
                    continue;
                };
                if let Some(other) = taken.get(&listen) {
                    let message = format!("{other} listens at {listen} already");
                    let help =
                        "take another port, or the same one at another address, as in 127.0.0.5";
                    self.complain(&path, &message, help);
                } else {
                    let edge = EdgeName {
                        caller: name.clone(),
                        callee,
                    };
                    taken.insert(listen, format!("the proxy of `{edge}`"));
                }
            }
        }
    }
}

/// The address at which the proxy of an edge will listen.
fn ip(edge: &Edge) -> IpAddr {
    edge.listen
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |listen| listen.ip())
}

/// Every `$NAME` that a service uses.
fn names_used(service: &Service) -> BTreeSet<String> {
    let words = match &service.start {
        Start::Run { argv } => argv.as_slice(),
        Start::Cargo { args, .. } => args.as_slice(),
        Start::Stub(_) | Start::Address(_) => &[],
    };
    let ready = match &service.ready {
        Ready::Command(argv) => argv.as_slice(),
        _ => &[],
    };
    let texts = words.iter().chain(ready).chain(service.env.values());
    let in_texts = texts.flat_map(|text| names_in(text));
    let in_files = service.files.values().flat_map(Template::names);
    in_texts.chain(in_files).map(str::to_owned).collect()
}
