//! What services really do on each of their edges: seen, and not judged.
//!
//! | file | what it is for |
//! |---|---|
//! | `shows` | what is tried on an edge to see it |
//! | `patience` | after how long the caller gives up on each way of hanging |
//! | `attempts` | how often it tries, and how long it waits in between |
//! | `breaker` | when it turns away from a failing edge, and when it comes back |
//! | `pool` | how much it asks at once, and whether it keeps its connections |

mod attempts;
mod breaker;
mod patience;
mod pool;
mod shows;

use serde::Serialize;

pub use attempts::Attempts;
pub use breaker::Breaker;
pub use patience::Patience;
pub use pool::{Connections, Pool};

use crate::check::view::View;
use crate::names::EdgeName;
use crate::record::Recording;
use crate::suite::{self, Experiment, Suite};

/// What was seen of one edge. What is `None` could not be seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Findings {
    /// The edge.
    pub edge: EdgeName,
    /// How long its caller waits, for each way of hanging.
    pub patience: Vec<Patience>,
    /// How often it tries where it gets a 503.
    pub attempts: Option<Attempts>,
    /// When it turns away.
    pub breaker: Option<Breaker>,
    /// How much it asks at once.
    pub pool: Option<Pool>,
    /// What it does with its connections.
    pub connections: Option<Connections>,
}

/// A suite whose experiments show what there is to see, under the load of its first one.
pub fn suite(mut suite: Suite) -> Suite {
    let Some((_, mut base)) = suite.experiments.drain(..).next() else {
        return suite;
    };
    "inspect".clone_into(&mut base.name);
    let recipes = suite.edges.iter().map(|edge| shows::recipes(&edge.name));
    let experiments = suite::by_recipes(&base, recipes.flatten().collect());
    let named = |experiment: Experiment| (experiment.name.clone(), experiment);
    suite.experiments = experiments.into_iter().map(named).collect();
    suite
}

/// What the recordings of such a suite show, edge by edge.
pub fn findings(recordings: &[Recording]) -> Vec<Findings> {
    let views: Vec<View<'_>> = recordings.iter().map(View::new).collect();
    let edges = recordings.first().map_or(&[][..], |first| &first.edges);
    let found = |edge: usize| Findings {
        edge: edges[edge].clone(),
        patience: views
            .iter()
            .flat_map(|view| patience::of(view, edge))
            .collect(),
        attempts: views.iter().find_map(|view| attempts::of(view, edge)),
        breaker: views.iter().find_map(|view| breaker::of(view, edge)),
        pool: views.iter().find_map(|view| pool::of(view, edge)),
        connections: views.iter().find_map(|view| pool::connections(view, edge)),
    };
    (0..edges.len()).map(found).collect()
}
