//! All proxies, and what can be asked of them. One request is carried out at a time; none of them
//! waits for the traffic.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use serde_json::Value;

use super::address;
use super::body::Fields;
use super::errors::{
    ApiError, bad_body, internal, missing, no_lease, proxy_exists, proxy_not_found, toxic_not_found,
};
use super::lease::Lease;
use super::log::{Level, Log};
use super::metrics::{Labels, Past};
use super::model::{self, ProxyInput, ToxicInput};
use super::proxied::Proxied;
use super::toxic::Toxic;
use crate::edge::Protocol;
use crate::plane::Plane;

/// The proxies of a server.
#[derive(Debug)]
pub(super) struct Collection {
    plane: Plane,
    /// The host of a listen address that names none: the API's own.
    hostless: IpAddr,
    proxies: BTreeMap<String, Proxied>,
    past: Past,
    log: Log,
}

/// What became of a list of proxies: those that are as wanted, and why not more are.
#[derive(Debug)]
pub(super) struct Populated {
    pub(super) proxies: Vec<Value>,
    pub(super) error: Option<ApiError>,
}

impl Collection {
    pub(super) fn new(plane: Plane, hostless: IpAddr, log: Log) -> Self {
        Self {
            plane,
            hostless,
            proxies: BTreeMap::new(),
            past: Past::default(),
            log,
        }
    }

    fn get(&self, name: &str) -> Result<&Proxied, ApiError> {
        self.proxies.get(name).ok_or_else(proxy_not_found)
    }

    fn get_mut(&mut self, name: &str) -> Result<&mut Proxied, ApiError> {
        self.proxies.get_mut(name).ok_or_else(proxy_not_found)
    }

    pub(super) fn list(&self) -> Value {
        let all = self.proxies.iter();
        Value::Object(all.map(|(name, p)| (name.clone(), p.shown())).collect())
    }

    pub(super) fn show(&self, name: &str) -> Result<Value, ApiError> {
        Ok(self.get(name)?.shown())
    }

    pub(super) async fn create(&mut self, body: &Value) -> Result<Value, ApiError> {
        let input = ProxyInput::read(body)?;
        let mut proxy = made(&input).await?;
        if self.proxies.contains_key(&proxy.name) {
            return Err(proxy_exists());
        }
        if input.enabled.unwrap_or(true) {
            self.start(&mut proxy).await?;
        }
        let shown = proxy.shown();
        self.proxies.insert(proxy.name.clone(), proxy);
        Ok(shown)
    }

    /// Starts a proxy that is not among the others at this moment, and tells of it.
    async fn start(&self, proxy: &mut Proxied) -> Result<(), ApiError> {
        if proxy.is_enabled() {
            return Ok(());
        }
        let others = self.proxies.values();
        let taken: Vec<SocketAddr> = others.filter_map(Proxied::address).collect();
        let started = proxy.start(&self.plane, self.hostless, &taken).await;
        let Proxied {
            name,
            listen,
            upstream,
            ..
        } = proxy;
        match &started {
            Ok(()) => self.log.tell(Level::Info, || {
                format!("proxy `{name}` started: {listen} leads to {upstream}")
            }),
            Err(error) => self.log.tell(Level::Error, || {
                format!("failed to start proxy `{name}`: {error}")
            }),
        }
        if !address::has_port(upstream) {
            self.log.tell(Level::Warn, || {
                format!(
                    "connections to proxy `{name}` will be reset: its upstream `{upstream}` has no port"
                )
            });
        }
        started
    }

    async fn stop(&mut self, proxy: &mut Proxied) {
        let labels = labels(proxy);
        if let Some(traffic) = proxy.stop().await {
            self.past.add(labels, traffic);
            let name = &proxy.name;
            self.log
                .tell(Level::Info, || format!("proxy `{name}` ended"));
        }
    }

    /// Creates or replaces a list of proxies. All are checked before the first is touched.
    pub(super) async fn populate(&mut self, body: &Value) -> Populated {
        let mut proxies = Vec::new();
        let error = self.fill(body, &mut proxies).await.err();
        Populated { proxies, error }
    }

    async fn fill(&mut self, body: &Value, done: &mut Vec<Value>) -> Result<(), ApiError> {
        let list = match body {
            Value::Null => &[][..],
            Value::Array(list) => list,
            _ => return Err(bad_body("not a list of proxies")),
        };
        let mut wanted = Vec::new();
        for (i, value) in list.iter().enumerate() {
            let place = |error: ApiError| error.at(&format!("proxy {}", i + 1));
            let input = ProxyInput::read(value).map_err(place)?;
            let proxy = made(&input).await.map_err(place)?;
            wanted.push((proxy, input.enabled.unwrap_or(true)));
        }
        for (mut proxy, enabled) in wanted {
            if let Some(there) = self.proxies.get(&proxy.name) {
                let same = same(there, &proxy.listen, &proxy.upstream, self.hostless).await?;
                if same && there.protocol == proxy.protocol {
                    done.push(there.shown());
                    continue;
                }
            }
            if let Some(mut there) = self.proxies.remove(&proxy.name) {
                self.stop(&mut there).await;
                // It stays, disabled, where the new one cannot be started.
                self.proxies.insert(there.name.clone(), there);
            }
            if enabled {
                self.start(&mut proxy).await?;
            }
            done.push(proxy.shown());
            self.proxies.insert(proxy.name.clone(), proxy);
        }
        Ok(())
    }

    pub(super) async fn update(&mut self, name: &str, body: &Value) -> Result<Value, ApiError> {
        let mut proxy = self.proxies.remove(name).ok_or_else(proxy_not_found)?;
        let changed = self.change(&mut proxy, body).await;
        let shown = proxy.shown();
        self.proxies.insert(name.to_owned(), proxy);
        changed.map(|()| shown)
    }

    async fn change(&mut self, proxy: &mut Proxied, body: &Value) -> Result<(), ApiError> {
        let input = ProxyInput::read(body)?;
        let listen = input.listen.unwrap_or_else(|| proxy.listen.clone());
        let upstream = input.upstream.unwrap_or_else(|| proxy.upstream.clone());
        let protocol = input.protocol.unwrap_or(proxy.protocol);
        let enabled = input.enabled.unwrap_or(proxy.is_enabled());
        let same = same(proxy, &listen, &upstream, self.hostless).await?;
        if !same || protocol != proxy.protocol {
            self.stop(proxy).await;
            (proxy.listen, proxy.upstream, proxy.protocol) = (listen, upstream, protocol);
        }
        if enabled {
            self.start(proxy).await
        } else {
            self.stop(proxy).await;
            Ok(())
        }
    }

    pub(super) async fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let mut proxy = self.proxies.remove(name).ok_or_else(proxy_not_found)?;
        self.stop(&mut proxy).await;
        Ok(())
    }

    /// Enables all proxies and takes all toxics away.
    pub(super) async fn reset(&mut self) -> Result<(), ApiError> {
        let names: Vec<String> = self.proxies.keys().cloned().collect();
        for name in names {
            if let Some(mut proxy) = self.proxies.remove(&name) {
                proxy.remove(|_| true).await;
                let started = self.start(&mut proxy).await;
                self.proxies.insert(name, proxy);
                started?;
            }
        }
        Ok(())
    }

    pub(super) fn toxics(&self, name: &str) -> Result<Value, ApiError> {
        Ok(self.get(name)?.shown_toxics())
    }

    pub(super) async fn add_toxic(&mut self, name: &str, body: &Value) -> Result<Value, ApiError> {
        let proxy = self.get_mut(name)?;
        let input = ToxicInput::read(body)?;
        let toxic = Toxic::new(input, |name| proxy.toxic(name).is_some()).await?;
        proxy.add(toxic).await
    }

    pub(super) fn toxic(&self, name: &str, toxic: &str) -> Result<Value, ApiError> {
        let toxic = self.get(name)?.toxic(toxic);
        toxic.map(Toxic::shown).ok_or_else(toxic_not_found)
    }

    pub(super) async fn update_toxic(
        &mut self,
        name: &str,
        toxic: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let proxy = self.get_mut(name)?;
        let before = proxy.toxic(toxic).ok_or_else(toxic_not_found)?;
        let input = ToxicInput::read(body)?;
        let effect = before.changed(&input).await?;
        let lease = match before.lease {
            Some(lease) => Some(lease.renewed(input.lease)),
            None => input.lease.map(Lease::new),
        };
        proxy.change(toxic, effect).await?;
        proxy.lease(toxic, lease);
        self.toxic(name, toxic)
    }

    /// Lets a toxic's lease begin anew.
    pub(super) fn renew(
        &mut self,
        name: &str,
        toxic: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let proxy = self.get_mut(name)?;
        let before = proxy.toxic(toxic).ok_or_else(toxic_not_found)?;
        let length = model::lease(Fields::of(body)?)?;
        let lease = match (before.lease, length) {
            (Some(lease), length) => lease.renewed(length),
            (None, Some(length)) => Lease::new(length),
            (None, None) => return Err(no_lease()),
        };
        proxy.lease(toxic, Some(lease));
        self.toxic(name, toxic)
    }

    pub(super) async fn delete_toxic(&mut self, name: &str, toxic: &str) -> Result<(), ApiError> {
        let gone = self.get_mut(name)?.remove(|t| t.name == toxic).await;
        if gone.is_empty() {
            return Err(toxic_not_found());
        }
        Ok(())
    }

    /// Takes the toxics away whose leases have run out; gives the moment when the next one does.
    pub(super) async fn expire(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut next = None;
        for proxy in self.proxies.values_mut() {
            let over = |toxic: &Toxic| toxic.lease.is_some_and(|lease| lease.until <= now);
            if proxy.toxics.iter().any(over) {
                for toxic in proxy.remove(over).await {
                    let name = &proxy.name;
                    self.log.tell(Level::Info, || {
                        format!("toxic `{toxic}` of proxy `{name}` is gone: its lease ran out")
                    });
                }
            }
            let leases = proxy.toxics.iter().filter_map(|toxic| toxic.lease);
            next = leases.map(|lease| lease.until).chain(next).min();
        }
        next
    }

    /// The counters of all proxies.
    pub(super) fn metrics(&self) -> String {
        let running = self.proxies.values();
        self.past
            .write(running.filter_map(|proxy| Some((labels(proxy), proxy.traffic()?))))
    }
}

/// A proxy that does not run yet.
async fn made(input: &ProxyInput) -> Result<Proxied, ApiError> {
    let name = input.name.clone().ok_or_else(|| missing("name"))?;
    let upstream = input.upstream.clone().ok_or_else(|| missing("upstream"))?;
    let mut toxics: Vec<Toxic> = Vec::new();
    for (i, toxic) in input.toxics()?.into_iter().enumerate() {
        let taken = |name: &str| toxics.iter().any(|toxic| toxic.name == name);
        let toxic = Toxic::new(toxic, taken).await;
        toxics.push(toxic.map_err(|error| error.at(&format!("toxic {}", i + 1)))?);
    }
    Ok(Proxied::new(
        name,
        input.listen.clone().unwrap_or_default(),
        upstream,
        input.protocol.unwrap_or(Protocol::Tcp),
        toxics,
    ))
}

/// Whether a proxy has these addresses already.
async fn same(
    proxy: &Proxied,
    listen: &str,
    upstream: &str,
    hostless: IpAddr,
) -> Result<bool, ApiError> {
    let resolved = address::resolve(listen, hostless).await.map_err(internal)?;
    Ok(proxy.listen == resolved.to_string() && proxy.upstream == upstream)
}

fn labels(proxy: &Proxied) -> Labels {
    Labels {
        proxy: proxy.name.clone(),
        listener: proxy.listen.clone(),
        upstream: proxy.upstream.clone(),
    }
}
