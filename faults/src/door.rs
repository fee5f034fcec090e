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

/// How long somebody on this machine may take to accept a connection.
const ANSWER_MAX: Duration = Duration::from_millis(200);

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

/// An error where somebody has the address already: sharing it with a stranger who also allows it
/// would split the traffic.
fn nobody_listens(address: SocketAddr) -> io::Result<()> {
    match std::net::TcpListener::bind(address) {
        // Connections that an earlier proxy has closed keep the address for a minute, and are nobody.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !answers(address) => Ok(()),
        bound => bound.map(drop),
    }
}

/// Whether somebody takes connections there. A connection that met itself is nobody.
fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, ANSWER_MAX)
        .is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

impl Door {
    /// Takes the address; port 0 is replaced by a free one.
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        if address.port() != 0 {
            nobody_listens(address)?;
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A door at a fixed address through which somebody has gone, and which was closed on them.
    fn used_once() -> io::Result<SocketAddr> {
        let address = Door::new(SocketAddr::from(([127, 0, 0, 5], 0)))?.address();
        let door = Door::new(address)?;
        let listener: std::net::TcpListener = {
            let socket = bound(address)?;
            socket.listen(BACKLOG)?;
            socket.into()
        };
        let mut caller = TcpStream::connect(address)?;
        drop(listener.accept()?);
        // The end has come, so that it is this side's address that lingers.
        assert_eq!(caller.read(&mut [0])?, 0);
        drop((caller, listener, door));
        Ok(address)
    }

    #[test]
    fn an_address_can_be_had_again_at_once() -> io::Result<()> {
        let address = used_once()?;
        assert_eq!(Door::new(address)?.address(), address);
        Ok(())
    }

    #[test]
    fn an_address_is_not_shared_even_with_who_allows_it() -> io::Result<()> {
        let address = used_once()?;
        let stranger = bound(address)?;
        stranger.listen(BACKLOG)?;
        let refused = Door::new(address).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(io::ErrorKind::AddrInUse));
        drop(stranger);
        let stranger = std::net::TcpListener::bind("127.0.0.5:0")?;
        let refused = Door::new(stranger.local_addr()?).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(io::ErrorKind::AddrInUse));
        Ok(())
    }
}
