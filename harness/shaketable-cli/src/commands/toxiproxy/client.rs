//! Requests to a server of Toxiproxy's API.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

/// A server is given so long to answer (as by Toxiproxy's own client).
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// That is no address of a server.
    #[error("failed to read the address `{0}` of a server; write it as in http://localhost:8474")]
    Address(String),
    /// Nobody answered.
    #[error(
        "failed to {what}: nobody answers at {host} ({why}); `shaketable proxy` starts a server"
    )]
    Unreachable {
        /// What was asked.
        what: String,
        /// Whom.
        host: String,
        /// Why not.
        why: String,
    },
    /// The server said no.
    #[error("failed to {what}: {why}")]
    Said {
        /// What was asked.
        what: String,
        /// What it said.
        why: String,
    },
}

/// A server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    host: Url,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(host: &str, token: Option<&str>) -> Result<Self, Refused> {
        let wrong = || Refused::Address(host.to_owned());
        let url = if host.contains("://") {
            host.to_owned()
        } else {
            format!("http://{host}")
        };
        let url: Url = url.parse().map_err(|_| wrong())?;
        if url.scheme() != "http" || url.cannot_be_a_base() {
            return Err(wrong());
        }
        // The server is at the address that was given, whatever proxies the environment names.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .user_agent(concat!("shaketable/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| wrong())?;
        Ok(Self {
            http,
            host: url,
            token: token.map(str::to_owned),
        })
    }

    /// Asks for something (`what` is it, behind "failed to"); gives the JSON of the answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
        what: &str,
    ) -> Result<Value, Refused> {
        let mut url = self.host.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let unreachable = |error: reqwest::Error| Refused::Unreachable {
            what: what.to_owned(),
            host: self.host.to_string(),
            why: root(&error),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        let value = serde_json::from_str::<Value>(&text).ok();
        if status.is_success() {
            return Ok(value.unwrap_or_default());
        }
        let error = value.as_ref().and_then(|v| v["error"].as_str());
        Err(Refused::Said {
            what: what.to_owned(),
            why: error.map_or_else(|| plain(status, &text), str::to_owned),
        })
    }
}

/// What a server says that has no words for it.
fn plain(status: StatusCode, text: &str) -> String {
    let text: String = text.trim().chars().take(200).collect();
    if text.is_empty() {
        status.to_string()
    } else {
        format!("{text} ({status})")
    }
}

/// What is at the bottom of an error.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
