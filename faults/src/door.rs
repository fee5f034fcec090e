//! The listening end of an edge: a port that is kept even while nothing listens on it.
//!
//! A second socket is bound to the port, without listening, for as long as the edge lives. So the
//! kernel refuses connections while the door is shut, and no other process can take the port.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// A port, and the socket that keeps it.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    _keeper: Socket,
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Not SO_REUSEADDR: with it others could bind the port while nobody listens.
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Door {
    /// Takes the address; port 0 is replaced by a free one.
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        if address.port() != 0 {
            // Sharing a port with a stranger who also allows it would split the traffic.
            std::net::TcpListener::bind(address)?;
        }
        let keeper = bound(address)?;
        let address = keeper.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self {
            address,
            _keeper: keeper,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen. Dropping the listener shuts the door.
    pub(crate) fn open(&self) -> io::Result<TcpListener> {
        let socket = bound(self.address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    }

    /// Listens with a backlog that is full and never emptied: whoever connects waits for the
    /// handshake to end, as before a host that has stopped to answer.
    pub(crate) fn fill_up(&self) -> io::Result<FullDoor> {
        let socket = bound(self.address)?;
        socket.listen(0)?;
        let mut waiting = Vec::new();
        // A backlog of n holds n + 1 on Linux; more elsewhere. The one that has to wait fits no more.
        for _ in 0..8 {
            match TcpStream::connect_timeout(&self.address, Duration::from_millis(20)) {
                Ok(stream) => waiting.push(stream),
                Err(_) => break,
            }
        }
        Ok(FullDoor {
            _socket: socket,
            _waiting: waiting,
        })
    }
}

/// A door that nobody gets through; dropping it ends that.
#[derive(Debug)]
pub(crate) struct FullDoor {
    _socket: Socket,
    _waiting: Vec<TcpStream>,
}
