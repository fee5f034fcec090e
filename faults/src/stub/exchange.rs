//! One exchange on a stub's socket: a request of hyper's in, a response of hyper's out.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};

use super::answer::{Request, Response, Stub};
use super::memory::BODY_BYTES_MAX;

/// How much of a body that is too large is read along, so that its sender hears why.
const READ_ALONG_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

/// Reads the body, for at most so long, asks the stub, and waits for as long as it says.
pub(super) async fn exchange(
    stub: &Stub,
    request: hyper::Request<Incoming>,
    patience: Duration,
) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(patience, read(body)).await;
    let response = match read.unwrap_or(Err(Unread::Late)) {
        Ok(body) => {
            let headers = head.headers.iter();
            let headers: Vec<(&str, &[u8])> = headers
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            stub.answer(&Request {
                method: head.method.as_str(),
                target: head
                    .uri
                    .path_and_query()
                    .map_or("*", |target| target.as_str()),
                headers: &headers,
                body: &body,
            })
        }
        Err(Unread::TooLarge) => return closing(&stub.body_too_large()),
        Err(Unread::Late) => return closing(&unread(408, "the body did not come in time")),
        Err(Unread::Broken) => return closing(&unread(400, "the body broke off")),
    };
    if !response.delay.is_zero() {
        tokio::time::sleep(response.delay).await;
    }
    sent(&response)
}

/// Why the body of a request was not read to its end; the request then counts for nothing.
enum Unread {
    TooLarge,
    Late,
    Broken,
}

fn unread(status: u16, error: &str) -> Response {
    Response::json(status, &serde_json::json!({ "error": error }))
}

async fn read(mut body: Incoming) -> Result<Bytes, Unread> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > READ_ALONG_BYTES_MAX {
        return Err(Unread::TooLarge);
    }
    let mut whole = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        seen += data.len();
        if seen > READ_ALONG_BYTES_MAX {
            break;
        }
        if seen <= BODY_BYTES_MAX {
            whole.extend_from_slice(&data);
        }
    }
    if seen <= BODY_BYTES_MAX {
        Ok(whole.freeze())
    } else {
        Err(Unread::TooLarge)
    }
}

fn sent(response: &Response) -> hyper::Response<Full<Bytes>> {
    let mut sent = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        sent = sent.header(name, value);
    }
    let sent = sent.body(Full::new(response.body.clone()));
    // The check and the filling in have left nothing that could not be sent.
    sent.unwrap_or_else(|_| {
        let mut failed = hyper::Response::new(Full::default());
        *failed.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

/// An answer after which the connection is of no more use: its request was not read to the end.
fn closing(response: &Response) -> hyper::Response<Full<Bytes>> {
    let mut sent = sent(response);
    let close = HeaderValue::from_static("close");
    sent.headers_mut().insert(CONNECTION, close);
    sent
}
