//! Between two exchanges: waits for the next request's head, and notices who closes meanwhile.

use bytes::BytesMut;

use super::head::{self, RequestHead};
use crate::wire::{Gone, Socket, Upstream, fill, give};

/// What came next on a connection.
pub(super) enum Next {
    /// A request.
    Request(RequestHead),
    /// Bytes that are not HTTP as we read it: they pass as they are.
    Foreign,
    /// The caller went away.
    Caller(Gone),
    /// The callee closed the idle connection.
    Callee(Gone),
}

/// Waits for the next head.
pub(super) async fn next(
    client: &mut Socket,
    buffer: &mut BytesMut,
    upstream: &mut Option<Upstream>,
) -> Next {
    loop {
        match head::request(buffer) {
            Ok(Some(head)) => return Next::Request(head),
            Err(head::NotHttp) => return Next::Foreign,
            Ok(None) => {}
        }
        let from_callee = async {
            match upstream.as_mut() {
                Some(up) => fill(&mut up.socket, &mut up.ahead).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            more = fill(client, buffer) => {
                if let Err(gone) = more {
                    return Next::Caller(gone);
                }
            }
            more = from_callee => {
                if let Err(gone) = more {
                    return Next::Callee(gone);
                }
                // Unasked for (a 408 before the close, say): it is not ours to judge.
                if let Some(up) = upstream && give(client, &mut up.ahead).await.is_err() {
                    return Next::Caller(Gone::Reset);
                }
            }
        }
    }
}
