//! What a call does, and what that is for one arrival.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::Ground;
use super::exec::Program;
use super::template::{Missing, Scene, Template};
use crate::load::client::{Answer, Failure, Queued, Request, Trace, Wanted};

/// What a call does.
#[derive(Clone, Debug)]
pub enum Act {
    /// An HTTP request, the same every time.
    Http(HttpAct),
    /// An HTTP request that is made anew for each arrival.
    Made(Box<Blueprint>),
    /// A command.
    Exec(Arc<Program>),
}

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct HttpAct {
    /// Where it goes, as an index into the targets of the load.
    pub target: usize,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// An HTTP request with something to fill in.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// Where it goes, as an index into the targets of the load.
    pub target: usize,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: Template,
    /// The headers.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body.
    pub body: Template,
}

/// What is done for one arrival, as often as it is repeated.
#[derive(Debug)]
pub(super) enum Ready<'a> {
    Fixed(&'a HttpAct),
    Made(Box<HttpAct>),
    Exec(&'a Program, Vec<String>),
}

impl Act {
    /// Fills everything in.
    pub(super) fn ready(&self, scene: &Scene<'_>) -> Result<Ready<'_>, Missing> {
        Ok(match self {
            Self::Http(http) => Ready::Fixed(http),
            Self::Made(blueprint) => Ready::Made(Box::new(blueprint.fill(scene)?)),
            Self::Exec(program) => Ready::Exec(program, program.words(scene)?),
        })
    }
}

impl Blueprint {
    fn fill(&self, scene: &Scene<'_>) -> Result<HttpAct, Missing> {
        let header = |(name, value): &(HeaderName, Template)| {
            let value = value.fill(scene)?;
            // No control character is left in what was filled in.
            let value = HeaderValue::from_maybe_shared(Bytes::from(value));
            Ok((
                name.clone(),
                value.unwrap_or_else(|_| HeaderValue::from_static("")),
            ))
        };
        Ok(HttpAct {
            target: self.target,
            method: self.method.clone(),
            path: on_target(self.path.fill(scene)?),
            headers: self.headers.iter().map(header).collect::<Result<_, _>>()?,
            body: self.body.fill(scene)?.into(),
        })
    }
}

/// The path of what may be a whole URL, as `Location` often is: it goes to the same target.
pub(super) fn on_target(path: String) -> String {
    if path.starts_with('/') {
        return path;
    }
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| path.strip_prefix(scheme));
    match rest {
        Some(rest) => match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
            Some(at) => format!("/{}", &rest[at..]),
            None => "/".to_owned(),
        },
        None => format!("/{path}"),
    }
}

impl HttpAct {
    /// Makes the exchange.
    pub(super) async fn exchange(
        &self,
        ground: &Ground,
        trace: Trace,
        wanted: Wanted,
        queued: &Queued,
    ) -> Result<Answer, Failure> {
        let request = Request {
            method: &self.method,
            path: &self.path,
            headers: &self.headers,
            trace,
            body: &self.body,
        };
        ground
            .client
            .exchange(self.target, &request, wanted, queued)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_url_becomes_its_path() {
        for (written, path) in [
            ("/orders/1?x=1", "/orders/1?x=1"),
            ("http://127.0.0.1:80/orders/1", "/orders/1"),
            ("https://shop?x=1", "/?x=1"),
            ("http://shop", "/"),
            ("orders/1", "/orders/1"),
            ("", "/"),
        ] {
            assert_eq!(on_target(written.to_owned()), path);
        }
    }
}
