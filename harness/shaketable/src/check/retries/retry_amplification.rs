//! `retry_amplification`: failures are not multiplied by retries.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shaketable_faults::Protocol;

use crate::check::attempts::{self, Tried};
use crate::check::recipe::{Alone, Kinds, Recipe, UnderLoad, about};
use crate::check::view::View;
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Exchange, Phase};

mod alone;
mod under_load;

use under_load::{
    Attempts, RATIO_NOISE, Traced, calls_needing, crossing, ended_in, exchanges_per_call, ratio,
};

/// The parameters of `retry_amplification`. Stating one of them switches the others' defaults off.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryAmplification {
    /// The edge; every faulted edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The most attempts for one call; the same as `per_call`.
    #[serde(default)]
    #[schemars(range(min = 1.0))]
    pub at_most: Option<f64>,
    /// The most attempts for one call. Default: 3.
    #[serde(default)]
    #[schemars(range(min = 1.0))]
    pub per_call: Option<f64>,
    /// The most attempts for each call, on average under load. Default: 1.2, a retry budget of
    /// 20% (Finagle's and Envoy's default).
    #[serde(default)]
    #[schemars(range(min = 1.0))]
    pub under_load: Option<f64>,
}

impl Known for RetryAmplification {
    const NAME: &'static str = "retry_amplification";
    const HOLDS_WHEN: &'static str = "a failing edge gets at most so many exchanges for each one that the calls needed in the baseline";
    const EXAMPLE: &'static str = "retry_amplification: { edge: order -> inventory, at_most: 2 }";
    const PAGE: Page = Page {
        measures: "Exchanges on the edge that ask for the same, in one call ÷ those that a call of its kind makes when all is well; the call with the most decides. As calls are those of the client, attempts on the edges above multiply with those on this one; the evidence shows each factor. Under load also exchanges ÷ (calls that need the edge × exchanges of one of them in the baseline).",
        recipe: "Three calls of each kind that needs the edge, one at a time, while it answers 503 and while it resets, one while it hangs (`per_call`). The suite's load, while the edge answers 503 (`under_load`).",
        defaults: "`per_call: 3` is our proposal; `under_load: 1.2` is a retry budget of 20%, the default of Finagle and Envoy. `at_most` is `per_call`. Stating one switches the other's default off.",
        inconclusive: "Nothing reached the failing edge; calls of a kind make several exchanges, so that attempts cannot be told from them; the client gave up every call first. Under load: no call reached the edge in the baseline, none that needs it ended in the fault phase, or the average lies on both sides of its bound. A default `per_call` is not asked of a load that does not show it.",
    };
    const TIMED: bool = false;

    fn validate(&self) -> Result<(), String> {
        match (self.at_most, self.per_call) {
            (Some(_), Some(_)) => {
                Err("`at_most` and `per_call` mean the same: give one of them".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The two bounds that are in force.
struct Bounds {
    per_call: Option<f64>,
    under_load: Option<f64>,
}

impl Check for RetryAmplification {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let edges = match &self.edge {
            Some(edge) => view.edge(edge).into_iter().collect(),
            None => view.faulted_edges(),
        };
        if view.recording.faults.is_empty() {
            return vec![Verdict::about(Self::NAME, "-", CLAIM).inconclusive(
                "this experiment has no fault, so no faulted edge to count attempts on",
            )];
        }
        if edges.is_empty() {
            let verdict = Verdict::about(Self::NAME, "-", CLAIM);
            return vec![
                verdict.inconclusive("this experiment has no faulted edge to count attempts on"),
            ];
        }
        edges
            .into_iter()
            .map(|edge| {
                let tried = attempts::tried_on(view, edge);
                if tried.is_empty() {
                    self.judge_edge(view, edge)
                } else {
                    self.judge_alone(view, edge, &tried)
                }
            })
            .collect()
    }

    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        let bounds = self.bounds();
        let mut recipes = Vec::new();
        for edge in about(self.edge.as_ref(), edges) {
            let name = &edge.name;
            let bytes = edge.protocol == Protocol::Tcp;
            if bounds.per_call.is_some() {
                let alone =
                    |fault, calls, of| Recipe::alone(name, vec![fault], Alone::calls(calls, of));
                if !bytes {
                    recipes.push(alone(json!({ "status": 503 }), 3, Kinds::All));
                }
                recipes.push(alone(json!({ "reset": true }), 3, Kinds::All));
                recipes.push(alone(json!({ "hang": true }), 1, Kinds::One));
            }
            if bounds.under_load.is_some() && !bytes {
                let load = UnderLoad::once(Duration::from_secs(5), Duration::from_secs(1));
                recipes.push(Recipe::load(name, vec![json!({ "status": 503 })], load));
            }
        }
        recipes
    }
}

const CLAIM: &str = "a failing dependency is not flooded with retries";

impl RetryAmplification {
    /// What calls made one at a time show: attempts for each, and nothing of a load.
    fn judge_alone(&self, view: &View<'_>, edge: usize, tried: &[Tried<'_>]) -> Verdict {
        match self.bounds().per_call {
            Some(bound) => alone::judge(view, edge, tried, bound),
            None => Verdict::about(Self::NAME, view.recording.edges[edge].to_string(), CLAIM)
                .inconclusive("calls were made one at a time, and `under_load` needs a load"),
        }
    }

    /// Whether the suite asks for a bound on each call, or it is only the default.
    fn asks_per_call(&self) -> bool {
        self.at_most.or(self.per_call).is_some()
    }

    fn bounds(&self) -> Bounds {
        let per_call = self.at_most.or(self.per_call);
        match (per_call, self.under_load) {
            (None, None) => Bounds {
                per_call: Some(3.0),
                under_load: Some(1.2),
            },
            (per_call, under_load) => Bounds {
                per_call,
                under_load,
            },
        }
    }

    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let bounds = self.bounds();
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM);
        let (Some(baseline), Some(fault)) = (view.phase(Phase::Baseline), view.phase(Phase::Fault))
        else {
            return verdict.inconclusive("the fault phase was not reached");
        };
        let Some(per_call_normally) = exchanges_per_call(view, edge, baseline) else {
            return verdict.inconclusive(format!(
                "no call reached {name} in the baseline, so attempts cannot be told from calls"
            ));
        };
        let exchanges: Vec<&Exchange> = view.exchanges(edge, fault).collect();
        let calls = calls_needing(view, edge, fault).count();
        let verdict = verdict.exercised(exchanges.len(), "exchanges").evidence(format!(
            "{} exchanges for {calls} calls; {per_call_normally:.2} exchanges a call in the baseline",
            exchanges.len()
        ));
        if exchanges.is_empty() || calls == 0 {
            return verdict.inconclusive(format!("nothing reached {name} in the fault phase"));
        }
        let settled = calls_needing(view, edge, fault).any(|call| ended_in(call, fault));
        let found = Found {
            attempts: settled.then(|| match Traced::of(view, edge, baseline) {
                Some(traced) => traced.attempts(view, edge, fault),
                None => ratio(view, edge, fault, per_call_normally),
            }),
            on_average: exchanges.len() as f64 / (calls as f64 * per_call_normally),
            // Calls cut by the phase's ends have some of their attempts outside it.
            unsure: crossing(view, edge, fault) as f64 / calls as f64,
        };
        found.against(&bounds, self.asks_per_call(), verdict, &name)
    }
}

/// What was measured on an edge.
struct Found {
    /// Attempts for one call; `None` when no call that needs the edge ended in the phase.
    attempts: Option<Attempts>,
    /// Exchanges for each one that the calls needed normally.
    on_average: f64,
    /// How far the phase's borders may have shifted the average.
    unsure: f64,
}

impl Found {
    fn against(&self, bounds: &Bounds, exactly: bool, verdict: Verdict, edge: &str) -> Verdict {
        let mut measured = Vec::new();
        let mut wanted = Vec::new();
        let (mut broken, mut open) = (Vec::new(), Vec::new());
        let mut verdict = verdict;
        let Some(attempts) = &self.attempts else {
            return self.without_ended_calls(bounds, verdict, edge);
        };
        if let Some(bound) = bounds.per_call {
            let least = attempts.least;
            wanted.push(format!("≤ {bound} a call"));
            measured.push(format!("{least:.2} a call"));
            verdict = verdict.evidence(format!(
                "attempts for one call: {least:.2} ({})",
                attempts.how
            ));
            if least > bound + 1e-9 {
                broken.push(format!("one call makes {least:.1} attempts on {edge}"));
            } else if attempts.most.is_none_or(|most| most > bound + 1e-9) {
                if exactly {
                    open.push(attempts.doubt.clone());
                } else {
                    verdict = verdict.evidence(attempts.doubt.clone());
                }
            }
        }
        if let Some(bound) = bounds.under_load {
            let settled = attempts.on_average.unwrap_or_default();
            let seen = self.on_average.max(settled);
            wanted.push(format!("≤ {bound}× under load"));
            measured.push(format!("{seen:.2}× under load"));
            if self.on_average - self.unsure > bound || settled > bound + RATIO_NOISE {
                broken.push(format!(
                    "{edge} gets {seen:.1} times the traffic that the calls need"
                ));
            } else if seen.max(self.on_average + self.unsure.min(0.1)) > bound {
                open.push(format!(
                    "{:.2}× ± {:.2} lies on both sides of the bound",
                    self.on_average, self.unsure
                ));
            } else if attempts.on_average.is_none() {
                open.push(attempts.doubt.clone());
            }
        }
        verdict = verdict.measured(measured.join(", "), wanted.join(", "));
        if !broken.is_empty() {
            return verdict.fail(broken.join("; "), NEXT);
        }
        open.dedup();
        if open.is_empty() {
            verdict.pass()
        } else {
            verdict
                .inconclusive(open.join("; "))
                .wants_more(Phase::Fault)
        }
    }

    /// Calls that did not end may have retries before them, so that nothing but a failure is known.
    fn without_ended_calls(&self, bounds: &Bounds, verdict: Verdict, edge: &str) -> Verdict {
        let verdict = verdict.measured(
            format!("{:.2}× under load", self.on_average),
            bounds
                .under_load
                .map_or_else(|| "-".to_owned(), |bound| format!("≤ {bound}× under load")),
        );
        if bounds
            .under_load
            .is_some_and(|bound| self.on_average - self.unsure > bound)
        {
            let reason = format!(
                "{edge} gets {:.1} times the traffic that the calls need",
                self.on_average
            );
            return verdict.fail(reason, NEXT);
        }
        verdict
            .inconclusive("no call that needs the edge ended in the fault phase")
            .wants_more(Phase::Fault)
    }
}

const NEXT: &str = "limit retries to one with backoff and jitter, and give them a budget (20% of the calls) and a breaker";

#[cfg(test)]
mod tests;
