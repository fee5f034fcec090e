//! One proxy: its addresses, its toxics, and the edge that it is while it runs.

use std::io;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Map, Value, json};

use super::address;
use super::errors::{ApiError, internal};
use super::lease::Lease;
use super::model::shown;
use super::toxic::{Effect, Toxic};
use crate::edge::Protocol;
use crate::fault::flow::Direction;
use crate::observe::Traffic;
use crate::plane::{Plane, PlaneError, Proxy};
use crate::wire::Callee;

/// A proxy that the API knows of.
#[derive(Debug)]
pub(super) struct Proxied {
    pub(super) name: String,
    /// As it was written, until it has run: then the address itself.
    pub(super) listen: String,
    pub(super) upstream: String,
    pub(super) protocol: Protocol,
    /// In the order in which they came.
    pub(super) toxics: Vec<Toxic>,
    running: Option<Proxy>,
}

impl Proxied {
    pub(super) fn new(
        name: String,
        listen: String,
        upstream: String,
        protocol: Protocol,
        toxics: Vec<Toxic>,
    ) -> Self {
        Self {
            name,
            listen,
            upstream,
            protocol,
            toxics,
            running: None,
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.running.is_some()
    }

    /// Where it runs.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref().map(Proxy::address)
    }

    /// Begins to listen, with all toxics in force before the first connection. `hostless` is the
    /// host of an address that names none; `taken` are the addresses of other proxies, which hold
    /// them also while a toxic keeps them from listening.
    pub(super) async fn start(
        &mut self,
        plane: &Plane,
        hostless: IpAddr,
        taken: &[SocketAddr],
    ) -> Result<(), ApiError> {
        let listen = address::resolve(&self.listen, hostless).await;
        let listen = listen.map_err(|why| internal(format_args!("listen tcp: {why}")))?;
        if taken.contains(&listen) {
            let error = io::ErrorKind::AddrInUse.into();
            return Err(internal(address::bind_error(listen, &error)));
        }
        let proxy =
            plane
                .prepare(&self.name, self.protocol, listen)
                .map_err(|error| match &error {
                    PlaneError::Listen { source, .. } => {
                        internal(address::bind_error(listen, source))
                    }
                    PlaneError::Start(_) | PlaneError::Ended => internal(error),
                })?;
        proxy.lead_to(match self.upstream.parse() {
            Ok(address) => Callee::At(address),
            Err(_) => Callee::Named(self.upstream.as_str().into()),
        });
        for toxic in &mut self.toxics {
            let (number, _) = proxy.inject(toxic.rule()).await.map_err(internal)?;
            toxic.number = Some(number);
        }
        if let Err(error) = proxy.serve().await {
            proxy.close().await;
            return Err(internal(address::bind_error(listen, &error)));
        }
        self.listen = proxy.address().to_string();
        self.running = Some(proxy);
        Ok(())
    }

    /// Stops to listen and resets the connections; gives the port back. Says how many bytes had
    /// passed, if it ran.
    pub(super) async fn stop(&mut self) -> Option<Traffic> {
        let proxy = self.running.take()?;
        proxy.close().await;
        for toxic in &mut self.toxics {
            toxic.number = None;
        }
        Some(proxy.traffic())
    }

    /// How many bytes have passed since it was started.
    pub(super) fn traffic(&self) -> Option<Traffic> {
        self.running.as_ref().map(Proxy::traffic)
    }

    pub(super) fn toxic(&self, name: &str) -> Option<&Toxic> {
        self.toxics.iter().find(|toxic| toxic.name == name)
    }

    /// One more toxic; gives it as it is shown.
    pub(super) async fn add(&mut self, mut toxic: Toxic) -> Result<Value, ApiError> {
        if let Some(proxy) = &self.running {
            let (number, _) = proxy.inject(toxic.rule()).await.map_err(internal)?;
            toxic.number = Some(number);
        }
        let shown = toxic.shown();
        self.toxics.push(toxic);
        Ok(shown)
    }

    /// Lets a toxic have another effect.
    pub(super) async fn change(&mut self, name: &str, effect: Effect) -> Result<(), ApiError> {
        let Some(toxic) = self.toxics.iter_mut().find(|toxic| toxic.name == name) else {
            return Ok(());
        };
        if let (Some(proxy), Some(number)) = (&self.running, toxic.number) {
            let Effect {
                fault,
                toxicity,
                redirect,
                ..
            } = effect.clone();
            let changed = proxy.change(number, fault, toxicity, redirect).await;
            changed.map_err(internal)?;
        }
        toxic.effect = effect;
        Ok(())
    }

    /// Lets a toxic have another lease, or none.
    pub(super) fn lease(&mut self, name: &str, lease: Option<Lease>) {
        if let Some(toxic) = self.toxics.iter_mut().find(|toxic| toxic.name == name) {
            toxic.lease = lease;
        }
    }

    /// Takes the toxics away for which this holds; gives their names.
    pub(super) async fn remove(&mut self, which: impl Fn(&Toxic) -> bool) -> Vec<String> {
        let (gone, kept): (Vec<_>, Vec<_>) = self.toxics.drain(..).partition(|t| which(t));
        self.toxics = kept;
        for toxic in &gone {
            if let (Some(proxy), Some(number)) = (&self.running, toxic.number) {
                // It can only fail when the threads have ended, and the toxic with them.
                let _ = proxy.lift(number).await;
            }
        }
        gone.into_iter().map(|toxic| toxic.name).collect()
    }

    /// Its toxics as they are shown: upstream first.
    pub(super) fn shown_toxics(&self) -> Value {
        let of = |direction| {
            let toxics = self.toxics.iter();
            toxics.filter(move |toxic| toxic.direction == direction)
        };
        let (up, down) = (of(Direction::Up), of(Direction::Down));
        up.chain(down).map(Toxic::shown).collect()
    }

    /// As it is shown. Its protocol is there only where Toxiproxy would not have it.
    pub(super) fn shown(&self) -> Value {
        let mut proxy = Map::new();
        proxy.insert("name".to_owned(), json!(self.name));
        proxy.insert("listen".to_owned(), json!(self.listen));
        proxy.insert("upstream".to_owned(), json!(self.upstream));
        proxy.insert("enabled".to_owned(), json!(self.is_enabled()));
        if let Some(protocol) = shown(self.protocol) {
            proxy.insert("protocol".to_owned(), json!(protocol));
        }
        proxy.insert("toxics".to_owned(), self.shown_toxics());
        Value::Object(proxy)
    }
}
