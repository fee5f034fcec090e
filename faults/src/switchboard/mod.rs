//! A forward proxy: one listener for several edges, for callers that are told of a proxy rather than
//! of their dependencies (`HTTP_PROXY`). The host that a caller asks for tells which edge it is.
//!
//! A connection is a guest of the edge that its first request is for: from there on it is what a
//! connection to that edge's own port is, with its faults, its TLS and its record. It leaves when a
//! request for another host comes, and the other edge takes it up.
//!
//! | file | what it is for |
//! |---|---|
//! | `route` | which host, and port, leads to which edge |
//! | `asked` | whom a request is for |
//! | `rewrite` | the one change to a request that a forward proxy must make |
//! | `guest` | what an edge does for a connection that came this way |
//! | `serve` | a connection, from edge to edge |

mod asked;
mod guest;
mod rewrite;
mod route;
mod serve;

use std::sync::Arc;

use crate::edge::Edge;

pub(crate) use guest::Guest;
pub use route::Route;
pub(crate) use serve::serve;

/// Who is reached through one listener.
#[derive(Debug)]
pub(crate) struct Switchboard {
    /// The listener itself, which is an edge that leads nowhere.
    pub(crate) own: Arc<Edge>,
    pub(crate) routes: Vec<(Route, Arc<Edge>)>,
}

impl Switchboard {
    /// The edge that a host and port lead to; a route that names the port goes before one that
    /// takes any.
    fn edge(&self, host: &str, port: u16) -> Option<&Arc<Edge>> {
        let fits = |named: bool| {
            let mut routes = self.routes.iter();
            routes.find(move |(route, _)| route.port.is_some() == named && route.fits(host, port))
        };
        fits(true).or_else(|| fits(false)).map(|(_, edge)| edge)
    }
}
