//! Which path and method ask for what, and what is answered.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use super::body;
use super::errors::{ApiError, unauthorised};
use super::log::Level;
use super::metrics;
use super::reply::Reply;
use super::server::State;

/// The header that every answer of a route has.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-toxiproxy-request-id");

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Version,
    Metrics,
    Reset,
    Populate,
    Proxies,
    Create,
    Show(String),
    Update(String),
    Delete(String),
    Toxics(String),
    AddToxic(String),
    Toxic(String, String),
    UpdateToxic(String, String),
    DeleteToxic(String, String),
    Renew(String, String),
}

/// Why nothing is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoRoute {
    Path,
    Method,
}

impl Route {
    fn find(method: &Method, path: &str, metrics: bool) -> Result<Self, NoRoute> {
        let parts: Option<Vec<String>> = path
            .strip_prefix('/')
            .unwrap_or_default()
            .split('/')
            .map(|part| decoded(part).filter(|part| !part.is_empty()))
            .collect();
        let parts = parts.ok_or(NoRoute::Path)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (get, post) = (method == Method::GET, method == Method::POST);
        let (patch, delete) = (method == Method::PATCH, method == Method::DELETE);
        let route = match parts[..] {
            ["metrics"] if metrics => Some(Self::Metrics),
            ["version"] => get.then_some(Self::Version),
            ["reset"] => post.then_some(Self::Reset),
            ["populate"] => post.then_some(Self::Populate),
            ["proxies"] if get => Some(Self::Proxies),
            ["proxies"] => post.then_some(Self::Create),
            ["proxies", name] if get => Some(Self::Show(name.to_owned())),
            ["proxies", name] if post || patch => Some(Self::Update(name.to_owned())),
            ["proxies", name] => delete.then(|| Self::Delete(name.to_owned())),
            ["proxies", name, "toxics"] if get => Some(Self::Toxics(name.to_owned())),
            ["proxies", name, "toxics"] => post.then(|| Self::AddToxic(name.to_owned())),
            ["proxies", name, "toxics", toxic] => {
                let (name, toxic) = (name.to_owned(), toxic.to_owned());
                if get {
                    Some(Self::Toxic(name, toxic))
                } else if post || patch {
                    Some(Self::UpdateToxic(name, toxic))
                } else {
                    delete.then_some(Self::DeleteToxic(name, toxic))
                }
            }
            ["proxies", name, "toxics", toxic, "lease"] => {
                post.then(|| Self::Renew(name.to_owned(), toxic.to_owned()))
            }
            _ => return Err(NoRoute::Path),
        };
        route.ok_or(NoRoute::Method)
    }

    /// Whether what is sent with it matters.
    fn wants_body(&self) -> bool {
        matches!(
            self,
            Self::Populate
                | Self::Create
                | Self::Update(_)
                | Self::AddToxic(_)
                | Self::UpdateToxic(..)
                | Self::Renew(..)
        )
    }
}

/// A part of a path without its percent signs; `None` where they say nothing.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// Answers a request.
pub(super) async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method, parts.uri.path().to_owned());
    let (id, reply) = if state.lets_in(&parts.headers) {
        match Route::find(&method, &path, state.has_metrics()) {
            Ok(route) => {
                let reply = matched(state, route, &parts.headers, body).await;
                (Some(state.request_id()), reply)
            }
            Err(NoRoute::Path) => (None, Reply::text(404, "404 page not found")),
            Err(NoRoute::Method) => (None, Reply::empty(405)),
        }
    } else {
        (None, Reply::error(&unauthorised()))
    };
    let status = reply.status;
    state
        .log
        .tell(Level::Debug, || format!("{method} {path}: {status}"));
    let mut response = reply.into_response();
    let headers = response.headers_mut();
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        headers.insert(REQUEST_ID, id);
    }
    match status {
        401 => {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        // The rest of what is sent is not waited for.
        408 | 413 => {
            let close = HeaderValue::from_static("close");
            headers.insert(header::CONNECTION, close);
        }
        _ => {}
    }
    response
}

async fn matched(state: &State, route: Route, headers: &HeaderMap, body: Incoming) -> Reply {
    let agent = headers.get(header::USER_AGENT);
    // A page in a browser must not get to change anything behind its user's back.
    if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        return Reply::text(403, "User agent not allowed");
    }
    let value = if route.wants_body() {
        let asks_first = headers.contains_key(header::EXPECT);
        match body::read(body, asks_first).await {
            // A lease is renewed without a word, too.
            Ok(body) if body.is_empty() && matches!(route, Route::Renew(..)) => Ok(Value::Null),
            Ok(body) => body::first_value(&body),
            Err(error) => return refused(&route, &error),
        }
    } else {
        Ok(Value::Null)
    };
    carry_out(state, route, value).await
}

/// Populate's errors are JSON, and have a list of proxies.
fn refused(route: &Route, error: &ApiError) -> Reply {
    if *route == Route::Populate {
        populated(&[], Some(error))
    } else {
        Reply::error(error)
    }
}

fn populated(proxies: &[Value], error: Option<&ApiError>) -> Reply {
    let shown = if proxies.is_empty() {
        Value::Null
    } else {
        json!(proxies)
    };
    match error {
        None => Reply::json(201, &json!({ "proxies": shown })),
        Some(ApiError { status, message }) => Reply::json(
            *status,
            &json!({ "error": message, "status": status, "proxies": shown }),
        ),
    }
}

async fn carry_out(state: &State, route: Route, body: Result<Value, ApiError>) -> Reply {
    let shown = |status: u16, done: Result<Value, ApiError>| {
        Reply::from(done.map(|value| Reply::json(status, &value)))
    };
    let done = |done: Result<(), ApiError>| Reply::from(done.map(|()| Reply::empty(204)));
    let mut proxies = state.proxies.lock().await;
    let reply = match &route {
        Route::Version => Reply::of_type(
            "application/json;charset=utf-8",
            format!("{{\"version\": \"{}\"}}\n", super::VERSION),
        ),
        Route::Metrics => {
            let mut text = String::new();
            if state.proxy_metrics {
                text.push_str(&proxies.metrics());
            }
            if state.runtime_metrics {
                text.push_str(&metrics::process());
            }
            Reply::of_type(metrics::CONTENT_TYPE, text)
        }
        Route::Reset => done(proxies.reset().await),
        Route::Populate => match body {
            Ok(body) => {
                let all = proxies.populate(&body).await;
                populated(&all.proxies, all.error.as_ref())
            }
            Err(error) => refused(&route, &error),
        },
        Route::Proxies => Reply::json(200, &proxies.list()),
        Route::Create => match body {
            Ok(body) => shown(201, proxies.create(&body).await),
            Err(error) => Reply::error(&error),
        },
        Route::Show(proxy) => shown(200, proxies.show(proxy)),
        Route::Delete(proxy) => done(proxies.delete(proxy).await),
        Route::Toxics(proxy) => shown(200, proxies.toxics(proxy)),
        Route::Toxic(proxy, toxic) => shown(200, proxies.toxic(proxy, toxic)),
        Route::DeleteToxic(proxy, toxic) => done(proxies.delete_toxic(proxy, toxic).await),
        // What is not there is told before what is wrong with the body.
        Route::Update(proxy) => match (proxies.show(proxy), body) {
            (Err(error), _) | (_, Err(error)) => Reply::error(&error),
            (Ok(_), Ok(body)) => shown(200, proxies.update(proxy, &body).await),
        },
        Route::AddToxic(proxy) => match (proxies.show(proxy), body) {
            (Err(error), _) | (_, Err(error)) => Reply::error(&error),
            (Ok(_), Ok(body)) => shown(200, proxies.add_toxic(proxy, &body).await),
        },
        Route::UpdateToxic(proxy, toxic) => match (proxies.toxic(proxy, toxic), body) {
            (Err(error), _) | (_, Err(error)) => Reply::error(&error),
            (Ok(_), Ok(body)) => shown(200, proxies.update_toxic(proxy, toxic, &body).await),
        },
        Route::Renew(proxy, toxic) => match (proxies.toxic(proxy, toxic), body) {
            (Err(error), _) | (_, Err(error)) => Reply::error(&error),
            (Ok(_), Ok(body)) => shown(200, proxies.renew(proxy, toxic, &body)),
        },
    };
    drop(proxies);
    // Leases may have come or changed.
    state.leases.notify_one();
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<Route, NoRoute> {
        Route::find(&method.parse().unwrap(), path, true)
    }

    #[test]
    fn names_are_decoded_and_paths_are_exact() {
        assert_eq!(
            find("GET", "/proxies/a%20b%2Fc"),
            Ok(Route::Show("a b/c".to_owned()))
        );
        for path in [
            "/",
            "",
            "/proxies/",
            "/proxies//toxics",
            "/proxy",
            "/proxies/%zz",
            "/proxies/%f",
            "/proxies/a/toxics/b/c",
            "proxies",
        ] {
            assert_eq!(find("GET", path), Err(NoRoute::Path), "{path}");
        }
        assert_eq!(find("PUT", "/proxies"), Err(NoRoute::Method));
        assert_eq!(find("OPTIONS", "/version"), Err(NoRoute::Method));
        assert_eq!(find("OPTIONS", "/metrics"), Ok(Route::Metrics));
        assert_eq!(
            Route::find(&Method::GET, "/metrics", false),
            Err(NoRoute::Path)
        );
    }
}
