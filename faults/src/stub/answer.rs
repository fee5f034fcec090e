//! A request in, a response out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::api;
use super::check::is_bodiless;
use super::kept::Change;
use super::memory::{BODY_BYTES_MAX, Limit, Memory};
use super::pattern::Captures;
use super::scene::{Asked, Scene};
use super::spec::{Content, Route, Spec};

/// A request, as whoever has one sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// The headers in their order; the case of the names does not matter.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The whole body.
    pub body: &'a [u8],
}

/// What is to be answered, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code, 200 to 599.
    pub status: u16,
    /// The headers, without those that follow from the body.
    pub headers: Vec<(String, String)>,
    /// The body; empty where the status allows none.
    pub body: Bytes,
    /// How long the answer is to take from when the request was there; the response does not wait
    /// for that itself.
    pub delay: Duration,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into(),
            delay: Duration::ZERO,
        }
    }
}

/// Why a route could not answer as it should.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its `get` found nothing under this key.
    NotKept(String),
    /// What it says cannot be done with this request.
    Impossible(String),
    /// There is no room for what it would keep.
    StateIsFull,
    /// The answer would be larger than is allowed.
    AnswerTooLarge,
}

/// A stub that is being played: what it answers, and what has become of it.
#[derive(Debug)]
pub struct Stub {
    name: String,
    seed: u64,
    spec: Arc<Spec>,
    memory: Mutex<Memory>,
}

impl Stub {
    /// A stub at its beginning. What is random in its answers follows from its name, the seed and
    /// the requests.
    pub fn new(name: &str, spec: Arc<Spec>, seed: u64) -> Self {
        let memory = Mutex::new(Memory::new(&spec));
        Self {
            name: name.to_owned(),
            seed,
            spec,
            memory,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Answers a request. Two requests are answered as if one had come after the other.
    pub fn answer(&self, request: &Request<'_>) -> Response {
        if request.body.len() > BODY_BYTES_MAX {
            return self.body_too_large();
        }
        let asked = Asked::new(request);
        let mut memory = self.memory();
        if let Some(response) = api::answer(&self.spec, &asked, &mut memory) {
            return response;
        }
        let mut routes = self.spec.routes.iter();
        let found = routes.find_map(|route| Some((route, route.captured(&asked)?)));
        let (route, response) = match found {
            Some((route, captures)) => {
                memory.count(&route.name);
                let response = self.play(route, captures, &asked, &mut memory);
                (Some(route.name.as_str()), response)
            }
            None => (None, self.no_route(&asked)),
        };
        memory.remember(&asked, route, response.status);
        response
    }

    /// The answer to a request whose body is larger than [`BODY_BYTES_MAX`], for whoever has
    /// noticed without reading all of it.
    pub fn body_too_large(&self) -> Response {
        self.memory().met(Limit::Body);
        let limit = BODY_BYTES_MAX >> 20;
        self.error(413, &format!("this stub takes bodies of up to {limit} MiB"))
    }

    /// Notes that somebody had to wait because too many connections were open.
    pub(super) fn connection_waited(&self) {
        self.memory().met(Limit::Connections);
    }

    /// All that is known of it: routes, counters, state, the last requests, the bounds it met.
    pub fn summary(&self) -> Value {
        api::summary(&self.spec, &self.memory())
    }

    /// The bounds that it met, each with how often; empty where all went well.
    pub fn limits_met(&self) -> Vec<String> {
        let limits = self.memory().limits().into_iter();
        limits
            .map(|(limit, times)| format!("{limit} ({times} ×)"))
            .collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn play(
        &self,
        route: &Route,
        captures: Captures,
        asked: &Asked<'_>,
        memory: &mut Memory,
    ) -> Response {
        let mut scene = Scene::new(asked, memory, captures, (&self.name, self.seed));
        let mut response = match filled(route, &mut scene) {
            Ok(response) => response,
            Err(refusal) => self.refused(&refusal, scene.memory),
        };
        response.delay = if route.jitter.is_zero() {
            route.delay
        } else {
            let lowest = route.delay.saturating_sub(route.jitter);
            lowest + (route.jitter * 2).mul_f64(scene.dice("latency").roll())
        };
        response
    }

    fn refused(&self, refusal: &Refusal, memory: &mut Memory) -> Response {
        match refusal {
            Refusal::NotKept(key) => self.error(404, &format!("nothing is kept under `{key}`")),
            Refusal::Impossible(why) => self.error(500, why),
            Refusal::StateIsFull => {
                memory.met(Limit::State);
                self.error(507, "this stub can keep no more")
            }
            Refusal::AnswerTooLarge => {
                memory.met(Limit::Answer);
                self.error(500, "the answer would be larger than this stub gives")
            }
        }
    }

    fn no_route(&self, asked: &Asked<'_>) -> Response {
        let routes: Vec<&str> = self.spec.routes().collect();
        let error = format!("no route is for {} {}", asked.method, asked.path);
        let body = json!({ "error": error, "stub": self.name, "routes": routes });
        Response::json(404, &body)
    }

    /// An answer in the stub's own name.
    fn error(&self, status: u16, error: &str) -> Response {
        Response::json(status, &json!({ "error": error, "stub": self.name }))
    }
}

/// Does what a route says, and fills in its answer.
fn filled(route: &Route, scene: &mut Scene<'_>) -> Result<Response, Refusal> {
    let there = match &route.get {
        Some(key) => {
            let key = key.fill(scene)?;
            let value = scene.memory.kept.get(&key).cloned();
            Some(value.ok_or(Refusal::NotKept(key))?)
        }
        None => None,
    };
    if let Some(count) = &route.count {
        scene.memory.count(count);
    }
    let mut changes = Vec::new();
    for (key, value) in &route.put {
        changes.push((key.fill(scene)?, Change::Put(value.fill(scene)?)));
    }
    for (key, amount) in &route.increment {
        changes.push((key.fill(scene)?, Change::Add(amount.fill(scene)?)));
    }
    if let Some(key) = &route.delete {
        changes.push((key.fill(scene)?, Change::Remove));
    }
    scene.memory.kept.change(changes)?;

    let (content_type, body) = match (&route.content, there) {
        (Some(Content::Json(json)), _) => (Some("application/json"), json.fill(scene)?.to_string()),
        (Some(Content::Text(text)), _) => (Some("text/plain; charset=utf-8"), text.fill(scene)?),
        (None, Some(value)) => (Some("application/json"), value.to_string()),
        (None, None) => (None, String::new()),
    };
    let bodiless = is_bodiless(route.status);
    let mut headers = Vec::with_capacity(route.headers.len() + 1);
    for (name, value) in &route.headers {
        let value = value.fill(scene)?;
        if HeaderValue::from_str(&value).is_err() {
            let why = format!("what the header `{name}` would hold cannot be sent as one");
            return Err(Refusal::Impossible(why));
        }
        headers.push((name.clone(), value));
    }
    let typed = headers.iter().any(|(name, _)| name == "content-type");
    if let Some(content_type) = content_type.filter(|_| !typed && !bodiless) {
        headers.insert(0, ("content-type".to_owned(), content_type.to_owned()));
    }
    Ok(Response {
        status: route.status,
        headers,
        body: if bodiless { Bytes::new() } else { body.into() },
        delay: Duration::ZERO,
    })
}
