//! The end that answers: one loop over all connections, run by a thread of its own or, where
//! microseconds count, by the thread that asks.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::talk::{Ends, Talk};
use crate::bench::error::{BenchError, Doing};

/// The listener's number among the events.
const LISTENER: u64 = u64::MAX;
/// Events taken at once.
pub(super) const EVENTS: usize = 256;
/// How often a thread looks whether it shall stop, in milliseconds.
const LOOK_EVERY_MS: u16 = 50;

/// The end that answers.
#[derive(Debug)]
pub(crate) struct Answering {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    talk: Talk,
    listener: TcpListener,
    connections: HashMap<u64, (TcpStream, Ends)>,
    next: u64,
    epoll: Epoll,
    events: Vec<EpollEvent>,
    buffer: Vec<u8>,
}

impl Answering {
    /// Listens on loopback.
    pub(crate) fn new(talk: Talk) -> Result<Self, BenchError> {
        let doing = "open the end that answers";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
        listener.set_nonblocking(true).doing(doing)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).doing(doing)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, LISTENER);
        epoll.add(&listener, event).doing(doing)?;
        Ok(Self {
            address: listener.local_addr().doing(doing)?,
            talk,
            listener,
            connections: HashMap::new(),
            next: 0,
            epoll,
            events: vec![EpollEvent::empty(); EVENTS],
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Answers what has come, waiting at most so many milliseconds for something. `marked` says that
    /// it may have waited for us.
    pub(crate) fn serve(&mut self, wait_ms: u16, marked: bool) -> Result<(), BenchError> {
        let ready = match self.epoll.wait(&mut self.events, wait_ms) {
            Err(Errno::EINTR) => 0,
            ready => ready.doing("wait for questions")?,
        };
        for at in 0..ready {
            match self.events[at].data() {
                LISTENER => self.accept()?,
                number => {
                    if !self.answer(number, marked) {
                        self.connections.remove(&number);
                    }
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), BenchError> {
        let doing = "accept a connection from a proxy";
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).doing(doing)?;
            stream.set_nodelay(true).doing(doing)?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, self.next);
            self.epoll.add(&stream, event).doing(doing)?;
            let ends = Ends::new(self.talk);
            self.connections.insert(self.next, (stream, ends));
            self.next += 1;
        }
        Ok(())
    }

    /// Answers on one connection; says whether it goes on.
    fn answer(&mut self, number: u64, marked: bool) -> bool {
        let Some((stream, ends)) = self.connections.get_mut(&number) else {
            return true;
        };
        let length = match stream.read(&mut self.buffer) {
            Ok(0) => return false,
            Ok(length) => length,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        // So little is ever under way that a socket takes it at once.
        let answer = self.talk.answer(marked);
        ends.find(&self.buffer[..length])
            .all(|_| stream.write_all(answer).is_ok())
    }

    /// Lets a thread of its own do it.
    pub(crate) fn on_a_thread(mut self) -> Result<OnAThread, BenchError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let address = self.address;
        let thread = std::thread::Builder::new()
            .name("answers".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) && self.serve(LOOK_EVERY_MS, false).is_ok() {
                }
            })
            .doing("start the thread that answers")?;
        Ok(OnAThread {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

/// The end that answers, on a thread that ends with this value.
#[derive(Debug)]
pub(crate) struct OnAThread {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for OnAThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
