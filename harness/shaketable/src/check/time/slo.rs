//! `slo`: the percentiles and the success rate of a phase keep their bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::{HumanDuration, Percent};

use crate::check::latency::{Judged, Percentile};
use crate::check::stats::{self, Says};
use crate::check::view::{View, time};
use crate::check::{Check, Known, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase, Recording};

/// The parameters of `slo`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// The phase that is judged.
    #[serde(default = "phase")]
    pub phase: Phase,
    /// Only calls of this request; all when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
    /// The bound on the median.
    #[serde(default)]
    pub p50: Option<HumanDuration>,
    /// The bound on the 95th percentile.
    #[serde(default)]
    pub p95: Option<HumanDuration>,
    /// The bound on the 99th percentile.
    #[serde(default)]
    pub p99: Option<HumanDuration>,
    /// The bound on the slowest call.
    #[serde(default)]
    pub max: Option<HumanDuration>,
    /// The least share of calls that succeed.
    #[serde(default)]
    pub success: Option<Percent>,
}

fn phase() -> Phase {
    Phase::Baseline
}

impl Known for Slo {
    const NAME: &'static str = "slo";
    const HOLDS_WHEN: &'static str = "the percentiles of a phase keep their bounds, and enough calls succeed";
    const EXAMPLE: &'static str = "slo: { phase: fault, p95: 200ms, success: 99% }";

    fn validate(&self) -> Result<(), String> {
        let says_something = self.percentiles().next().is_some() || self.max.is_some() || self.success.is_some();
        if says_something { Ok(()) } else { Err("give at least one of p50, p95, p99, max, success".to_owned()) }
    }
}

impl Slo {
    fn percentiles(&self) -> impl Iterator<Item = Percentile> {
        [(0.5, self.p50, "p50"), (0.95, self.p95, "p95"), (0.99, self.p99, "p99")]
            .into_iter()
            .filter_map(|(q, bound, name)| bound.map(|bound| Percentile { q, bound, name }))
    }
}

impl Check for Slo {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let wanted = |call: &&Call| self.request.as_ref().is_none_or(|name| name.0 == view.class_name(call.class));
        let calls: Vec<&Call> =
            view.phase(self.phase).into_iter().flat_map(|mark| view.calls(mark)).filter(wanted).collect();
        let whose = self.request.as_ref().map_or_else(|| "all calls".to_owned(), RequestName::to_string);
        let claim = |what: &str| format!("{what} in the {} phase keeps its bound", self.phase.name());
        let about = |what: &str| Verdict::about(Self::NAME, whose.clone(), claim(what)).exercised(calls.len(), "calls");
        let next = "compare the latency of each edge in this phase with the baseline";

        let mut verdicts = Vec::new();
        for percentile in self.percentiles() {
            let (judged, verdict) = percentile.judge(&view, &calls, about(percentile.name));
            verdicts.push(match judged {
                Judged::Holds => verdict.pass(),
                Judged::Breaks(worst) => verdict.fail(format!("{worst} in the {} phase", self.phase.name()), next),
                Judged::Unknown(why) => verdict.inconclusive(why).wants_more(self.phase),
            });
        }
        if let Some(max) = self.max {
            let bound = super::super::view::nanos(max.0);
            let slowest = calls.iter().map(|call| view.latency(call)).max();
            let verdict = about("the slowest call")
                .measured(slowest.map_or_else(|| "-".to_owned(), time), format!("max ≤ {max}"));
            let really_over = calls.iter().filter(|call| view.own_latency(call) > bound).count();
            verdicts.push(match slowest {
                None => verdict.inconclusive("there were no calls to judge"),
                Some(slowest) if slowest <= bound => verdict.pass(),
                Some(_) if really_over > 0 => verdict.fail(format!("{really_over} calls took longer than {max}"), next),
                Some(_) => verdict.inconclusive("calls were over the bound, but the machine stalled meanwhile"),
            });
        }
        if let Some(success) = self.success {
            let good = calls.iter().filter(|call| call.is_good()).count();
            let share = Percent((good as f64 / calls.len().max(1) as f64 * 1e4).round() / 1e4);
            let verdict = about("the share of successes").measured(share.to_string(), format!("≥ {success}"));
            verdicts.push(match stats::at_least(good, calls.len(), success.0) {
                _ if calls.is_empty() => verdict.inconclusive("there were no calls to judge"),
                Says::Holds => verdict.pass(),
                Says::Breaks => verdict.fail(
                    format!("{} of {} calls failed in the {} phase", calls.len() - good, calls.len(), self.phase.name()),
                    "look at the statuses of the failed calls and at the edges that failed with them",
                ),
                Says::Open => verdict
                    .inconclusive(format!("{good} of {} successes do not decide {success}", calls.len()))
                    .wants_more(self.phase),
            });
        }
        verdicts
    }
}
