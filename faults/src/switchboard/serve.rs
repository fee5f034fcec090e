//! A connection to a forward proxy, from edge to edge.

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::asked::{self, Way};
use super::{Guest, Switchboard};
use crate::connection::visit;
use crate::edge::Edge;
use crate::http::head::{self, NotHttp, RequestHead};
use crate::wire::{Socket, fill, give};

/// How many hosts an answer names at most.
const NAMED_MAX: usize = 16;

/// Serves a connection until it ends.
pub(crate) async fn serve(board: Arc<Switchboard>, client: TcpStream, peer: IpAddr) {
    let mut client = Socket::plain(client);
    let mut came = BytesMut::new();
    loop {
        let head = match next(&mut client, &mut came).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(NotHttp(_)) => {
                board
                    .own
                    .troubles
                    .note("was spoken to in something else than HTTP".to_owned());
                let body = "this is an HTTP proxy, and that was not HTTP\n";
                // Whoever does not take it needs none.
                let _ = answer(&mut client, &made(400, "Bad Request", body)).await;
                return;
            }
        };
        let (edge, tunnel) = match board.whose(&head) {
            Ok(found) => found,
            Err(refusal) => {
                let _ = answer(&mut client, &refusal).await;
                return;
            }
        };
        if tunnel {
            let _ = came.split_to(head.len);
        }
        let guest = Guest {
            board: Arc::clone(&board),
            tunnel,
            rest: Mutex::new(Some(came)),
        };
        match Box::pin(visit(edge, &mut client, peer, Some(Box::new(guest)))).await {
            Some(rest) => came = rest,
            None => return,
        }
    }
}

/// Waits for the next head; `None` where the caller leaves.
async fn next(client: &mut Socket, buffer: &mut BytesMut) -> Result<Option<RequestHead>, NotHttp> {
    loop {
        if let Some(head) = head::request(buffer)? {
            return Ok(Some(head));
        }
        if fill(client, buffer).await.is_err() {
            return Ok(None);
        }
    }
}

impl Switchboard {
    /// The edge that a request is for, and whether it asks for a tunnel; or the answer where there
    /// is none.
    fn whose(&self, head: &RequestHead) -> Result<(Arc<Edge>, bool), Vec<u8>> {
        let Some(asked) = asked::read(&head.method, &head.target) else {
            let what = "was asked for a path, as a server is, and not for an address";
            self.own.troubles.note(what.to_owned());
            let body = "this is an HTTP proxy: ask for http://HOST/PATH, or CONNECT HOST:PORT\n";
            return Err(made(400, "Bad Request", body));
        };
        if let Some(edge) = self.edge(&asked.host, asked.port) {
            return Ok((Arc::clone(edge), asked.way == Way::Tunnel));
        }
        let (host, port) = (asked.host, asked.port);
        let what = format!("was asked for `{host}:{port}`, which no edge leads to");
        self.own.troubles.note(what);
        let mut body = format!("no edge leads to {host}:{port}; known here:");
        for (route, edge) in self.routes.iter().take(NAMED_MAX) {
            // A text takes everything.
            let _ = write!(body, "\n  {route}  {}", edge.name);
        }
        if self.routes.len() > NAMED_MAX {
            body.push_str("\n  …");
        }
        body.push('\n');
        Err(made(502, "Bad Gateway", &body))
    }
}

/// An answer of the forward proxy's own, after which the connection ends.
pub(super) fn made(status: u16, reason: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Gives an answer, and ends the connection so that it arrives.
pub(super) async fn answer(client: &mut Socket, answer: &[u8]) -> io::Result<()> {
    give(client, &mut BytesMut::from(answer)).await?;
    client.close_gently().await;
    Ok(())
}
