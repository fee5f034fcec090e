//! The client of a Toxiproxy server, on a thread of its own: it blocks, and must not be made inside
//! a runtime. It ignores status codes, so everything that is written is read back.

use std::net::SocketAddr;

/// Whether this build has the client.
pub(crate) const IS_BUILT: bool = cfg!(feature = "toxiproxy");

/// Why a Toxiproxy server did not do as told.
#[derive(Debug, thiserror::Error)]
#[error("the Toxiproxy server at {server}: {why}")]
pub(crate) struct BackendError {
    /// Where it is.
    pub(crate) server: SocketAddr,
    /// What it said, or did instead.
    pub(crate) why: String,
}

#[cfg(feature = "toxiproxy")]
pub(crate) use built::Backend;
#[cfg(not(feature = "toxiproxy"))]
pub(crate) use left_out::Backend;

#[cfg(feature = "toxiproxy")]
mod built {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread::JoinHandle;

    use tokio::sync::oneshot;
    use toxiproxy_rust::client::Client;
    use toxiproxy_rust::proxy::{Proxy, ProxyPack};

    use super::BackendError;
    use crate::backend::Toxic;

    type Job = Box<dyn FnOnce(&mut Server) + Send>;

    /// A Toxiproxy server, and what we have made there. Dropping it takes that away.
    #[derive(Debug)]
    pub(crate) struct Backend {
        server: SocketAddr,
        jobs: Option<mpsc::Sender<Job>>,
        thread: Option<JoinHandle<()>>,
    }

    /// What the thread knows.
    struct Server {
        client: Client,
        /// Our proxies there by their edge, each with the toxics of every fault by its key.
        ours: BTreeMap<String, (Proxy, BTreeMap<usize, Vec<Toxic>>)>,
    }

    impl Backend {
        /// Begins to speak with a server.
        pub(crate) fn connect(server: SocketAddr) -> Result<Self, BackendError> {
            let (jobs, inbox) = mpsc::channel::<Job>();
            let thread = std::thread::Builder::new()
                .name("toxiproxy".to_owned())
                .spawn(move || {
                    let mut state = Server {
                        client: Client::new(server),
                        ours: BTreeMap::new(),
                    };
                    for job in inbox {
                        job(&mut state);
                    }
                    for (_, (proxy, _)) in state.ours {
                        // The server may be gone; then so is the proxy.
                        let _ = proxy.delete();
                    }
                })
                .map_err(|error| BackendError {
                    server,
                    why: error.to_string(),
                })?;
            Ok(Self {
                server,
                jobs: Some(jobs),
                thread: Some(thread),
            })
        }

        /// Takes away what we have made there.
        pub(crate) fn end(self) {
            drop(self);
        }

        /// Has the thread do something; the client panics where it should say no.
        async fn ask<T: Send + 'static>(
            &self,
            work: impl FnOnce(&mut Server) -> Result<T, String> + Send + 'static,
        ) -> Result<T, BackendError> {
            let (done, answer) = oneshot::channel();
            let job: Job = Box::new(move |server| {
                let worked = catch_unwind(AssertUnwindSafe(|| work(server)));
                let worked = worked.unwrap_or_else(|_| Err("its client gave up".to_owned()));
                let _ = done.send(worked);
            });
            let sent = self.jobs.as_ref().map(|jobs| jobs.send(job).is_ok());
            let answer = if sent == Some(true) {
                answer
                    .await
                    .unwrap_or_else(|_| Err("its client has ended".to_owned()))
            } else {
                Err("its client has ended".to_owned())
            };
            answer.map_err(|why| BackendError {
                server: self.server,
                why,
            })
        }

        /// Makes a proxy for an edge that leads to the callee; gives where it listens.
        pub(crate) async fn lead(
            &self,
            edge: &str,
            callee: SocketAddr,
        ) -> Result<SocketAddr, BackendError> {
            let edge = edge.to_owned();
            let host = self.server.ip();
            self.ask(move |server| {
                if !server.client.is_running() {
                    return Err("nobody answers there".to_owned());
                }
                // Several runs can share a server.
                let name = format!(
                    "shaketable-{}-{}",
                    std::process::id(),
                    edge.replace(' ', "")
                );
                let listen = SocketAddr::new(host, 0).to_string();
                let pack = ProxyPack::new(name.clone(), listen, callee.to_string());
                server.client.populate(vec![pack])?;
                let proxy = server.client.find_proxy(&name)?;
                let listens = proxy.proxy_pack.listen.parse::<SocketAddr>();
                let upstream = proxy.proxy_pack.upstream.clone();
                if upstream != callee.to_string() {
                    return Err(format!("its proxy leads to {upstream} and not to {callee}"));
                }
                let listens = listens.map_err(|_| "it does not say where it listens".to_owned())?;
                server.ours.insert(edge, (proxy, BTreeMap::new()));
                Ok(listens)
            })
            .await
        }

        /// Puts the toxics of a fault in force.
        pub(crate) async fn inject(
            &self,
            edge: &str,
            key: usize,
            toxics: Vec<Toxic>,
        ) -> Result<(), BackendError> {
            self.change(edge, move |faults| {
                faults.insert(key, toxics);
            })
            .await
        }

        /// Takes the toxics of a fault away.
        pub(crate) async fn lift(&self, edge: &str, key: usize) -> Result<(), BackendError> {
            self.change(edge, move |faults| {
                faults.remove(&key);
            })
            .await
        }

        async fn change(
            &self,
            edge: &str,
            change: impl FnOnce(&mut BTreeMap<usize, Vec<Toxic>>) + Send + 'static,
        ) -> Result<(), BackendError> {
            let edge = edge.to_owned();
            self.ask(move |server| {
                let Some((proxy, faults)) = server.ours.get_mut(&edge) else {
                    return Err(format!("it has no proxy for {edge}"));
                };
                change(faults);
                let wanted: Vec<&Toxic> = faults.values().flatten().collect();
                proxy.delete_all_toxics()?;
                for toxic in &wanted {
                    apply(proxy, toxic);
                }
                let mut there: Vec<String> = proxy
                    .toxics()?
                    .into_iter()
                    .map(|toxic| {
                        let attributes: BTreeMap<String, u32> =
                            toxic.attributes.into_iter().collect();
                        format!("{} {} {attributes:?}", toxic.stream, toxic.r#type)
                    })
                    .collect();
                let mut wanted: Vec<String> = wanted
                    .iter()
                    .map(|toxic| format!("{} {} {:?}", toxic.stream, toxic.kind, toxic.attributes))
                    .collect();
                there.sort();
                wanted.sort();
                if there == wanted {
                    Ok(())
                } else {
                    Err(format!("it has the toxics {there:?} instead of {wanted:?}"))
                }
            })
            .await
        }
    }

    impl Drop for Backend {
        fn drop(&mut self) {
            self.jobs = None;
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }

    fn apply(proxy: &Proxy, toxic: &Toxic) {
        let stream = toxic.stream.to_owned();
        let value = |name: &str| toxic.attributes.get(name).copied().unwrap_or_default();
        // Whom a fault hits is decided for whole edges; see the validation of suites.
        let all = 1.0;
        match toxic.kind {
            "latency" => proxy.with_latency(stream, value("latency"), value("jitter"), all),
            "bandwidth" => proxy.with_bandwidth(stream, value("rate"), all),
            "slow_close" => proxy.with_slow_close(stream, value("delay"), all),
            "timeout" => proxy.with_timeout(stream, value("timeout"), all),
            "slicer" => proxy.with_slicer(
                stream,
                value("average_size"),
                value("size_variation"),
                value("delay"),
                all,
            ),
            _ => proxy.with_limit_data(stream, value("bytes"), all),
        };
    }
}

#[cfg(not(feature = "toxiproxy"))]
mod left_out {
    use std::net::SocketAddr;

    use super::BackendError;
    use crate::backend::Toxic;

    /// There is none in this build, and no suite that asks for it is valid.
    #[derive(Debug)]
    pub(crate) enum Backend {}

    impl Backend {
        pub(crate) fn connect(server: SocketAddr) -> Result<Self, BackendError> {
            Err(BackendError {
                server,
                why: "this build has no client for it".to_owned(),
            })
        }

        pub(crate) fn end(self) {
            match self {}
        }

        #[expect(clippy::unused_async, reason = "as where the client is built")]
        pub(crate) async fn lead(
            &self,
            _: &str,
            _: SocketAddr,
        ) -> Result<SocketAddr, BackendError> {
            match *self {}
        }

        #[expect(clippy::unused_async, reason = "as where the client is built")]
        pub(crate) async fn inject(
            &self,
            _: &str,
            _: usize,
            _: Vec<Toxic>,
        ) -> Result<(), BackendError> {
            match *self {}
        }

        #[expect(clippy::unused_async, reason = "as where the client is built")]
        pub(crate) async fn lift(&self, _: &str, _: usize) -> Result<(), BackendError> {
            match *self {}
        }
    }
}
