//! The data plane: every proxy of a lab on threads of their own, and the handle that controls them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::door::Door;
use crate::edge::{Edge, Protocol, Rule};
use crate::http::{self, head};
use crate::observe::{Clock, Ended, Nanos, Seen};
use crate::tcp;
use crate::wire::{Upstream, fill, reset_on_close};

/// Why the data plane could not do as told.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// An edge's port could not be taken.
    #[error("listen for edge `{edge}` on {address}: {source}")]
    Listen {
        /// The edge.
        edge: String,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The thread could not be started.
    #[error("start the data plane: {0}")]
    Start(io::Error),
    /// The thread is gone.
    #[error("reach the data plane: its thread has ended")]
    Ended,
}

enum Command {
    Open(Arc<Edge>, Door, oneshot::Sender<()>),
    /// Brings the door of an edge in line with its faults.
    Settle(String, oneshot::Sender<io::Result<()>>),
}

/// All the proxies of a lab. Dropping it closes every port and every connection.
#[derive(Debug)]
pub struct Plane {
    clock: Clock,
    seed: u64,
    commands: mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
    end: CancellationToken,
}

impl Plane {
    /// Starts the thread that the proxies run on.
    pub fn start(seed: u64, clock: Clock) -> Result<Self, PlaneError> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(PlaneError::Start)?;
        let ended = end.clone();
        let thread = std::thread::Builder::new()
            .name("proxies".to_owned())
            .spawn(move || runtime.block_on(run(inbox, ended)))
            .map_err(PlaneError::Start)?;
        Ok(Self {
            clock,
            seed,
            commands,
            thread: Some(thread),
            end,
        })
    }

    /// Puts a proxy on an edge. `listen` may have port 0.
    pub async fn open(
        &self,
        name: &str,
        protocol: Protocol,
        listen: SocketAddr,
    ) -> Result<Proxy, PlaneError> {
        let failed = |source| PlaneError::Listen {
            edge: name.to_owned(),
            address: listen,
            source,
        };
        let door = Door::new(listen).map_err(failed)?;
        let address = door.address();
        let edge = Arc::new(Edge::new(name.to_owned(), protocol, self.seed, self.clock));
        let (done, opened) = oneshot::channel();
        self.commands
            .send(Command::Open(Arc::clone(&edge), door, done))
            .map_err(|_| PlaneError::Ended)?;
        opened.await.map_err(|_| PlaneError::Ended)?;
        let proxy = Proxy {
            edge,
            address,
            commands: self.commands.clone(),
            numbers: AtomicU16::new(0),
        };
        proxy.settle().await.map_err(failed)?;
        Ok(proxy)
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The control of one edge's proxy.
#[derive(Debug)]
pub struct Proxy {
    edge: Arc<Edge>,
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    numbers: AtomicU16,
}

impl Proxy {
    /// Where callers reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The edge's name.
    pub fn name(&self) -> &str {
        &self.edge.name
    }

    /// Says where the callee is. Until then connections are reset.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.edge.lead_to(upstream);
    }

    /// Puts a fault in force; gives its number on this edge and the moment from which it holds.
    pub async fn inject(&self, rule: Rule) -> io::Result<(u16, Nanos)> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.edge.activate(number, rule);
        self.settle().await?;
        Ok((number, self.edge.clock.now()))
    }

    /// Takes a fault away and releases what it held; gives the moment from which it is gone.
    pub async fn lift(&self, number: u16) -> io::Result<Nanos> {
        self.edge.lift(number);
        self.settle().await?;
        Ok(self.edge.clock.now())
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Seen {
        self.edge.log.snapshot()
    }

    /// How many exchanges have begun.
    pub fn count(&self) -> usize {
        self.edge.log.count()
    }

    /// How many exchanges are under way.
    pub fn in_flight(&self) -> usize {
        self.edge.log.in_flight()
    }

    async fn settle(&self) -> io::Result<()> {
        let gone = || io::Error::other("the data plane has ended");
        let (done, settled) = oneshot::channel();
        self.commands
            .send(Command::Settle(self.edge.name.clone(), done))
            .map_err(|_| gone())?;
        settled.await.map_err(|_| gone())?
    }
}

/// One edge on the plane's thread.
struct Doorway {
    edge: Arc<Edge>,
    door: Door,
    /// Ends the accept loop; `None` while the door is shut.
    open: Option<CancellationToken>,
}

impl Doorway {
    fn settle(&mut self) -> io::Result<()> {
        match (self.edge.is_shut(), self.open.take()) {
            (true, Some(open)) => {
                open.cancel();
                self.edge.cut_all();
            }
            (false, None) => {
                let open = CancellationToken::new();
                tokio::spawn(accept(
                    Arc::clone(&self.edge),
                    self.door.open()?,
                    open.clone(),
                ));
                self.open = Some(open);
            }
            (_, unchanged) => self.open = unchanged,
        }
        Ok(())
    }
}

async fn run(mut inbox: mpsc::UnboundedReceiver<Command>, end: CancellationToken) {
    let mut doorways: HashMap<String, Doorway> = HashMap::new();
    loop {
        let command = tokio::select! {
            () = end.cancelled() => return,
            command = inbox.recv() => command,
        };
        match command {
            None => return,
            Some(Command::Open(edge, door, done)) => {
                doorways.insert(
                    edge.name.clone(),
                    Doorway {
                        edge,
                        door,
                        open: None,
                    },
                );
                let _ = done.send(());
            }
            Some(Command::Settle(name, done)) => {
                let settled = doorways.get_mut(&name).map_or(Ok(()), Doorway::settle);
                // The accept loop drops its listener when it is next polled: let it.
                tokio::task::yield_now().await;
                let _ = done.send(settled);
            }
        }
    }
}

async fn accept(edge: Arc<Edge>, listener: TcpListener, open: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = open.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, _)) => {
                tokio::spawn(connection(Arc::clone(&edge), client));
            }
            // Out of descriptors, most likely: those who wait keep waiting until some are free.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(edge: Arc<Edge>, mut client: TcpStream) {
    let cut = edge.cut_token();
    let _ = client.set_nodelay(true);
    let number = edge.log.open_connection(edge.clock.now());
    let ended = tokio::select! {
        ended = serve(&edge, number, &mut client) => ended,
        () = cut.cancelled() => Ended::Fault,
    };
    if cut.is_cancelled() {
        reset_on_close(&client);
        edge.cut_exchanges(number);
    }
    edge.log.close_connection(number, edge.clock.now(), ended);
}

async fn serve(edge: &Edge, number: u32, client: &mut TcpStream) -> Ended {
    match edge.protocol {
        Protocol::Http => http::serve(edge, number, client, BytesMut::new(), None).await,
        Protocol::Tcp => tcp::serve(edge, number, client, BytesMut::new(), None).await,
        Protocol::Auto => match listen_in(edge, client).await {
            Some((true, first, upstream)) => {
                http::serve(edge, number, client, first, upstream).await
            }
            Some((false, first, upstream)) => {
                tcp::serve(edge, number, client, first, upstream).await
            }
            None => Ended::Answered,
        },
    }
}

/// How long an `auto` edge waits for the caller's first bytes before it connects to the callee,
/// which may be the one who speaks first.
const SPEAKS_FIRST: Duration = Duration::from_millis(200);

/// Finds out whether a connection speaks HTTP, and gives what was read and opened meanwhile;
/// `None` when the caller left without a word.
async fn listen_in(
    edge: &Edge,
    client: &mut TcpStream,
) -> Option<(bool, BytesMut, Option<Upstream>)> {
    let mut first = BytesMut::new();
    let mut upstream: Option<Upstream> = None;
    loop {
        if let Some(http) = head::looks_like_http(&first) {
            return Some((http, first, upstream));
        }
        let callee_speaks = async {
            if let Some(upstream) = &mut upstream {
                fill(&mut upstream.stream, &mut upstream.ahead)
                    .await
                    .is_ok()
            } else {
                tokio::time::sleep(SPEAKS_FIRST).await;
                false
            }
        };
        tokio::select! {
            more = fill(client, &mut first) => {
                more.ok()?;
            }
            spoke = callee_speaks => {
                if spoke || upstream.is_some() {
                    return Some((false, first, upstream));
                }
                match edge.connect().await {
                    Ok(connected) => upstream = Some(connected),
                    Err(_) => return Some((false, first, None)),
                }
            }
        }
    }
}
