//! The beginning of a caller's connection on an edge where callers speak TLS.

use bytes::BytesMut;

use super::FromCaller;
use crate::connection::Conn;
use crate::observe::Ended;
use crate::wire::{Gone, Socket, swallow};

/// Takes up the handshake, of which `first` has come already, unless a fault lets it go unanswered.
/// An `Err` is how the connection ended without any TLS.
pub(crate) async fn meet(
    conn: &Conn,
    client: &mut Socket,
    tls: &FromCaller,
    first: &mut BytesMut,
) -> Result<(), Ended> {
    let met = tokio::select! {
        biased;
        () = conn.until_handshakes_stall(true) => None,
        met = tls.accept(client, first) => Some(met),
    };
    match met {
        Some(Ok(())) => Ok(()),
        Some(Err(failed)) => {
            conn.edge.troubles.note(failed.why);
            match failed.gone {
                Some(Gone::Reset) => client.reset_on_close(),
                _ => client.close_gently().await,
            }
            Err(Ended::Caller)
        }
        None => Err(stall(conn, client, first).await),
    }
}

/// Gives no answer until the fault ends, which does not bring back what was lost.
async fn stall(conn: &Conn, client: &mut Socket, first: &mut BytesMut) -> Ended {
    let edge = &conn.edge;
    let slot = Some(conn.begin("TLS handshake", None, conn.treatment().1));
    let ended = tokio::select! {
        gone = swallow(client, first) => {
            if gone == Gone::Reset {
                client.reset_on_close();
            }
            Ended::Caller
        }
        () = conn.until_handshakes_stall(false) => {
            client.reset_on_close();
            Ended::Fault
        }
    };
    edge.finish(slot, ended);
    ended
}
