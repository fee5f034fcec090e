//! The checks: each a pure function of a recording, and one file.
//!
//! **Invariant:** no clock, no I/O, no globals. Whatever a check needs is in the recording.
//! **Invariant:** no verdict without evidence. A check counts how often what it judges was
//! exercised; without that it is inconclusive and says why.

mod attempts;
mod attribution;
pub mod bundle;
mod gaps;
#[cfg(test)]
pub(crate) mod hand_made;
mod latency;
mod normal;
pub mod recipe;
pub mod samples;
mod stalls;
pub mod stats;
pub mod verdict;
pub mod view;

use std::fmt::Debug;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shaketable_faults::fault;

use crate::record::EdgeFacts;
use recipe::Recipe;
pub use verdict::{State, Verdict};
use view::View;

/// One resilience assertion.
pub trait Check: Debug + Send + Sync {
    /// Judges a recording; at least one verdict, one for each thing it is said of.
    fn judge(&self, view: &View<'_>) -> Vec<Verdict>;

    /// What it needs to be shaken by, where the suite names no fault; nothing, where it judges what
    /// it finds.
    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        let _ = edges;
        Vec::new()
    }

    /// The headers of requests that the proxies are to note for it, in lower case; it finds what they
    /// said by [`View::noted`].
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What is known of a kind of check without making one.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The key in a suite.
    pub name: &'static str,
    /// When it holds, in one sentence.
    pub holds_when: &'static str,
    /// A complete example of the entry.
    pub example: &'static str,
    /// What its reference says of it.
    pub page: Page,
    /// Whether its verdict rests on how long things took, and not on counts and order alone.
    pub timed: bool,
    /// The JSON Schema of its parameters.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Makes the check from its parameters; `{}` gives every default.
    pub build: fn(&Value) -> Result<Arc<dyn Check>, String>,
}

impl Kind {
    /// The JSON Schema of its parameters, complete by itself.
    pub fn whole_schema(&self) -> Value {
        fault::whole_schema(self.schema)
    }
}

impl Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The reference of a check: what it measures and how, in whole sentences.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// What is measured, and the formula by which it is decided.
    pub measures: &'static str,
    /// What it brings where the suite names no fault.
    pub recipe: &'static str,
    /// The defaults, each with its source.
    pub defaults: &'static str,
    /// What makes it inconclusive.
    pub inconclusive: &'static str,
}

/// What each kind of check says of itself. The type is also the set of its parameters.
pub(crate) trait Known: Check + DeserializeOwned + JsonSchema + Sized + 'static {
    const NAME: &'static str;
    const HOLDS_WHEN: &'static str;
    const EXAMPLE: &'static str;
    const PAGE: Page;
    const TIMED: bool = true;

    /// What the types of the parameters cannot say.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

fn build<C: Known>(params: &Value) -> Result<Arc<dyn Check>, String> {
    let check = serde_json::from_value::<C>(params.clone()).map_err(|e| e.to_string())?;
    check.validate()?;
    Ok(Arc::new(check))
}

const fn kind<C: Known>() -> Kind {
    Kind {
        name: C::NAME,
        holds_when: C::HOLDS_WHEN,
        example: C::EXAMPLE,
        page: C::PAGE,
        timed: C::TIMED,
        schema: |generator| generator.subschema_for::<C>(),
        build: build::<C>,
    }
}

/// Names each family's files once, and lists the checks.
macro_rules! catalogue {
    ($($family:ident { $($file:ident::$check:ident),* $(,)? })*) => {
        $(
            /// A family of checks, one a file.
            pub mod $family {
                $(pub mod $file;)*
            }
        )*

        /// Every check there is, in the order in which the documentation lists them.
        pub const CATALOGUE: &[Kind] = &[$($(kind::<$family::$file::$check>()),*),*];
    };
}

catalogue! {
    time { timeout_present::TimeoutPresent, fast_failure::FastFailure, slo::Slo }
    retries {
        retry_amplification::RetryAmplification,
        retry_backoff::RetryBackoff,
        retry_jitter::RetryJitter,
        retry_discipline::RetryDiscipline,
    }
    isolation { bulkhead::Bulkhead, no_pool_exhaustion::NoPoolExhaustion }
    breakers { recovery::Recovery }
    answers { process_survival::ProcessSurvival }
    state { idempotency::Idempotency }
}

/// The check that holds in every experiment, whether the suite names it or not.
pub const ALWAYS: &str = "process_survival";

/// Looks a kind up by its key in a suite.
pub fn find(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shaketable_faults::Protocol;

    use super::*;

    /// An edge of each sort.
    fn edges() -> Vec<EdgeFacts> {
        let edge = |callee: &str, soft, protocol| EdgeFacts {
            name: format!("order -> {callee}").parse().unwrap(),
            soft,
            marked: soft,
            protocol,
        };
        vec![
            edge("inventory", false, Protocol::Http),
            edge("pricing", true, Protocol::Auto),
            edge("store", false, Protocol::Tcp),
        ]
    }

    #[test]
    fn every_recipe_asks_for_faults_that_there_are() {
        for kind in CATALOGUE {
            let Ok(check) = (kind.build)(&json!({})) else {
                continue;
            };
            for recipe in check.recipes(&edges()) {
                for written in &recipe.faults {
                    let map = written.as_object().unwrap();
                    let mut known = map
                        .iter()
                        .filter_map(|(key, value)| Some((fault::find(key)?.build)(value)));
                    let built = known
                        .next()
                        .unwrap_or_else(|| panic!("{}: {written}", kind.name));
                    assert!(
                        built.is_ok() && known.next().is_none(),
                        "{}: {written}: {built:?}",
                        kind.name
                    );
                    assert!(recipe.edge.is_some(), "{}: {written} is nowhere", kind.name);
                }
            }
        }
    }

    #[test]
    fn bundles_name_checks_that_there_are() {
        for bundle in bundle::BUNDLES {
            for edge in edges() {
                assert!(!(bundle.members)(&edge).is_empty(), "{}", bundle.name);
            }
        }
    }
}
