//! What is tried on an edge to see what its caller does.

use std::time::Duration;

use serde_json::json;

use crate::check::recipe::{Alone, Asks, Kinds, Recipe, UnderLoad, hangs};
use crate::names::EdgeName;

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

/// What shows an edge.
pub(super) fn recipes(edge: &EdgeName) -> Vec<Recipe> {
    let failing = || vec![json!({ "status": 503 })];
    let hang = Alone::calls(2, Kinds::One).patience(PATIENCE);
    let watched = Alone {
        watch: Some(COMES_BACK),
        ..Alone::calls(TURNS_AWAY, Kinds::One)
    };
    let burst = UnderLoad {
        asks: Asks::Burst(AT_ONCE),
        ..UnderLoad::once(Duration::from_secs(1), Duration::from_millis(100))
    };
    let hangs = hangs().map(|(_, faults)| Recipe::alone(edge, faults, hang));
    let mut recipes = hangs.to_vec();
    recipes.extend([
        Recipe::alone(edge, failing(), Alone::calls(FAILING, Kinds::One)),
        Recipe::alone(edge, failing(), watched),
        Recipe::load(edge, vec![json!({ "hang": true })], burst),
    ]);
    recipes
}
