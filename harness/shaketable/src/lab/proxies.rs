//! The proxies of a lab: where each listens, and what its caller is told of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use shaketable_faults::plane::{Plane, PlaneError, Proxy};

use super::start::LabError;
use crate::launch::{self, AddressClaim};
use crate::suite::{Edge, Service, names_of_caller};

/// Puts a proxy on an edge, where its caller will look for it.
pub(super) async fn open(
    plane: &Plane,
    edge: &Edge,
) -> Result<(Proxy, Option<AddressClaim>), LabError> {
    let name = edge.name.to_string();
    let Some(listen) = edge.listen else {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        return Ok((plane.open(&name, edge.protocol, anywhere).await?, None));
    };
    let refused = |error: &std::io::Error| LabError::Listen {
        edge: name.clone(),
        address: listen,
        why: launch::why_not(listen, error),
    };
    let claim = launch::claim_address(listen).map_err(|error| refused(&error))?;
    match plane.open(&name, edge.protocol, listen).await {
        Ok(proxy) => Ok((proxy, Some(claim))),
        Err(PlaneError::Listen { source, .. }) => Err(refused(&source)),
        Err(error) => Err(error.into()),
    }
}

/// What to know when a service does not come up that has the port of a proxy, at another address.
pub(super) fn beside(service: &Service, edges: &[Edge]) -> Option<String> {
    let port = service.port?;
    let listens = |edge: &&Edge| edge.listen.is_some_and(|listen| listen.port() == port);
    let edge = edges.iter().find(listens)?;
    Some(format!(
        "the proxy of `{}` listens at {}: `{}` can have the same port only where it listens at 127.0.0.1 \
         alone, and not at every address, as at 0.0.0.0",
        edge.name, edge.listen?, service.name
    ))
}

/// A caller's edges, with their proxies.
fn of_caller<'a>(
    edges: &'a [Edge],
    proxies: &'a [Proxy],
    caller: &'a str,
) -> impl Iterator<Item = (&'a Edge, SocketAddr)> {
    edges
        .iter()
        .zip(proxies)
        .filter(move |(edge, _)| edge.name.caller == caller)
        .map(|(edge, proxy)| (edge, proxy.address()))
}

/// What `$NAME` stands for in a caller's command line, environment and files.
pub(super) fn names(edges: &[Edge], proxies: &[Proxy], caller: &str) -> BTreeMap<String, String> {
    let own: Vec<(&Edge, SocketAddr)> = of_caller(edges, proxies, caller).collect();
    names_of_caller(own.iter().map(|(edge, _)| *edge))
        .into_iter()
        .map(|(name, meaning)| (name, meaning.form.text(own[meaning.edge].1)))
        .collect()
}

/// The environment variables by which a caller finds its proxies, with every dollar doubled: no
/// name in them is to be replaced.
pub(super) fn variables(edges: &[Edge], proxies: &[Proxy], caller: &str) -> Vec<(String, String)> {
    of_caller(edges, proxies, caller)
        .flat_map(|(edge, proxy)| {
            let value = move |(name, form): (&String, &crate::between::form::Form)| {
                (name.clone(), form.text(proxy).replace('$', "$$"))
            };
            edge.variables.iter().map(value)
        })
        .collect()
}

/// The names of hosts that lead a caller to its proxies.
pub(super) fn hosts(edges: &[Edge], proxies: &[Proxy], caller: &str) -> Vec<(IpAddr, String)> {
    of_caller(edges, proxies, caller)
        .flat_map(|(edge, proxy)| {
            edge.hosts
                .iter()
                .map(move |host| (proxy.ip(), host.clone()))
        })
        .collect()
}
