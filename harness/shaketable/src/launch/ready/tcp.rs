//! Ready when the port accepts a connection.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{LOOK_MAX, POLL};

pub(super) async fn wait(address: SocketAddr, seen: &mut String) {
    loop {
        match timeout(LOOK_MAX, connect(address)).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => *seen = error.to_string(),
            Err(_) => "no answer to a connection attempt".clone_into(seen),
        }
        sleep(POLL).await;
    }
}

/// Connects to somebody else: a socket that happens to get the address it connects to meets itself.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
