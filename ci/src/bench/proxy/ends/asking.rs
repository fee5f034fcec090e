//! The end that asks: connections on which messages are sent, and when each was answered.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::answering::EVENTS;
use super::talk::{Ends, Talk};
use crate::bench::error::{BenchError, Doing};

/// The end that asks.
#[derive(Debug)]
pub(crate) struct Asking {
    talk: Talk,
    connections: Vec<Connection>,
    epoll: Epoll,
    events: Vec<EpollEvent>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    ends: Ends,
    /// When each question was asked that has no answer yet.
    asked: VecDeque<Instant>,
}

/// An answer that has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// On which connection.
    pub(crate) on: usize,
    /// How long after its question.
    pub(crate) after: Duration,
    /// Whether we, and not the proxy, may have made it late.
    pub(crate) marked: bool,
}

impl Asking {
    /// Opens so many connections to a proxy.
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        talk: Talk,
    ) -> Result<Self, BenchError> {
        let doing = "connect to the proxy";
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).doing(doing)?;
        let mut opened = Vec::with_capacity(connections);
        for number in 0..connections {
            let stream = TcpStream::connect(address).doing(doing)?;
            stream.set_nodelay(true).doing(doing)?;
            stream.set_nonblocking(true).doing(doing)?;
            let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
            epoll.add(&stream, event).doing(doing)?;
            opened.push(Connection {
                stream,
                ends: Ends::new(talk),
                asked: VecDeque::new(),
            });
        }
        Ok(Self {
            talk,
            connections: opened,
            epoll,
            events: vec![EpollEvent::empty(); EVENTS],
            buffer: vec![0; 64 * 1024],
        })
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Asks on a connection. Its time counts from before the question leaves.
    pub(crate) fn ask(&mut self, on: usize) -> Result<(), BenchError> {
        let connection = &mut self.connections[on];
        connection.asked.push_back(Instant::now());
        let question = self.talk.question();
        connection
            .stream
            .write_all(question)
            .doing("ask through the proxy")
    }

    /// Notes the answers that have come, waiting at most so many milliseconds for one.
    pub(crate) fn collect(
        &mut self,
        wait_ms: u16,
        answers: &mut Vec<Answered>,
    ) -> Result<(), BenchError> {
        let ready = match self.epoll.wait(&mut self.events, wait_ms) {
            Err(Errno::EINTR) => 0,
            ready => ready.doing("wait for answers")?,
        };
        for event in &self.events[..ready] {
            let on = usize::try_from(event.data()).unwrap_or(usize::MAX);
            let connection = &mut self.connections[on];
            let length = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err(closed()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                length => length.doing("read an answer")?,
            };
            let now = Instant::now();
            for marked in connection.ends.find(&self.buffer[..length]) {
                let asked = connection.asked.pop_front().ok_or_else(|| {
                    BenchError::Measure("more came back through the proxy than was sent".to_owned())
                })?;
                answers.push(Answered {
                    on,
                    after: now.duration_since(asked),
                    marked,
                });
            }
        }
        Ok(())
    }
}

fn closed() -> BenchError {
    BenchError::Measure("the proxy closed a connection in the middle of a measurement".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::answering::Answering;
    use super::*;

    fn talks(talk: Talk) {
        let mut answering = Answering::new(talk).unwrap();
        let mut asking = Asking::connect(answering.address, 3, talk).unwrap();
        let mut answers = Vec::new();
        for on in [0, 1, 1, 2, 1] {
            asking.ask(on).unwrap();
        }
        let patience = Instant::now();
        while answers.len() < 5 {
            assert!(patience.elapsed().as_secs() < 30, "only {answers:?}");
            answering.serve(0, false).unwrap();
            asking.collect(0, &mut answers).unwrap();
        }
        let mut on: Vec<usize> = answers.iter().map(|answer| answer.on).collect();
        on.sort_unstable();
        assert_eq!(on, [0, 1, 1, 1, 2]);
        assert!(answers.iter().all(|answer| !answer.after.is_zero()));
    }

    #[test]
    fn each_question_is_answered_once_on_its_connection() {
        talks(Talk::Echo);
        talks(Talk::Http);
    }

    #[test]
    fn a_connection_that_ends_is_no_answer() {
        let answering = Answering::new(Talk::Echo).unwrap();
        let mut asking = Asking::connect(answering.address, 1, Talk::Echo).unwrap();
        drop(answering);
        let ended = (0..1000).find_map(|_| asking.collect(10, &mut Vec::new()).err());
        assert!(ended.is_some());
    }
}
