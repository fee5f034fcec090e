//! `tcp` edges, and whatever turns out not to be HTTP: bytes, and who ended the connection.

mod delay_line;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::edge::{Decision, Edge};
use crate::fault::Answer;
use crate::observe::{Ended, Slot};
use crate::wire::{Gone, Upstream, fill, reset_on_close, swallow};

/// Serves one connection of a caller on an edge that does not speak HTTP. The whole connection is
/// one exchange.
pub(crate) async fn serve(
    edge: &Edge,
    connection: u32,
    client: &mut TcpStream,
    first: BytesMut,
    upstream: Option<Upstream>,
) -> Ended {
    let decision = edge.decide(None, 0);
    let slot = edge.begin(connection, "connection", None, decision.fault);
    let ended = match decision.treatment.answer {
        // A made answer is HTTP; here it can only be the break that it stands for.
        Answer::Reset | Answer::Made(_) => {
            let mut buffer = first;
            if buffer.is_empty() {
                let _ = fill(client, &mut buffer).await;
            }
            reset_on_close(client);
            Ended::Fault
        }
        Answer::Silence => {
            let mut buffer = first;
            tokio::select! {
                _ = swallow(client, &mut buffer) => Ended::Caller,
                () = decision.lifted() => {
                    reset_on_close(client);
                    Ended::Fault
                }
            }
        }
        Answer::Upstream => {
            let upstream = match upstream {
                Some(upstream) => Ok(upstream),
                None => edge.connect().await,
            };
            if let Ok(upstream) = upstream {
                edge.log.update(slot, |exchange| exchange.executed = true);
                tunnel(edge, client, first, upstream, slot, &decision).await
            } else {
                reset_on_close(client);
                Ended::Callee
            }
        }
    };
    edge.finish(slot, ended);
    ended
}

/// Copies both directions until both are closed or one side resets. A closed direction is closed
/// on the other side too; a reset is a reset there.
pub(crate) async fn tunnel(
    edge: &Edge,
    client: &mut TcpStream,
    mut from_client_ahead: BytesMut,
    Upstream {
        stream: mut upstream,
        ahead,
    }: Upstream,
    slot: Slot,
    decision: &Decision,
) -> Ended {
    let ended = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_upstream, mut to_upstream) = upstream.split();
        let up = async {
            loop {
                let bytes = from_client_ahead.len() as u64;
                edge.log.update(slot, |exchange| exchange.bytes_up += bytes);
                if to_upstream
                    .write_all_buf(&mut from_client_ahead)
                    .await
                    .is_err()
                {
                    return std::future::pending().await;
                }
                match fill(&mut from_client, &mut from_client_ahead).await {
                    Ok(_) => {}
                    Err(Gone::Closed) => {
                        let _ = to_upstream.shutdown().await;
                        return Gone::Closed;
                    }
                    Err(Gone::Reset) => return Gone::Reset,
                }
            }
        };
        let down = delay_line::carry(
            edge,
            slot,
            decision,
            &mut from_upstream,
            ahead,
            &mut to_client,
        );
        tokio::pin!(up, down);

        let mut first = None;
        loop {
            tokio::select! {
                gone = &mut up, if first != Some(Ended::Caller) => match gone {
                    Gone::Reset => break Err(Ended::Caller),
                    Gone::Closed => {
                        if first.is_some() {
                            break Ok(Ended::Answered);
                        }
                        first = Some(Ended::Caller);
                    }
                },
                end = &mut down, if first != Some(Ended::Callee) => match end {
                    delay_line::End::Closed => {
                        if let Some(first) = first {
                            break Ok(first);
                        }
                        first = Some(Ended::Callee);
                    }
                    delay_line::End::Reset => break Err(Ended::Callee),
                    delay_line::End::Cut => break Err(Ended::Fault),
                    delay_line::End::CallerGone => break Err(Ended::Caller),
                },
            }
        }
    };
    match ended {
        Ok(ended) => ended,
        Err(ended) => {
            reset_on_close(client);
            reset_on_close(&upstream);
            ended
        }
    }
}
