//! Connections to the targets: kept alive, opened as they are needed, never shared by two calls.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::record::Outcome;

/// The most connections to one target that are kept while they are idle.
const IDLE_MAX: usize = 1024;

/// One connection, which belongs to one call at a time.
struct Lane {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Lane {
    /// Closes the connection, also in the middle of an exchange.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The idle connections of the load thread.
#[derive(Clone, Default)]
pub(super) struct Connections {
    idle: Rc<RefCell<HashMap<SocketAddr, Vec<Lane>>>>,
}

impl Connections {
    /// Makes one exchange and reads the answer to its end. Dropping the future closes the
    /// connection that it uses.
    pub(super) async fn exchange(
        &self,
        to: SocketAddr,
        request: Request<Full<Bytes>>,
    ) -> Result<u16, Outcome> {
        let mut request = request;
        loop {
            let (mut lane, reused) = match self.take(to) {
                Some(lane) => (lane, true),
                None => (open(to).await?, false),
            };
            let response = match lane.sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut refused) => match refused.take_message() {
                    // The target closed the idle connection before anything was sent on it.
                    Some(unsent) if reused => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(Outcome::Broken),
                },
            };
            let status = response.status().as_u16();
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                frame.map_err(|_| Outcome::Broken)?;
            }
            self.put_back(to, lane);
            return Ok(status);
        }
    }

    fn take(&self, to: SocketAddr) -> Option<Lane> {
        let mut idle = self.idle.borrow_mut();
        let lanes = idle.get_mut(&to)?;
        while let Some(lane) = lanes.pop() {
            if lane.sender.is_ready() {
                return Some(lane);
            }
        }
        None
    }

    fn put_back(&self, to: SocketAddr, lane: Lane) {
        let mut idle = self.idle.borrow_mut();
        let lanes = idle.entry(to).or_default();
        if !lane.sender.is_closed() && lanes.len() < IDLE_MAX {
            lanes.push(lane);
        }
    }
}

async fn open(to: SocketAddr) -> Result<Lane, Outcome> {
    let stream = TcpStream::connect(to).await.map_err(|_| Outcome::Refused)?;
    let _ = stream.set_nodelay(true);
    let (sender, driver) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Outcome::Broken)?;
    let driver = tokio::task::spawn_local(async move {
        // How the connection ends is seen by the call that uses it.
        let _ = driver.await;
    });
    Ok(Lane {
        sender,
        driver: driver.abort_handle(),
    })
}
