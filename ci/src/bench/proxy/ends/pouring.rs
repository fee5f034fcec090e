//! Bulk: a sender that never ends, and receivers that count.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bench::error::{BenchError, Doing};

/// Written and read at once: as much as fits well into a processor's cache.
const PIECE: usize = 256 * 1024;
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(5);

/// Sends to whoever connects, until they close.
#[derive(Debug)]
pub(crate) struct Pouring {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pouring {
    /// Listens on loopback.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let doing = "open the end that sends";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
        let address = listener.local_addr().doing(doing)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("pours".to_owned())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    // It ends with the connection, and the connection with its proxy.
                    std::thread::spawn(move || pour(stream));
                }
            })
            .doing(doing)?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

fn pour(mut stream: TcpStream) {
    let piece = vec![b'x'; PIECE];
    while stream.write_all(&piece).is_ok() {}
}

impl Drop for Pouring {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, which is waiting for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes whatever comes on some connections, each on a thread of its own.
#[derive(Debug)]
pub(crate) struct Draining {
    bytes: Arc<AtomicU64>,
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Draining {
    /// Opens so many connections to a proxy.
    pub(crate) fn start(address: SocketAddr, connections: usize) -> Result<Self, BenchError> {
        let mut draining = Self {
            bytes: Arc::default(),
            streams: Vec::new(),
            threads: Vec::new(),
        };
        for _ in 0..connections {
            let doing = "connect to the proxy";
            let mut stream = TcpStream::connect(address).doing(doing)?;
            draining.streams.push(stream.try_clone().doing(doing)?);
            let bytes = Arc::clone(&draining.bytes);
            draining.threads.push(std::thread::spawn(move || {
                let mut piece = vec![0; PIECE];
                while let Ok(length @ 1..) = stream.read(&mut piece) {
                    bytes.fetch_add(length as u64, Ordering::Relaxed);
                }
            }));
        }
        Ok(draining)
    }

    /// How much has come so far. An error where a connection has ended.
    pub(crate) fn bytes(&self) -> Result<u64, BenchError> {
        if self.threads.iter().any(JoinHandle::is_finished) {
            let why = "the proxy ended a connection that was to go on";
            return Err(BenchError::Measure(why.to_owned()));
        }
        Ok(self.bytes.load(Ordering::Relaxed))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        for stream in &self.streams {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Bytes per second of one connection, over at least `window` after the first that came. The first
/// piece is not counted, for the time that it took is not known.
pub(crate) fn rate(address: SocketAddr, window: Duration) -> Result<f64, BenchError> {
    let doing = "receive through the proxy";
    let mut stream = TcpStream::connect(address).doing(doing)?;
    stream.set_read_timeout(Some(SILENCE)).doing(doing)?;
    let mut piece = vec![0; PIECE];
    let mut read = || match stream.read(&mut piece).doing(doing)? {
        0 => Err(BenchError::Measure(
            "the proxy ended the connection".to_owned(),
        )),
        length => Ok((length, Instant::now())),
    };
    let (_, first) = read()?;
    let mut bytes = 0;
    loop {
        let (length, now) = read()?;
        bytes += length;
        let elapsed = now - first;
        if elapsed >= window {
            return Ok(bytes as f64 / elapsed.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_poured_arrives() {
        let pouring = Pouring::start().unwrap();
        let draining = Draining::start(pouring.address, 2).unwrap();
        let patience = Instant::now();
        while draining.bytes().unwrap() < 10_000_000 {
            assert!(patience.elapsed().as_secs() < 30, "too little came");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_rate_is_that_of_the_sender() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let sender = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let start = Instant::now();
            // 100 kB/s by the clock, however late this thread is woken.
            for piece in 1_u32.. {
                let due = start + Duration::from_millis(10) * piece;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if stream.write_all(&[0; 1000]).is_err() {
                    return;
                }
            }
        });
        let rate = rate(address, Duration::from_millis(500)).unwrap();
        assert!((50_000.0..150_000.0).contains(&rate), "{rate} B/s");
        sender.join().unwrap();
    }
}
