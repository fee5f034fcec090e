//! `tcp` edges, and whatever turns out not to be HTTP: bytes, and who ended the connection.

mod held;
mod line;
mod splice;
mod tunnel;
mod weight;

use std::future::poll_fn;
use std::task::{Poll, ready};

use bytes::BytesMut;

use crate::connection::Conn;
use crate::fault::{Answer, Break};
use crate::observe::{Ended, Slot};
use crate::wire::{Begun, Socket, poll_read};

use self::tunnel::Tunnel;
pub(crate) use held::corrupt;

/// Serves one connection of a caller on an edge that does not speak HTTP. The whole connection is
/// one exchange.
pub(crate) async fn serve(
    conn: &Conn,
    client: &mut Socket,
    mut begun: Option<Box<Begun>>,
) -> Ended {
    let edge = &conn.edge;
    conn.becomes_bytes(begun.as_ref().map_or(&[], |begun| &begun.first));
    let (treatment, fault) = conn.treatment();
    let slot = Some(conn.begin("connection", None, fault));
    let mut withheld = Ok(());
    if treatment.is_some() {
        let first = &mut begun.get_or_insert_default().first;
        withheld = Box::pin(withhold(conn, client, first)).await;
    }
    let ended = if let Err((ended, how)) = withheld {
        client.end(how).await;
        ended
    } else {
        pass(conn, client, begun, slot).await
    };
    edge.finish(slot, ended);
    ended
}

/// Passes everything as it is, but for what is done to bytes.
pub(crate) async fn pass(
    conn: &Conn,
    client: &mut Socket,
    begun: Option<Box<Begun>>,
    slot: Slot,
) -> Ended {
    if let Some(tunnel) = Tunnel::new(conn, &mut *client, begun, slot).await {
        tunnel.run().await
    } else {
        client.reset_on_close();
        Ended::Callee
    }
}

/// While a fault says that the callee is not contacted, it is not; an `Err` is how the connection
/// ends by that.
async fn withhold(
    conn: &Conn,
    client: &mut Socket,
    first: &mut BytesMut,
) -> Result<(), (Ended, Break)> {
    let mut silent = false;
    poll_fn(|cx| {
        loop {
            let (treatment, _) = conn.treatment();
            match treatment.as_ref().map(|t| &t.answer) {
                None | Some(Answer::Upstream) if silent => {
                    return Poll::Ready(Err((Ended::Fault, Break::Reset)));
                }
                None | Some(Answer::Upstream) => return Poll::Ready(Ok(())),
                Some(Answer::Silence) => silent = true,
                // A made answer is HTTP; here it can only be the break that it stands for.
                Some(Answer::Made(_)) if !first.is_empty() => {
                    return Poll::Ready(Err((Ended::Fault, Break::Reset)));
                }
                Some(Answer::Break(how)) if !first.is_empty() => {
                    return Poll::Ready(Err((Ended::Fault, *how)));
                }
                Some(Answer::Made(_) | Answer::Break(_)) => {}
            }
            let read = poll_read(cx, client, |_, bytes| {
                conn.caller_sent(bytes.len(), bytes);
                if !silent {
                    first.extend_from_slice(bytes);
                }
            });
            if let Err(gone) = ready!(read) {
                return Poll::Ready(Err((Ended::Caller, gone.into())));
            }
        }
    })
    .await
}
