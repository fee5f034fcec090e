//! What an edge does for a connection that came by a forward proxy.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};

use bytes::BytesMut;

use super::Switchboard;
use super::asked::{self, Way};
use super::rewrite::rewritten;
use super::serve::{answer, made};
use crate::connection::Conn;
use crate::edge::lock;
use crate::fault::Door;
use crate::http::head::{self, RequestHead};
use crate::observe::{Ended, operation};
use crate::wire::{AHEAD_MAX, Gone, Socket, give, poll_read};

/// A connection that came by a forward proxy.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(super) board: Arc<Switchboard>,
    /// Whether it asked for a tunnel; else it comes with requests.
    pub(super) tunnel: bool,
    /// What it has sent and nobody has got: when it comes, and when it leaves for another edge.
    pub(super) rest: Mutex<Option<BytesMut>>,
}

impl Guest {
    /// Whether it comes with requests.
    pub(crate) fn has_requests(&self) -> bool {
        !self.tunnel
    }

    /// Lets it in when the edge's door is open, and gives what it has sent. An `Err` is how it ended
    /// otherwise: a door that is shut is a 502, as any forward proxy would say, and before one whose
    /// backlog is full it waits.
    pub(crate) async fn let_in(&self, conn: &Conn, client: &mut Socket) -> Result<BytesMut, Ended> {
        let mut came = lock(&self.rest).take().unwrap_or_default();
        match open_or_shut(conn, client, &mut came).await {
            Ok(Door::Shut { .. }) => return Err(self.refuse(conn, client, &came).await),
            Ok(Door::Open | Door::Full) => {}
            Err(gone) => {
                if gone == Gone::Reset {
                    client.reset_on_close();
                }
                return Err(Ended::Caller);
            }
        }
        if self.tunnel {
            let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
            let said = give(client, &mut BytesMut::from(&established[..])).await;
            said.map_err(|_| Ended::Caller)?;
        }
        Ok(came)
    }

    async fn refuse(&self, conn: &Conn, client: &mut Socket, came: &[u8]) -> Ended {
        let edge = &conn.edge;
        let rules = edge.rules();
        let shuts = rules
            .iter()
            .find(|rule| rule.is_on() && rule.rule.fault.door() != Door::Open);
        let asked = match head::request(came) {
            Ok(Some(head)) if !self.tunnel => {
                let asked = asked::read(&head.method, &head.target);
                let path = asked.and_then(|asked| match asked.way {
                    Way::Request { target, .. } => Some(target),
                    Way::Tunnel => None,
                });
                operation(&head.method, &path.unwrap_or_default())
            }
            _ => "CONNECT".to_owned(),
        };
        let fault = shuts.map(|rule| rule.number);
        let slot = Some(conn.begin(&asked, None, fault));
        let body = format!("{} cannot be reached: connection refused\n", edge.name);
        let status = 502;
        edge.log
            .update(slot, |exchange| exchange.status = Some(status));
        let ended = match answer(client, &made(status, "Bad Gateway", &body)).await {
            Ok(()) => Ended::Fault,
            Err(_) => Ended::Caller,
        };
        edge.finish(slot, ended);
        ended
    }

    /// A request's head has come: where it is for this edge it becomes what the callee is to get.
    /// `None` where it is for somebody else, or for nobody.
    pub(crate) fn localise(
        &self,
        conn: &Conn,
        buffer: &mut BytesMut,
        mut head: RequestHead,
    ) -> Option<RequestHead> {
        let asked = asked::read(&head.method, &head.target)?;
        let Way::Request { target, host } = asked.way else {
            return None;
        };
        let edge = self.board.edge(&asked.host, asked.port)?;
        if !Arc::ptr_eq(edge, &conn.edge) {
            return None;
        }
        let old = buffer.split_to(head.len);
        let mut new = rewritten(&old, &head.target, &target, &host);
        head.len = new.len();
        head.target = target;
        new.unsplit(std::mem::take(buffer));
        *buffer = new;
        Some(head)
    }

    /// It goes on to another edge, with what it has sent.
    pub(crate) fn leaves_with(&self, rest: BytesMut) {
        *lock(&self.rest) = Some(rest);
    }

    /// What it has sent for another edge; `None` where it has ended.
    pub(crate) fn leaves(self) -> Option<BytesMut> {
        lock(&self.rest).take()
    }
}

/// Waits until it is known whether the edge lets callers in, or until this one leaves.
async fn open_or_shut(conn: &Conn, client: &mut Socket, came: &mut BytesMut) -> Result<Door, Gone> {
    // Whatever changes on the edge wakes this task.
    poll_fn(|cx| {
        loop {
            match conn.edge.door() {
                Door::Full => {}
                door => return Poll::Ready(Ok(door)),
            }
            if came.len() >= AHEAD_MAX {
                return Poll::Pending;
            }
            let read = poll_read(cx, client, |_, bytes| came.extend_from_slice(bytes));
            if let Err(gone) = ready!(read) {
                return Poll::Ready(Err(gone));
            }
        }
    })
    .await
}
