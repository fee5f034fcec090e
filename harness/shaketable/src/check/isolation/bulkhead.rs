//! `bulkhead`: calls that do not need the faulted edge do not feel it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::Percent;

use crate::check::normal::Normal;
use crate::check::stats::{self, Says};
use crate::check::view::{View, time};
use crate::check::{Check, Known, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase, PhaseMark, Recording};

/// The parameters of `bulkhead`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulkhead {
    /// Only calls of this request; every kind that needs no faulted edge when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
    /// The least share of the baseline's goodput.
    #[serde(default = "goodput")]
    pub goodput: Percent,
}

fn goodput() -> Percent {
    Percent(0.95)
}

impl Known for Bulkhead {
    const NAME: &'static str = "bulkhead";
    const HOLDS_WHEN: &'static str =
        "calls that do not need the faulted edge keep their goodput, and answer within 1.5 × the baseline's p99 + 20 ms";
    const EXAMPLE: &'static str = "bulkhead: { goodput: 95% }";
}

const CLAIM: &str = "calls that do not need the faulted edge do not feel it";

impl Check for Bulkhead {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let faulted = view.faulted_edges();
        let Some(mark) = view.phase(Phase::Fault) else {
            return vec![Verdict::about(Self::NAME, "-", CLAIM).inconclusive("the fault phase was not reached")];
        };
        let independent: Vec<u16> = (0_u16..)
            .zip(&recording.classes)
            .filter(|(_, class)| self.request.as_ref().is_none_or(|request| request.0 == class.name))
            .filter(|(class, _)| !faulted.iter().any(|edge| view.class_needs(*class, *edge)))
            .map(|(class, _)| class)
            .collect();
        if independent.is_empty() {
            let about = self.request.as_ref().map_or_else(|| "-".to_owned(), RequestName::to_string);
            let why = "every request of the load needs the faulted edge: add one that does not";
            return vec![Verdict::about(Self::NAME, about, CLAIM).inconclusive(why)];
        }
        independent.into_iter().map(|class| self.judge_class(&view, class, mark)).collect()
    }
}

impl Bulkhead {
    fn judge_class(&self, view: &View<'_>, class: u16, mark: PhaseMark) -> Verdict {
        let name = view.class_name(class);
        let calls: Vec<&Call> = view.calls(mark).filter(|call| call.class == class).collect();
        let verdict = Verdict::about(Self::NAME, name, CLAIM).exercised(calls.len(), "calls");
        let Some(normal) = Normal::of(view, |call| call.class == class) else {
            return verdict.inconclusive(format!("the baseline has too few calls of {name}")).wants_more(Phase::Baseline);
        };
        if normal.goodput < 0.5 {
            return verdict.inconclusive(format!("{name} did not even work in the baseline"));
        }
        let bound = self.goodput.0 * normal.goodput;
        let good = calls.iter().filter(|call| normal.keeps(view, call)).count();
        let good_by_itself = calls.iter().filter(|call| normal.keeps_by_itself(view, call)).count();
        let slowest = calls.iter().map(|call| view.latency(call)).max().unwrap_or_default();
        let share = good as f64 / calls.len().max(1) as f64;
        let verdict = verdict
            .measured(format!("{:.1}% on time", share * 100.0), format!("≥ {:.1}%", bound * 100.0))
            .evidence(format!(
                "{good} of {} answered well within {}; in the baseline {:.1}% of {}",
                calls.len(),
                time(normal.on_time),
                normal.goodput * 100.0,
                normal.calls
            ))
            .evidence(format!("the slowest took {}", time(slowest)));
        let (as_seen, by_itself) =
            (stats::at_least(good, calls.len(), bound), stats::at_least(good_by_itself, calls.len(), bound));
        match (as_seen, by_itself) {
            (Says::Holds, _) => verdict.pass(),
            (_, Says::Breaks) => {
                let faulted = view.faulted_edges();
                let edges: Vec<String> = faulted.iter().map(|edge| view.recording.edges[*edge].to_string()).collect();
                verdict.fail(
                    format!("{name} is blocked although it does not need {}: {:.1}% fail or are late", edges.join(", "), (1.0 - share) * 100.0),
                    "find what these calls share with those that wait: a connection pool, worker threads, a lock; give each dependency its own",
                )
            }
            (Says::Breaks, _) => verdict.inconclusive("calls were late, but the machine stalled meanwhile").wants_more(Phase::Fault),
            (Says::Open, _) => verdict
                .inconclusive(format!("{good} of {} calls do not decide {:.1}%", calls.len(), bound * 100.0))
                .wants_more(Phase::Fault),
        }
    }
}
