//! The way back on a `tcp` edge: a delay line. It delays bytes, it does not lower throughput.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::edge::{Decision, Edge};
use crate::observe::Slot;
use crate::wire::{Gone, fill};

/// How the way back ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The callee closed it, and the caller has been told.
    Closed,
    /// The callee reset it.
    Reset,
    /// The fault cut it off.
    Cut,
    /// The caller took no more.
    CallerGone,
}

/// Pieces that may be under way at once; a piece is at most one read.
const PIECES_MAX: usize = 512;

/// Carries bytes from the callee to the caller, each piece as late as the decision says.
pub(super) async fn carry<R, W>(
    edge: &Edge,
    slot: Slot,
    decision: &Decision,
    from: &mut R,
    ahead: BytesMut,
    to: &mut W,
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (enter, mut leave) = mpsc::channel::<(Instant, Result<BytesMut, Gone>)>(PIECES_MAX);
    let delay = decision.treatment.delay;
    let reader = async move {
        let mut piece = ahead;
        loop {
            if !piece.is_empty()
                && enter
                    .send((Instant::now() + delay, Ok(piece.split())))
                    .await
                    .is_err()
            {
                return;
            }
            if let Err(gone) = fill(from, &mut piece).await {
                let _ = enter.send((Instant::now() + delay, Err(gone))).await;
                return;
            }
        }
    };
    let writer = async {
        let mut allowed = decision.treatment.cut_body_after;
        while let Some((due, piece)) = leave.recv().await {
            if !delay.is_zero() {
                decision.hold_until(due).await;
            }
            let mut bytes = match piece {
                Ok(bytes) => bytes,
                Err(Gone::Reset) => return End::Reset,
                Err(Gone::Closed) => {
                    let _ = to.shutdown().await;
                    return End::Closed;
                }
            };
            if let Some(allowed) = &mut allowed {
                bytes.truncate(usize::try_from(*allowed).unwrap_or(usize::MAX));
                *allowed -= bytes.len() as u64;
            }
            let (now, len) = (edge.clock.now(), bytes.len() as u64);
            edge.log.update(slot, |exchange| {
                exchange.first_byte.get_or_insert(now);
                exchange.bytes_down += len;
            });
            if to.write_all_buf(&mut bytes).await.is_err() {
                return End::CallerGone;
            }
            if allowed == Some(0) {
                return End::Cut;
            }
        }
        End::Closed
    };
    tokio::pin!(reader, writer);
    tokio::select! {
        end = &mut writer => end,
        () = &mut reader => writer.await,
    }
}
