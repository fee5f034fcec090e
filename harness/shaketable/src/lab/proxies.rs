//! The proxies of a lab: where each listens, and what its caller is told of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use shaketable_faults::plane::{Forward, Plane, PlaneError, Proxy};
use shaketable_faults::switchboard::Route;

use super::start::LabError;
use super::vouch::Voucher;
use crate::launch::{self, AddressClaim};
use crate::suite::{Edge, Service, names_of_caller};

/// A free port of this machine.
const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Puts a proxy on an edge, where its caller will look for it.
pub(super) async fn open(
    plane: &Plane,
    edge: &Edge,
    voucher: Option<&Voucher>,
) -> Result<(Proxy, Option<AddressClaim>), LabError> {
    let name = edge.name.to_string();
    let Some(listen) = edge.listen else {
        return Ok((prepare(plane, edge, ANYWHERE.into(), voucher).await?, None));
    };
    let refused = |error: &std::io::Error| LabError::Listen {
        edge: name.clone(),
        address: listen,
        why: launch::why_not(listen, error),
    };
    let claim = launch::claim_address(listen).map_err(|error| refused(&error))?;
    match prepare(plane, edge, listen, voucher).await {
        Ok(proxy) => Ok((proxy, Some(claim))),
        Err(LabError::Plane(PlaneError::Listen { source, .. })) => Err(refused(&source)),
        Err(error) => Err(error),
    }
}

async fn prepare(
    plane: &Plane,
    edge: &Edge,
    listen: SocketAddr,
    voucher: Option<&Voucher>,
) -> Result<Proxy, LabError> {
    let name = edge.name.to_string();
    let proxy = plane.prepare(&name, edge.protocol, listen)?;
    if let Some(voucher) = voucher.filter(|_| edge.tls.from_caller) {
        voucher.meet_callers(edge, &proxy)?;
    }
    proxy.serve().await.map_err(|source| PlaneError::Listen {
        edge: name,
        address: listen,
        source,
    })?;
    Ok(proxy)
}

/// Opens an HTTP proxy for each caller that is told of one. It knows the caller's other edges too, by
/// the addresses of their proxies: not every caller goes around its HTTP proxy for these.
pub(super) async fn forwards(
    plane: &Plane,
    edges: &[Edge],
    proxies: &[Arc<Proxy>],
) -> Result<BTreeMap<String, Forward>, LabError> {
    let mut forwards = BTreeMap::new();
    for edge in edges.iter().filter(|edge| !edge.proxied.is_empty()) {
        let caller = edge.name.caller.as_str();
        if forwards.contains_key(caller) {
            continue;
        }
        let own = || {
            let pairs = edges.iter().zip(proxies);
            pairs.filter(|(edge, _)| edge.name.caller == caller)
        };
        let by_name = own().flat_map(|(edge, proxy)| {
            let routes = edge.proxied.iter().cloned();
            routes.map(move |route| (route, proxy))
        });
        let by_address = own().map(|(_, proxy)| {
            let address = proxy.address();
            let host = address.ip().to_string();
            let port = Some(address.port());
            (Route { host, port }, proxy)
        });
        let name = format!("the HTTP proxy of {caller}");
        let routes = by_name.chain(by_address);
        let forward = plane
            .open_forward(
                &name,
                ANYWHERE.into(),
                routes.map(|(route, proxy)| (route, &**proxy)),
            )
            .await?;
        forwards.insert(caller.to_owned(), forward);
    }
    Ok(forwards)
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
    proxies: &'a [Arc<Proxy>],
    caller: &'a str,
) -> impl Iterator<Item = (&'a Edge, SocketAddr)> {
    edges
        .iter()
        .zip(proxies)
        .filter(move |(edge, _)| edge.name.caller == caller)
        .map(|(edge, proxy)| (edge, proxy.address()))
}

/// What `$NAME` stands for in a caller's command line, environment and files.
pub(super) fn names(
    edges: &[Edge],
    proxies: &[Arc<Proxy>],
    caller: &str,
) -> BTreeMap<String, String> {
    let own: Vec<(&Edge, SocketAddr)> = of_caller(edges, proxies, caller).collect();
    names_of_caller(own.iter().map(|(edge, _)| *edge))
        .into_iter()
        .map(|(name, meaning)| (name, meaning.form.text(own[meaning.edge].1)))
        .collect()
}

/// The environment variables by which a caller finds its proxies.
pub(super) fn variables(
    edges: &[Edge],
    proxies: &[Arc<Proxy>],
    caller: &str,
) -> Vec<(String, String)> {
    of_caller(edges, proxies, caller)
        .flat_map(|(edge, proxy)| {
            let value = move |(name, form): (&String, &crate::between::form::Form)| {
                (name.clone(), form.text(proxy))
            };
            edge.variables.iter().map(value)
        })
        .collect()
}

/// The names of hosts that lead a caller to its proxies.
pub(super) fn hosts(edges: &[Edge], proxies: &[Arc<Proxy>], caller: &str) -> Vec<(IpAddr, String)> {
    of_caller(edges, proxies, caller)
        .flat_map(|(edge, proxy)| {
            edge.hosts
                .iter()
                .map(move |host| (proxy.ip(), host.clone()))
        })
        .collect()
}
