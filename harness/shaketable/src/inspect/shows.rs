//! What is tried on an edge to see what its caller does.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::check::recipe::{Alone, Asks, Kinds, Recipe, UnderLoad, about, hangs};
use crate::check::view::View;
use crate::check::{self, Check, Kind, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::EdgeFacts;
use crate::suite::{CheckEntry, Experiment, Position};

/// How long a hang is waited out.
const PATIENCE: Duration = Duration::from_secs(6);
/// Failing calls from which attempts and their gaps are read.
const FAILING: usize = 20;
/// Failing calls in a row after which nobody has turned away who ever will.
const TURNS_AWAY: usize = 100;
/// How long one who has turned away is waited for.
const COMES_BACK: Duration = Duration::from_secs(35);
/// More calls at once than pools are large.
const AT_ONCE: usize = 400;

/// The recipes, in the form in which checks have them; it has no verdict.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct Shows {
    edge: Option<EdgeName>,
}

impl Known for Shows {
    const NAME: &'static str = "inspect";
    const HOLDS_WHEN: &'static str = "";
    const EXAMPLE: &'static str = "";
    const PAGE: Page = Page {
        measures: "",
        recipe: "",
        defaults: "",
        inconclusive: "",
    };
}

static KIND: Kind = check::kind::<Shows>();

impl Check for Shows {
    fn judge(&self, _: &View<'_>) -> Vec<Verdict> {
        Vec::new()
    }

    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        let mut recipes = Vec::new();
        for edge in about(self.edge.as_ref(), edges) {
            let failing = || vec![json!({ "status": 503 })];
            let hang = Alone::calls(2, Kinds::One).patience(PATIENCE);
            recipes.extend(hangs().map(|(_, faults)| Recipe::alone(&edge.name, faults, hang)));
            recipes.push(Recipe::alone(
                &edge.name,
                failing(),
                Alone::calls(FAILING, Kinds::One),
            ));
            recipes.push(Recipe::alone(
                &edge.name,
                failing(),
                Alone {
                    watch: Some(COMES_BACK),
                    ..Alone::calls(TURNS_AWAY, Kinds::One)
                },
            ));
            let burst = UnderLoad {
                asks: Asks::Burst(AT_ONCE),
                ..UnderLoad::once(Duration::from_secs(1), Duration::from_millis(100))
            };
            recipes.push(Recipe::load(
                &edge.name,
                vec![json!({ "hang": true })],
                burst,
            ));
        }
        recipes
    }
}

/// An experiment that is left to these recipes.
pub(super) fn experiment(base: Experiment, edge: &EdgeName) -> Experiment {
    let shows = Shows {
        edge: Some(edge.clone()),
    };
    Experiment {
        name: "inspect".to_owned(),
        faults: Vec::new(),
        checks: vec![CheckEntry {
            kind: &KIND,
            params: Value::Object(serde_json::Map::new()),
            check: Arc::new(shows),
            at: Position::default(),
        }],
        ..base
    }
}
