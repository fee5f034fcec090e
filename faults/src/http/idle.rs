//! Between two exchanges: waits for the next request's head, and notices who closes meanwhile.

use std::future::poll_fn;
use std::task::Poll;

use bytes::BytesMut;

use super::head::{self, RequestHead};
use crate::connection::Conn;
use crate::wire::{Gone, Socket, Upstream, fill, give, poll_read};

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
    conn: &Conn,
    client: &mut Socket,
    buffer: &mut BytesMut,
    upstream: &mut Option<Upstream>,
) -> Next {
    loop {
        match head::request(buffer) {
            Ok(Some(head)) => return Next::Request(head),
            Err(head::NotHttp(_)) => return Next::Foreign,
            Ok(None) => {}
        }
        let from_callee = poll_fn(|cx| match upstream.as_mut() {
            // In the dark, what the callee does is not told.
            Some(up) if !conn.is_dark() => poll_read(cx, &mut up.socket, |_, bytes| {
                up.ahead.extend_from_slice(bytes);
            }),
            _ => Poll::Pending,
        });
        tokio::select! {
            biased;
            more = fill(client, buffer) => match more {
                Ok(_) => {}
                // It closed its direction in the middle of a word, which the callee is to have.
                Err(Gone::Closed) if !buffer.is_empty() => return Next::Foreign,
                Err(gone) => return Next::Caller(gone),
            },
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
