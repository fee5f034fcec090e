//! Edges whose caller asks an HTTP proxy for them by the names of hosts.

use shaketable_faults::switchboard::Route;

use super::Reader;
use crate::between::forward::{GIVEN, NAMES};
use crate::suite::model::Edge;
use crate::suite::path::Path;
use crate::suite::written::{OneOrMore, ProxiedHost};

impl Reader<'_> {
    /// The hosts by which the caller of an edge asks its HTTP proxy for the callee.
    pub(super) fn proxied(
        &mut self,
        service: &Path,
        call: &Path,
        hosts: Option<&OneOrMore<ProxiedHost>>,
        others: &[Edge],
    ) -> Vec<Route> {
        let Some(OneOrMore(hosts)) = hosts else {
            return Vec::new();
        };
        let path = call.then("via_http_proxy");
        if others.iter().all(|edge| edge.proxied.is_empty()) {
            self.nobody_else_tells(service);
        }
        let mut routes: Vec<Route> = Vec::new();
        // What is no host was told.
        for route in hosts.iter().filter_map(|host| host.0.parse::<Route>().ok()) {
            let taken = |edge: &&Edge| edge.proxied.contains(&route);
            if let Some(other) = others.iter().find(taken) {
                let message = format!("`{route}` already leads to `{}`", other.name.callee);
                let help = "tell them apart by their ports, as in `pay.prod:8080`";
                self.complain(&path, &message, help);
            }
            routes.push(route);
        }
        routes
    }

    /// The variables that tell of the proxy are set by nobody else.
    fn nobody_else_tells(&mut self, service: &Path) {
        for variable in GIVEN {
            let path = service.then("env").then(variable);
            if self.has(&path) {
                let message = format!("`{variable}` already holds the service's own HTTP proxy");
                let help = "remove it, or every `via_http_proxy` of this service";
                self.complain_of_key(&path, &message, help);
            }
        }
    }

    /// Whether a variable tells a service of its HTTP proxy, so that it can hold nothing else.
    pub(super) fn tells_of_proxy(&self, service: &Path, variable: &str) -> bool {
        let calls = service.then("calls");
        let proxied = |callee: &String| {
            let call = calls.then(callee.as_str());
            self.has(&call.then("via_http_proxy"))
        };
        let known = GIVEN.contains(&variable) || NAMES.contains(&variable);
        known && self.keys(&calls).iter().any(proxied)
    }
}
