//! `retry_amplification`: failures are not multiplied by retries.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::view::View;
use crate::check::{Check, Known, Verdict};
use crate::names::EdgeName;
use crate::record::{Call, Exchange, Phase, PhaseMark, Recording};

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
    const HOLDS_WHEN: &'static str =
        "a failing edge gets at most so many exchanges for each one that the calls needed in the baseline";
    const EXAMPLE: &'static str = "retry_amplification: { edge: order -> inventory, at_most: 2 }";

    fn validate(&self) -> Result<(), String> {
        match (self.at_most, self.per_call) {
            (Some(_), Some(_)) => Err("`at_most` and `per_call` mean the same: give one of them".to_owned()),
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
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let edges = match &self.edge {
            Some(edge) => view.edge(edge).into_iter().collect(),
            None => view.faulted_edges(),
        };
        if edges.is_empty() {
            let verdict = Verdict::about(Self::NAME, "-", CLAIM);
            return vec![verdict.inconclusive("this experiment has no faulted edge to count attempts on")];
        }
        edges.into_iter().map(|edge| self.judge_edge(&view, edge)).collect()
    }
}

const CLAIM: &str = "a failing dependency is not flooded with retries";

impl RetryAmplification {
    fn bounds(&self) -> Bounds {
        let per_call = self.at_most.or(self.per_call);
        match (per_call, self.under_load) {
            (None, None) => Bounds { per_call: Some(3.0), under_load: Some(1.2) },
            (per_call, under_load) => Bounds { per_call, under_load },
        }
    }

    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = view.recording.edges[edge].to_string();
        let bounds = self.bounds();
        let verdict = Verdict::about(Self::NAME, name.clone(), CLAIM);
        let (Some(baseline), Some(fault)) = (view.phase(Phase::Baseline), view.phase(Phase::Fault)) else {
            return verdict.inconclusive("the fault phase was not reached");
        };
        let Some(per_call_normally) = exchanges_per_call(view, edge, baseline) else {
            return verdict.inconclusive(format!("no call reached {name} in the baseline, so attempts cannot be told from calls"));
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
        let found = Found {
            one_call: one_call(view, edge, fault, per_call_normally),
            on_average: exchanges.len() as f64 / (calls as f64 * per_call_normally),
            // Calls cut by the phase's ends have some of their attempts outside it.
            unsure: crossing(view, edge, fault) as f64 / calls as f64,
        };
        found.against(&bounds, verdict, &name)
    }
}

/// What was measured on an edge.
struct Found {
    /// Attempts for one call, and how that is known.
    one_call: Option<(f64, &'static str)>,
    /// Exchanges for each one that the calls needed normally.
    on_average: f64,
    /// How far the phase's borders may have shifted the average.
    unsure: f64,
}

impl Found {
    fn against(&self, bounds: &Bounds, verdict: Verdict, edge: &str) -> Verdict {
        let mut measured = Vec::new();
        let mut wanted = Vec::new();
        let (mut broken, mut open) = (Vec::new(), Vec::new());
        let mut verdict = verdict;
        if let Some(bound) = bounds.per_call {
            wanted.push(format!("≤ {bound} a call"));
            if let Some((attempts, how)) = self.one_call {
                measured.push(format!("{attempts:.1} a call"));
                verdict = verdict.evidence(format!("attempts for one call: {attempts:.2} ({how})"));
                if attempts > bound + 1e-9 {
                    broken.push(format!("one call makes {attempts:.1} attempts on {edge}"));
                }
            } else {
                open.push("no call that needs the edge ended in the fault phase".to_owned());
            }
        }
        if let Some(bound) = bounds.under_load {
            wanted.push(format!("≤ {bound}× under load"));
            measured.push(format!("{:.2}× under load", self.on_average));
            if self.on_average - self.unsure > bound {
                broken.push(format!("{edge} gets {:.1} times the traffic that the calls need", self.on_average));
            } else if self.on_average + self.unsure.min(0.1) > bound {
                open.push(format!("{:.2}× ± {:.2} lies on both sides of the bound", self.on_average, self.unsure));
            }
        }
        verdict = verdict.measured(measured.join(", "), wanted.join(", "));
        if !broken.is_empty() {
            return verdict.fail(
                broken.join("; "),
                "limit retries to one with backoff and jitter, and give them a budget (20% of the calls) and a breaker",
            );
        }
        if open.is_empty() { verdict.pass() } else { verdict.inconclusive(open.join("; ")).wants_more(Phase::Fault) }
    }
}

fn calls_needing<'a>(view: &View<'a>, edge: usize, mark: PhaseMark) -> impl Iterator<Item = &'a Call> {
    view.calls(mark).filter(move |call| view.class_needs(call.class, edge))
}

/// How many exchanges one call of those that need the edge makes when all is well.
fn exchanges_per_call(view: &View<'_>, edge: usize, baseline: PhaseMark) -> Option<f64> {
    let calls = calls_needing(view, edge, baseline).count();
    let exchanges = view.exchanges(edge, baseline).count();
    (calls > 0 && exchanges > 0).then(|| exchanges as f64 / calls as f64)
}

/// Attempts for one call: the most for any call where the target passes our trace id on, else the
/// ratio over the calls and exchanges that began and ended in the phase.
fn one_call(view: &View<'_>, edge: usize, fault: PhaseMark, normally: f64) -> Option<(f64, &'static str)> {
    let mut by_call: HashMap<usize, usize> = HashMap::new();
    let mut ended = 0;
    let mut unknown = 0;
    for exchange in view.exchanges(edge, fault) {
        match view.call_of(exchange) {
            Some(call) => *by_call.entry(call).or_default() += 1,
            None => unknown += 1,
        }
        ended += usize::from(exchange.end.is_some_and(|end| end < fault.until));
    }
    let known: usize = by_call.values().sum();
    if known > 0 && unknown * 20 <= known {
        let most = by_call.values().copied().max().unwrap_or_default();
        return Some((most as f64 / normally, "the most for any call, by its trace id"));
    }
    let calls = calls_needing(view, edge, fault).filter(|call| call.end.is_some_and(|end| end < fault.until)).count();
    (calls > 0).then(|| (ended as f64 / calls as f64 / normally, "the ratio over the phase; the caller passes no trace id on"))
}

/// Calls and exchanges that were under way at the beginning or end of the phase.
fn crossing(view: &View<'_>, edge: usize, fault: PhaseMark) -> usize {
    let crosses = |moment: u64| {
        move |exchange: &&Exchange| exchange.start < moment && exchange.end.is_none_or(|end| end >= moment)
    };
    let all = || view.recording.seen.get(edge).into_iter().flat_map(|seen| &seen.exchanges);
    all().filter(crosses(fault.from)).count() + all().filter(crosses(fault.until)).count()
}
