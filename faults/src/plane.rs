//! The data plane: every proxy on threads of their own, and the handles that control them.
//!
//! Each thread has a runtime, a listener on every edge's port (the kernel spreads connections over
//! them), and the connections that came in through it; they never change threads.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::connection::connection;
use crate::door::{Door, FullDoor};
use crate::edge::{Active, Edge, Protocol, Rule};
use crate::fault::{self, Fault};
use crate::observe::{Clock, Nanos, Seen, Traffic, Trouble};
use crate::switchboard::{self, Route, Switchboard};
use crate::timer;
use crate::tls::{FromCaller, ToCallee};
use crate::wire::Callee;

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
    /// The threads could not be started.
    #[error("start the data plane: {0}")]
    Start(io::Error),
    /// The threads are gone.
    #[error("reach the data plane: its threads have ended")]
    Ended,
}

enum Command {
    /// Brings the doors of an edge in line with its faults; opens them at first.
    Settle(Arc<Control>, oneshot::Sender<io::Result<()>>),
    /// Shuts the doors of an edge for good.
    Close(u64, oneshot::Sender<()>),
    /// Switches a fault as its schedule says.
    Follow(Weak<Control>, Arc<Active>),
}

/// How a data plane is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What all decisions depend on.
    pub seed: u64,
    /// How many threads carry the traffic.
    pub threads: usize,
    /// How many records of each sort an edge keeps; older ones make room.
    pub records: usize,
}

impl Settings {
    /// As many threads as there are processors, at most 4; 20 million records of each sort.
    pub fn new(seed: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            seed,
            threads: cores.min(4),
            records: 20_000_000,
        }
    }
}

/// All the proxies of a lab. Dropping it closes every port and every connection.
#[derive(Debug)]
pub struct Plane {
    clock: Clock,
    settings: Settings,
    lines: Vec<mpsc::UnboundedSender<Command>>,
    threads: Vec<JoinHandle<()>>,
    end: CancellationToken,
    opened: AtomicU64,
}

impl Plane {
    /// Starts the threads that the proxies run on.
    pub fn start(settings: Settings, clock: Clock) -> Result<Self, PlaneError> {
        let mut plane = Self {
            clock,
            settings,
            lines: Vec::new(),
            threads: Vec::new(),
            end: CancellationToken::new(),
            opened: AtomicU64::new(0),
        };
        for thread in 0..settings.threads.max(1) {
            let (line, inbox) = mpsc::unbounded_channel();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(PlaneError::Start)?;
            let ended = plane.end.clone();
            let handle = std::thread::Builder::new()
                .name("proxies".to_owned())
                .spawn(move || {
                    tokio::task::LocalSet::new().block_on(&runtime, run(inbox, ended, thread));
                })
                .map_err(PlaneError::Start)?;
            plane.lines.push(line);
            plane.threads.push(handle);
        }
        Ok(plane)
    }

    /// Puts a proxy on an edge. `listen` may have port 0.
    pub async fn open(
        &self,
        name: &str,
        protocol: Protocol,
        listen: SocketAddr,
    ) -> Result<Proxy, PlaneError> {
        let proxy = self.prepare(name, protocol, listen)?;
        proxy.serve().await.map_err(|source| PlaneError::Listen {
            edge: name.to_owned(),
            address: listen,
            source,
        })?;
        Ok(proxy)
    }

    /// Takes the port for a proxy on an edge, and has nothing listen on it before
    /// [`Proxy::serve`]: so the first connection finds its callee and its faults in place.
    pub fn prepare(
        &self,
        name: &str,
        protocol: Protocol,
        listen: SocketAddr,
    ) -> Result<Proxy, PlaneError> {
        self.control(name, protocol, listen, None)
    }

    /// Opens a forward proxy: one listener for several edges, which are told apart by the hosts that
    /// callers ask for. The edges stay reachable at their own ports too.
    pub async fn open_forward(
        &self,
        name: &str,
        listen: SocketAddr,
        routes: impl IntoIterator<Item = (Route, &Proxy)>,
    ) -> Result<Forward, PlaneError> {
        let edge = |(route, proxy): (Route, &Proxy)| (route, Arc::clone(&proxy.control.edge));
        let routes = routes.into_iter().map(edge).collect();
        let proxy = self.control(name, Protocol::Http, listen, Some(routes))?;
        proxy.serve().await.map_err(|source| PlaneError::Listen {
            edge: name.to_owned(),
            address: listen,
            source,
        })?;
        Ok(Forward(proxy))
    }

    /// What controls a listener of its own.
    fn control(
        &self,
        name: &str,
        protocol: Protocol,
        listen: SocketAddr,
        routes: Option<Vec<(Route, Arc<Edge>)>>,
    ) -> Result<Proxy, PlaneError> {
        let door = Door::new(listen).map_err(|source| PlaneError::Listen {
            edge: name.to_owned(),
            address: listen,
            source,
        })?;
        let Settings { seed, records, .. } = self.settings;
        let edge = Edge::new(name.to_owned(), protocol, seed, self.clock, records);
        let edge = Arc::new(edge);
        let board = routes.map(|routes| {
            let own = Arc::clone(&edge);
            Arc::new(Switchboard { own, routes })
        });
        let control = Arc::new(Control {
            id: self.opened.fetch_add(1, Ordering::Relaxed),
            edge,
            board,
            door,
            lines: self.lines.clone(),
        });
        Ok(Proxy {
            control,
            numbers: AtomicU32::new(0),
        })
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.end.cancel();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What controls one edge, shared with the threads.
#[derive(Debug)]
struct Control {
    id: u64,
    edge: Arc<Edge>,
    /// Who is reached through it, where it is a forward proxy.
    board: Option<Arc<Switchboard>>,
    door: Door,
    lines: Vec<mpsc::UnboundedSender<Command>>,
}

impl Control {
    /// Brings the doors in line with the faults, on every thread.
    async fn settle(self: &Arc<Self>) -> io::Result<()> {
        let gone = || io::Error::other("the data plane has ended");
        let mut settled = Ok(());
        // One after the other, so that a full backlog finds the port alone on its thread.
        for line in self.lines.iter().rev() {
            let (done, answer) = oneshot::channel();
            line.send(Command::Settle(Arc::clone(self), done))
                .map_err(|_| gone())?;
            settled = settled.and(answer.await.map_err(|_| gone())?);
        }
        if let fault::Door::Shut { cut: true } = self.edge.door() {
            self.edge.cut_all();
        }
        settled
    }
}

/// The control of one edge's proxy.
#[derive(Debug)]
pub struct Proxy {
    control: Arc<Control>,
    numbers: AtomicU32,
}

impl Proxy {
    /// Where callers reach it.
    pub fn address(&self) -> SocketAddr {
        self.control.door.address()
    }

    /// The edge's name.
    pub fn name(&self) -> &str {
        &self.control.edge.name
    }

    /// Says where the callee is. Until then connections are reset.
    pub fn lead_to(&self, upstream: impl Into<Callee>) {
        self.control.edge.lead_to(upstream.into());
    }

    /// Callers speak TLS, and meet it like this. To be said before the proxy serves; only the first
    /// time counts.
    pub fn meet_callers(&self, tls: FromCaller) {
        let _ = self.control.edge.tls.from_caller.set(tls);
    }

    /// The callee speaks TLS, and so does everybody that a fault redirects to. To be said before the
    /// first connection is made; only the first time counts.
    pub fn meet_callee(&self, tls: ToCallee) {
        let _ = self.control.edge.tls.to_callee.set(tls);
    }

    /// Has the values of these headers noted in the record of each HTTP exchange whose request has
    /// them: the first 256 bytes of each, beside its place in this list. To be said before the proxy
    /// serves; only the first time counts.
    pub fn note(&self, names: Vec<String>) {
        self.control.edge.note(names);
    }

    /// Begins to listen, unless a fault says otherwise.
    pub async fn serve(&self) -> io::Result<()> {
        self.control.edge.serve();
        self.control.settle().await
    }

    /// Puts a fault in force; gives its number on this edge and the moment from which it holds.
    pub async fn inject(&self, rule: Rule) -> io::Result<(u32, Nanos)> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let of_port = rule.fault.level() == fault::Level::Door;
        // Whatever is hit is hit after this.
        let before = self.control.edge.clock.now();
        let active = self.control.edge.activate(number, rule);
        self.control.settle().await?;
        if !active.rule.schedule.is_steady()
            && let Some(line) = self.control.lines.first()
        {
            // It can only fail when the threads have ended, which the settling has told.
            let _ = line.send(Command::Follow(Arc::downgrade(&self.control), active));
        }
        // A port changes when the threads have seen to it.
        let from = if of_port {
            self.control.edge.clock.now()
        } else {
            before
        };
        Ok((number, from))
    }

    /// Changes what a fault does, to what share, and where it redirects to. Nobody draws anew: of
    /// the connections that have, those whose roll lies below the new share are hit. Says whether
    /// there is such a fault.
    pub async fn change(
        &self,
        number: u32,
        fault: Arc<dyn Fault>,
        probability: f64,
        redirect: Option<SocketAddr>,
    ) -> io::Result<bool> {
        let edge = &self.control.edge;
        let known = edge.replace(number, fault, probability, redirect);
        self.control.settle().await?;
        Ok(known)
    }

    /// Takes a fault away and releases what it held; gives the moment from which it is gone.
    pub async fn lift(&self, number: u32) -> io::Result<Nanos> {
        let edge = &self.control.edge;
        let of_port = edge.door() != fault::Door::Open;
        edge.lift(number);
        // Nothing is hit after this.
        let gone = edge.clock.now();
        self.control.settle().await?;
        Ok(if of_port { edge.clock.now() } else { gone })
    }

    /// Resets every connection that is open now.
    pub fn cut(&self) {
        self.control.edge.cut_all();
    }

    /// Lifts all faults, closes the port and resets the connections. What was seen can still be
    /// asked for. The port itself is given back when the proxy is dropped.
    pub async fn close(&self) {
        // A schedule that is just switching a fault must not open the door again behind us.
        self.control.edge.retire();
        for line in &self.control.lines {
            let (done, closed) = oneshot::channel();
            if line.send(Command::Close(self.control.id, done)).is_ok() {
                let _ = closed.await;
            }
        }
        self.control.edge.cut_all();
        self.control.edge.lift_all();
    }

    /// How many bytes have passed so far.
    pub fn traffic(&self) -> Traffic {
        self.control.edge.traffic()
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Seen {
        self.control.edge.log.snapshot()
    }

    /// What went wrong that no fault is to blame for.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.control.edge.troubles.so_far()
    }

    /// How many exchanges have begun.
    pub fn count(&self) -> usize {
        self.control.edge.log.count()
    }

    /// How many exchanges are under way.
    pub fn in_flight(&self) -> usize {
        self.control.edge.log.in_flight()
    }
}

/// A forward proxy. Dropping it gives its port back.
#[derive(Debug)]
pub struct Forward(Proxy);

impl Forward {
    /// Where callers reach it.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// What callers asked of it in vain: hosts that no edge leads to, and what it does not speak.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.0.troubles()
    }
}

/// The door of one edge on one thread.
enum Doorway {
    Shut,
    /// The accept loop, and what ends it.
    Open(CancellationToken, tokio::task::JoinHandle<()>),
    Full(#[expect(dead_code, reason = "held for as long as the door is full")] FullDoor),
}

impl Doorway {
    async fn settle(&mut self, control: &Arc<Control>, thread: usize) -> io::Result<()> {
        let wanted = control.edge.door();
        match (wanted, &*self) {
            (fault::Door::Open, Self::Open(..))
            | (fault::Door::Shut { .. }, Self::Shut)
            | (fault::Door::Full, Self::Full(_)) => return Ok(()),
            _ => self.shut().await,
        }
        match wanted {
            fault::Door::Open => {
                let (open, listener) = (CancellationToken::new(), control.door.open()?);
                let (edge, board) = (Arc::clone(&control.edge), control.board.clone());
                let accepting = tokio::spawn(accept(edge, board, listener, open.clone()));
                *self = Self::Open(open, accepting);
            }
            // One full door for all threads: the kernel would spread callers over several.
            fault::Door::Full if thread == 0 => {
                let control = Arc::clone(control);
                let full = tokio::task::spawn_blocking(move || control.door.fill_up());
                *self = Self::Full(full.await??);
            }
            fault::Door::Full | fault::Door::Shut { .. } => {}
        }
        Ok(())
    }

    async fn shut(&mut self) {
        if let Self::Open(open, accepting) = std::mem::replace(self, Self::Shut) {
            open.cancel();
            // The listener is closed when the loop has ended.
            let _ = accepting.await;
        }
    }
}

async fn run(mut inbox: mpsc::UnboundedReceiver<Command>, end: CancellationToken, thread: usize) {
    let timers = tokio::task::spawn_local(timer::drive(Duration::ZERO));
    let mut doorways: HashMap<u64, Doorway> = HashMap::new();
    loop {
        let command = tokio::select! {
            () = end.cancelled() => break,
            command = inbox.recv() => command,
        };
        match command {
            None => break,
            Some(Command::Settle(control, done)) => {
                let doorway = doorways.entry(control.id).or_insert(Doorway::Shut);
                let _ = done.send(doorway.settle(&control, thread).await);
            }
            Some(Command::Close(id, done)) => {
                if let Some(mut doorway) = doorways.remove(&id) {
                    doorway.shut().await;
                }
                let _ = done.send(());
            }
            Some(Command::Follow(control, active)) => {
                tokio::spawn(follow(control, active));
            }
        }
    }
    timers.abort();
}

/// Switches a fault as its schedule says, until it is lifted. It does not keep the port meanwhile.
async fn follow(control: Weak<Control>, active: Arc<Active>) {
    loop {
        let now = {
            let Some(control) = control.upgrade() else {
                return;
            };
            let edge = &control.edge;
            let now = active.scheduled(edge.seed, &edge.name);
            active.follow(now);
            edge.look_again();
            // It can only fail when the threads have ended, and this task with them.
            let _ = control.settle().await;
            now
        };
        let Some(next) = now.next else { return };
        tokio::select! {
            () = active.lifted.cancelled() => return,
            () = timer::sleep_until(active.since + next) => {}
        }
    }
}

async fn accept(
    edge: Arc<Edge>,
    board: Option<Arc<Switchboard>>,
    listener: TcpListener,
    open: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = open.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, peer)) => match &board {
                None => {
                    tokio::spawn(connection(Arc::clone(&edge), client, peer.ip()));
                }
                Some(board) => {
                    tokio::spawn(switchboard::serve(Arc::clone(board), client, peer.ip()));
                }
            },
            // Out of descriptors, most likely: those who wait keep waiting until some are free.
            Err(_) => timer::sleep(Duration::from_millis(20)).await,
        }
    }
}
