//! Requests out of a socket, and when the kernel got them: by its own stamp, so that it does not
//! count how late this thread was woken.

use std::io::IoSliceMut;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use crate::bench::error::{BenchError, Doing};

const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";
/// Nobody's request is longer.
const PIECE: usize = 4096;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Read {
    /// So many requests ended with what came at this moment, in nanoseconds of the system's clock.
    Requests(usize, u64),
    /// Nothing for now.
    Nothing,
    /// The connection's end.
    End,
}

/// Finds requests without a body, however they are cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// How much of the end of a head was seen.
    seen: usize,
}

impl Reader {
    /// Of a new connection, whose pieces the kernel shall stamp.
    pub(super) fn new(stream: &TcpStream) -> Result<Self, BenchError> {
        setsockopt(stream, sockopt::ReceiveTimestampns, &true).doing("ask for stamps")?;
        Ok(Self::default())
    }

    /// Reads what has come.
    pub(super) fn read(&mut self, stream: &TcpStream) -> Read {
        let mut piece = [0; PIECE];
        let mut control = nix::cmsg_space!(TimeSpec);
        let (length, stamp) = {
            let mut slices = [IoSliceMut::new(&mut piece)];
            let got = recvmsg::<SockaddrStorage>(
                stream.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::empty(),
            );
            match got {
                Ok(message) => (message.bytes, stamp(&message)),
                Err(Errno::EAGAIN | Errno::EINTR) => return Read::Nothing,
                Err(_) => return Read::End,
            }
        };
        if length == 0 {
            return Read::End;
        }
        match self.ends(&piece[..length]) {
            0 => Read::Nothing,
            requests => Read::Requests(requests, stamp),
        }
    }

    /// How many heads end in this piece.
    fn ends(&mut self, piece: &[u8]) -> usize {
        let mut ends = 0;
        for byte in piece {
            if *byte == END_OF_HEAD[self.seen] {
                self.seen += 1;
            } else {
                self.seen = usize::from(*byte == END_OF_HEAD[0]);
            }
            if self.seen == END_OF_HEAD.len() {
                self.seen = 0;
                ends += 1;
            }
        }
        ends
    }
}

/// The kernel's stamp; the present moment where there is none.
fn stamp(message: &RecvMsg<'_, '_, SockaddrStorage>) -> u64 {
    let stamped = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|one| match one {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        })
    });
    stamped.map_or_else(now, nanos)
}

/// The present moment, in nanoseconds of the system's clock.
pub(super) fn now() -> u64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, nanos)
}

fn nanos(at: TimeSpec) -> u64 {
    u64::try_from(at.tv_sec() * 1_000_000_000 + at.tv_nsec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn heads_are_found_however_they_are_cut() {
        let text = b"GET / HTTP/1.1\r\nA: \r\r\n\r\nGET / HTTP/1.1\r\n\r\nGET";
        for size in 1..=text.len() {
            let mut reader = Reader::default();
            let found: usize = text.chunks(size).map(|piece| reader.ends(piece)).sum();
            assert_eq!(found, 2, "pieces of {size}");
        }
    }

    #[test]
    fn a_request_counts_from_when_it_came_and_not_from_when_it_was_read() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut reader = Reader::new(&stream).unwrap();
        // The kernel begins to stamp a little after the first socket that asks for it.
        std::thread::sleep(Duration::from_millis(100));
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let Read::Requests(1, stamp) = reader.read(&stream) else {
            panic!("no request");
        };
        let late = Duration::from_nanos(stamp).abs_diff(sent);
        assert!(late < Duration::from_millis(200), "{late:?}");
    }
}
