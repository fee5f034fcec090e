//! From a plain socket to one with TLS.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{ClientConnection, Error};
use tokio::io::AsyncReadExt;

use super::authority::FromCaller;
use super::layer::Layer;
use super::trust::ToCallee;
use super::{Failed, StartTls};
use crate::wire::{Gone, Socket, fill, give};

/// With this a caller of Postgres asks whether it may speak TLS (the message `SSLRequest` of its
/// protocol), and an `S` allows it.
const POSTGRES_ASKS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// With this it asks for another encryption (`GSSENCRequest`); an `N` makes it ask for TLS.
const POSTGRES_ASKS_FOR_GSS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

/// Whom the other side of a handshake is called.
#[derive(Clone, Copy)]
struct Whom(&'static str);

const CALLER: Whom = Whom("caller");
const CALLEE: Whom = Whom("callee");

impl Whom {
    fn left(self, gone: Gone) -> Failed {
        Failed {
            why: format!("the {} left within the TLS handshake", self.0),
            gone: Some(gone),
        }
    }

    fn wrong(self, error: &Error) -> Failed {
        let (why, gone) = match error {
            Error::AlertReceived(alert) => (
                format!("the {} ended the TLS handshake: {alert:?}", self.0),
                Some(Gone::Closed),
            ),
            error => (
                format!("the TLS handshake with the {} failed: {error}", self.0),
                None,
            ),
        };
        Failed { why, gone }
    }

    fn failed(self, error: &io::Error) -> Failed {
        let said = error.get_ref().and_then(|inner| inner.downcast_ref());
        match said {
            Some(error) => self.wrong(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => self.left(Gone::Closed),
            None => self.left(Gone::Reset),
        }
    }
}

impl FromCaller {
    /// Takes up the handshake that a caller begins. `first` is what it has sent already.
    pub(crate) async fn accept(
        &self,
        client: &mut Socket,
        first: &mut BytesMut,
    ) -> Result<(), Failed> {
        let greeting = greeting(client, first).await?;
        let config = self.for_caller(&greeting.client_hello());
        let mut tls = match greeting.into_connection(config) {
            Ok(tls) => tls,
            Err((error, alert)) => return Err(refuse(client, &error, alert).await),
        };
        // Usually nothing comes behind the greeting before it was answered.
        while !first.is_empty() {
            let read = tls.read_tls(&mut &first[..]);
            first.advance(read.map_err(|error| CALLER.failed(&error))?);
            let understood = tls.process_new_packets();
            understood.map_err(|error| CALLER.wrong(&error))?;
        }
        client.secure(Layer::new(tls));
        agree(client).await.map_err(|error| CALLER.failed(&error))
    }
}

/// Reads the caller's greeting. What came behind it stays in `first`.
async fn greeting(client: &mut Socket, first: &mut BytesMut) -> Result<Accepted, Failed> {
    may_it(client, first).await?;
    let mut acceptor = Acceptor::default();
    loop {
        while !first.is_empty() {
            let read = acceptor.read_tls(&mut &first[..]);
            first.advance(read.map_err(|error| CALLER.failed(&error))?);
            match acceptor.accept() {
                Ok(Some(greeting)) => return Ok(greeting),
                Ok(None) => {}
                Err((error, alert)) => return Err(refuse(client, &error, alert).await),
            }
        }
        let more = fill(client, first).await;
        more.map_err(|gone| CALLER.left(gone))?;
    }
}

/// Answers a caller of Postgres that asks whether it may speak TLS before it does.
async fn may_it(client: &mut Socket, first: &mut BytesMut) -> Result<(), Failed> {
    loop {
        while first.len() < POSTGRES_ASKS.len()
            && POSTGRES_ASKS.starts_with(&first[..1.min(first.len())])
        {
            let more = fill(client, first).await;
            more.map_err(|gone| CALLER.left(gone))?;
        }
        let (answer, more) = if first.starts_with(&POSTGRES_ASKS) {
            (b"S", false)
        } else if first.starts_with(&POSTGRES_ASKS_FOR_GSS) {
            (b"N", true)
        } else {
            return Ok(());
        };
        first.advance(POSTGRES_ASKS.len());
        let said = give(client, &mut BytesMut::from(&answer[..])).await;
        said.map_err(|_| CALLER.left(Gone::Reset))?;
        if !more {
            return Ok(());
        }
    }
}

/// Tells the caller why there will be no TLS.
async fn refuse(client: &mut Socket, error: &Error, mut alert: AcceptedAlert) -> Failed {
    let mut said = Vec::new();
    // Memory takes all of it, and a caller that is gone needs none of it.
    let _ = alert.write_all(&mut said);
    let _ = give(client, &mut BytesMut::from(&said[..])).await;
    CALLER.wrong(error)
}

impl ToCallee {
    /// Begins a handshake with a callee, and offers it the protocol that the caller has agreed
    /// upon (ALPN).
    pub(crate) async fn connect(
        &self,
        callee: &mut Socket,
        protocol: Option<Vec<u8>>,
    ) -> Result<(), Failed> {
        if let Some(StartTls::Postgres) = self.before() {
            may_i(callee).await?;
        }
        let tls = ClientConnection::new(self.config(protocol), self.name());
        let tls = tls.map_err(|error| CALLEE.wrong(&error))?;
        callee.secure(Layer::new(tls));
        agree(callee).await.map_err(|error| CALLEE.failed(&error))
    }
}

/// Asks a Postgres whether it speaks TLS.
async fn may_i(callee: &mut Socket) -> Result<(), Failed> {
    let said = give(callee, &mut BytesMut::from(&POSTGRES_ASKS[..])).await;
    said.map_err(|_| CALLEE.left(Gone::Reset))?;
    // One byte and no more: what comes behind it is not to be had without TLS.
    let mut answer = [0];
    match callee.read_exact(&mut answer).await {
        Ok(_) if &answer == b"S" => Ok(()),
        Ok(_) => Err(Failed {
            why: "the callee, a Postgres, speaks no TLS".to_owned(),
            gone: None,
        }),
        Err(error) => Err(CALLEE.failed(&error)),
    }
}

/// Carries a handshake to its end.
async fn agree(socket: &Socket) -> io::Result<()> {
    poll_fn(|cx| match socket.secured() {
        Some((tcp, layer)) => layer.poll_handshake(tcp, cx),
        None => Poll::Ready(Ok(())),
    })
    .await
}
