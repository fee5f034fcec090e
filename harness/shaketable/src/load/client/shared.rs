//! HTTP/2, whose connections carry many calls at once: as many as the target lets each carry.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;

use super::connect::Connector;
use super::lanes::Waiting;
use super::{Answer, BODY_MAX, Failure, Queued, Request, Target, Wanted, path};
use crate::record::Outcome;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How often a new connection is asked whether the target has said what it may carry.
const LOOK: Duration = Duration::from_millis(1);

/// The connections to one target.
#[derive(Debug)]
pub(super) struct Shared {
    connector: Connector,
    scheme: Scheme,
    /// The path of the last request, and what became of it.
    last: RefCell<Option<(String, Uri)>>,
    links: RefCell<Vec<Rc<Link>>>,
    /// One connection is opened at a time: those who wait may find room in it.
    opening: Mutex<()>,
    /// How many calls wait for room.
    waiting: Cell<usize>,
    freed: Rc<Notify>,
}

/// One connection.
#[derive(Debug)]
struct Link {
    sender: RefCell<SendRequest<Full<Bytes>>>,
    /// How many calls it carries.
    busy: Cell<usize>,
    /// How many the target lets it carry (`SETTINGS_MAX_CONCURRENT_STREAMS`).
    most: Rc<Cell<usize>>,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A call's place on a connection.
struct Place<'a> {
    link: Rc<Link>,
    freed: &'a Notify,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.link.busy.set(self.link.busy.get() - 1);
        self.freed.notify_one();
    }
}

impl Shared {
    pub(super) fn new(target: Target) -> Self {
        Self {
            scheme: if target.tls.is_some() {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            },
            connector: Connector::new(target),
            last: RefCell::default(),
            links: RefCell::default(),
            opening: Mutex::default(),
            waiting: Cell::default(),
            freed: Rc::default(),
        }
    }

    pub(super) async fn exchange(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        let mut message = self.message(request)?;
        loop {
            let place = self.place(queued).await?;
            let sent = place.link.sender.borrow_mut().try_send_request(message);
            let response = match sent.await {
                Ok(response) => response,
                // The target has ended the connection before anything was sent.
                Err(mut refused) => match refused.take_message() {
                    Some(unsent) => {
                        message = unsent;
                        self.forget(&place.link);
                        continue;
                    }
                    None => return Err(failure(refused.error())),
                },
            };
            return answer(response, wanted).await;
        }
    }

    /// A place for a call, on a connection that has room or on a new one.
    async fn place(&self, queued: &Queued) -> Result<Place<'_>, Failure> {
        // Whoever waits already comes first.
        if self.waiting.get() == 0
            && let Some(place) = self.vacant()
        {
            return Ok(place);
        }
        let most = self.connector.target.connections.unwrap_or(usize::MAX);
        let mut waits = None;
        loop {
            if self.links.borrow().len() < most {
                let _one = self.opening.lock().await;
                if let Some(place) = self.vacant() {
                    return Ok(place);
                }
                if self.links.borrow().len() >= most {
                    continue;
                }
                let link = Rc::new(Box::pin(self.open()).await?);
                self.links.borrow_mut().push(Rc::clone(&link));
                return Ok(self.on(link));
            }
            waits.get_or_insert_with(|| (Waiting::begin(queued), One::more(&self.waiting)));
            self.freed.notified().await;
            if let Some(place) = self.vacant() {
                // There may be room for the next one too. Whoever is woken in vain waits anew, behind
                // all others.
                if self.roomy().is_some() {
                    self.freed.notify_one();
                }
                return Ok(place);
            }
        }
    }

    /// A place on a connection that has room, where one has.
    fn vacant(&self) -> Option<Place<'_>> {
        self.roomy().map(|link| self.on(link))
    }

    /// The connection that carries the fewest calls, of those that have room.
    fn roomy(&self) -> Option<Rc<Link>> {
        let mut links = self.links.borrow_mut();
        links.retain(|link| !link.sender.borrow().is_closed());
        let roomy = links
            .iter()
            .filter(|link| link.busy.get() < link.most.get());
        roomy.min_by_key(|link| link.busy.get()).cloned()
    }

    fn on(&self, link: Rc<Link>) -> Place<'_> {
        link.busy.set(link.busy.get() + 1);
        let freed = &self.freed;
        Place { link, freed }
    }

    fn forget(&self, gone: &Rc<Link>) {
        let mut links = self.links.borrow_mut();
        links.retain(|link| !Rc::ptr_eq(link, gone));
    }

    /// Opens a connection, and waits until the target has said how many calls it may carry.
    async fn open(&self) -> Result<Link, Failure> {
        let wire = self.connector.open().await?;
        let made = http2::Builder::new(TokioExecutor::new())
            .initial_max_send_streams(0)
            .handshake(TokioIo::new(wire))
            .await;
        let (sender, connection) = made.map_err(|error| failure(&error))?;
        let mut connection = Box::pin(connection);
        while connection.current_max_send_streams() == 0 {
            tokio::select! {
                ended = &mut connection => return Err(match ended {
                    Err(error) => failure(&error),
                    Ok(()) => Failure::new(Outcome::Broken, "the target closed the connection at once"),
                }),
                // Nobody is told when that comes.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        let most = Rc::new(Cell::new(connection.current_max_send_streams()));
        let (told, freed) = (Rc::clone(&most), Rc::clone(&self.freed));
        let driver = tokio::task::spawn_local(async move {
            // How the connection ends is seen by the calls that it carries.
            let _ = poll_fn(|cx| {
                let ended = connection.as_mut().poll(cx);
                let most = connection.current_max_send_streams();
                if told.replace(most) < most {
                    freed.notify_one();
                }
                ended
            })
            .await;
            freed.notify_one();
        });
        Ok(Link {
            sender: sender.into(),
            busy: Cell::new(0),
            most,
            driver: driver.abort_handle(),
        })
    }

    fn message(&self, request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, Failure> {
        let mut message = hyper::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = self.uri(request)?;
        let headers = message.headers_mut();
        headers.reserve(request.headers.len() + 2);
        for (name, value) in request.headers {
            if *name != HOST {
                headers.append(name.clone(), value.clone());
            }
        }
        let mut set = |name: HeaderName, value: &[u8]| {
            if let Ok(mut value) = HeaderValue::from_bytes(value) {
                // No other call has it: it is nothing for the tables of either side (HPACK).
                value.set_sensitive(true);
                headers.entry(name).or_insert(value);
            }
        };
        set(TRACEPARENT, &request.trace.parent_text());
        set(REQUEST_ID, &request.trace.id_text());
        Ok(message)
    }

    /// Where a request goes. Most go where the one before did.
    fn uri(&self, request: &Request<'_>) -> Result<Uri, Failure> {
        let own = request.headers.iter().find(|(name, _)| *name == HOST);
        if own.is_none()
            && let Some((path, uri)) = &*self.last.borrow()
            && path == request.path
        {
            return Ok(uri.clone());
        }
        let wrong = |error: &dyn Error| {
            Failure::new(
                Outcome::Malformed,
                &format!("put the request together: {error}"),
            )
        };
        let host = match own {
            Some((_, value)) => value.as_bytes(),
            None => self.connector.target.host.as_bytes(),
        };
        let mut path = Vec::with_capacity(request.path.len());
        path::write(&mut path, request.path);
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path));
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(Authority::try_from(host).map_err(|error| wrong(&error))?);
        parts.path_and_query = Some(path.map_err(|error| wrong(&error))?);
        let uri = Uri::from_parts(parts).map_err(|error| wrong(&error))?;
        if own.is_none() {
            *self.last.borrow_mut() = Some((request.path.to_owned(), uri.clone()));
        }
        Ok(uri)
    }
}

/// One of those who wait, as long as it lives.
struct One<'a>(&'a Cell<usize>);

impl<'a> One<'a> {
    fn more(of: &'a Cell<usize>) -> Self {
        of.set(of.get() + 1);
        Self(of)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Reads an answer to its end.
async fn answer(
    mut response: hyper::Response<hyper::body::Incoming>,
    wanted: Wanted,
) -> Result<Answer, Failure> {
    let mut answer = Answer {
        status: response.status().as_u16(),
        ..Answer::default()
    };
    if wanted.headers {
        answer.headers = std::mem::take(response.headers_mut());
    }
    let mut kept = BytesMut::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        if let (true, Some(data)) = (wanted.body, frame.data_ref()) {
            let room = BODY_MAX.saturating_sub(kept.len()).min(data.len());
            answer.cut |= room < data.len();
            kept.extend_from_slice(&data[..room]);
        }
    }
    answer.body = kept.freeze();
    Ok(answer)
}

/// What became of the connection, or of the call alone; with all that is said of its causes.
fn failure(error: &hyper::Error) -> Failure {
    let mut why = error.to_string();
    let mut outcome = Outcome::Broken;
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        // What this side complains of is the other's mistake.
        if let Some(error) = error.downcast_ref::<h2::Error>()
            && error.is_library()
            && (error.is_go_away() || error.is_reset())
        {
            outcome = Outcome::Malformed;
        }
        cause = error.source();
    }
    Failure::new(outcome, &why)
}
