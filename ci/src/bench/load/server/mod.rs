//! The target where nginx is none: one loop over all connections, on a thread of its own, that notes
//! when each request came and answers at once, late, or after a stall of everything.

mod request;

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{Backlog, listen};

use crate::bench::error::{BenchError, Doing};
use request::{Read, Reader};

/// With a body of 31 bytes, as nginx has it in the other rows.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\nthirty-one bytes as the answer\n";
/// The listener's number among the events.
const LISTENER: u64 = u64::MAX;
/// Events taken at once.
const EVENTS: usize = 256;
/// How often it looks whether it shall stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Connections that wait while it stalls: the kernel's own limit, so that none has to try again.
const BACKLOG: i32 = 4096;

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// At once.
    AtOnce,
    /// At once, but once in each run, so long after the first request, it does nothing for a while.
    StallsOnce {
        /// Since the first request.
        after: Duration,
        /// For so long.
        length: Duration,
    },
    /// So much later.
    Late(Duration),
}

/// What it saw of a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When each request came, in nanoseconds of the system's clock.
    pub(crate) arrivals: Vec<u64>,
    /// When each answer was written that was not held back, by the same clock.
    pub(crate) answers: Vec<u64>,
    /// The most requests that were unanswered at once.
    pub(crate) in_flight_max: usize,
    /// The first request was read then.
    first: Option<Instant>,
    /// Whether the stall has been.
    pub(crate) stalled: bool,
}

/// A target that ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on loopback. It stays on the processors of the thread that calls this.
    pub(crate) fn start(manner: Manner) -> Result<Self, BenchError> {
        let doing = "open the target";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
        listen(&listener, Backlog::new(BACKLOG).doing(doing)?).doing(doing)?;
        listener.set_nonblocking(true).doing(doing)?;
        let address = listener.local_addr().doing(doing)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).doing(doing)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, LISTENER);
        epoll.add(&listener, event).doing(doing)?;
        let (seen, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let answering = Answering {
            manner,
            listener,
            epoll,
            connections: HashMap::new(),
            next: 0,
            due: VecDeque::new(),
            seen: Arc::clone(&seen),
        };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("target".to_owned())
            .spawn(move || answering.until(&stopped))
            .doing(doing)?;
        Ok(Self {
            address,
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// What it saw since this was last asked; the next run begins.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *lock(&self.seen))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own.
struct Answering {
    manner: Manner,
    listener: TcpListener,
    epoll: Epoll,
    connections: HashMap<u64, (TcpStream, Reader)>,
    next: u64,
    /// Answers that are held back, the earliest first.
    due: VecDeque<(Instant, u64)>,
    seen: Arc<Mutex<Seen>>,
}

impl Answering {
    fn until(mut self, stopped: &AtomicBool) {
        let mut events = vec![EpollEvent::empty(); EVENTS];
        while !stopped.load(Ordering::Relaxed) {
            let ready = match self.epoll.wait(&mut events, self.patience_ms()) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(_) => return,
            };
            self.stall();
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.accept(),
                    number => self.read(number),
                }
            }
            self.answer_due();
        }
    }

    /// Until something has to be done, rounded up.
    fn patience_ms(&self) -> u16 {
        let next = self.due.front().map_or(LOOK_EVERY, |(due, _)| {
            due.saturating_duration_since(Instant::now())
        });
        u16::try_from(next.min(LOOK_EVERY).as_micros().div_ceil(1000)).unwrap_or(u16::MAX)
    }

    /// The stall, when it is time. What has come meanwhile waits, connections too.
    fn stall(&self) {
        let Manner::StallsOnce { after, length } = self.manner else {
            return;
        };
        let begins = {
            let mut seen = lock(&self.seen);
            let due = seen.first.is_some_and(|first| first.elapsed() >= after);
            let begins = due && !seen.stalled;
            seen.stalled |= begins;
            begins
        };
        if begins {
            std::thread::sleep(length);
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, self.next);
            let ready = stream
                .set_nonblocking(true)
                .and_then(|()| stream.set_nodelay(true))
                .is_ok()
                && self.epoll.add(&stream, event).is_ok();
            // The generator sees a connection that ends, and says so.
            if let (true, Ok(reader)) = (ready, Reader::new(&stream)) {
                self.connections.insert(self.next, (stream, reader));
                self.next += 1;
            }
        }
    }

    fn read(&mut self, number: u64) {
        let Some((stream, reader)) = self.connections.get_mut(&number) else {
            return;
        };
        let (requests, stamp) = match reader.read(stream) {
            Read::Nothing => return,
            Read::Requests(requests, stamp) => (requests, stamp),
            Read::End => {
                self.connections.remove(&number);
                return;
            }
        };
        let mut seen = lock(&self.seen);
        seen.first.get_or_insert_with(Instant::now);
        for _ in 0..requests {
            seen.arrivals.push(stamp);
            if let Manner::Late(by) = self.manner {
                self.due.push_back((Instant::now() + by, number));
                seen.in_flight_max = seen.in_flight_max.max(self.due.len());
            } else {
                // So little is ever under way that a socket takes it at once.
                let _ = stream.write_all(ANSWER);
                seen.answers.push(request::now());
            }
        }
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        while let Some((due, number)) = self.due.front()
            && *due <= now
        {
            if let Some((stream, _)) = self.connections.get_mut(number) {
                let _ = stream.write_all(ANSWER);
            }
            self.due.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn ask(stream: &mut TcpStream) {
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }

    fn take(stream: &mut TcpStream) {
        let mut answer = vec![0; ANSWER.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, ANSWER);
    }

    #[test]
    fn a_late_target_holds_requests_and_counts_them() {
        let server = Server::start(Manner::Late(Duration::from_millis(200))).unwrap();
        let mut streams: Vec<TcpStream> = (0..3)
            .map(|_| TcpStream::connect(server.address).unwrap())
            .collect();
        let start = Instant::now();
        streams.iter_mut().for_each(ask);
        streams.iter_mut().for_each(take);
        assert!(start.elapsed() >= Duration::from_millis(200));
        let seen = server.take();
        assert_eq!((seen.arrivals.len(), seen.in_flight_max), (3, 3));
        assert!(server.take().arrivals.is_empty());
    }

    #[test]
    fn a_stall_comes_once_and_is_as_long_as_asked() {
        let length = Duration::from_millis(300);
        let after = Duration::from_millis(50);
        let server = Server::start(Manner::StallsOnce { after, length }).unwrap();
        let mut stream = TcpStream::connect(server.address).unwrap();
        let mut exchange = || {
            let start = Instant::now();
            ask(&mut stream);
            take(&mut stream);
            start.elapsed()
        };
        let mut took = Vec::new();
        let start = Instant::now();
        while start.elapsed() < after + length {
            took.push(exchange());
        }
        assert!(took.iter().max().unwrap() >= &length, "{took:?}");
        assert!(server.take().stalled);
    }
}
