//! `fast_failure`: calls end fast while a dependency misbehaves, well or badly.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::units::HumanDuration;

use crate::check::latency::{Judged, Percentile};
use crate::check::view::View;
use crate::check::{Check, Known, Verdict};
use crate::names::RequestName;
use crate::record::{Call, Phase, Recording};

/// The parameters of `fast_failure`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FastFailure {
    /// The bound on the 99th percentile, from the intended send time.
    #[serde(default = "p99")]
    pub p99: HumanDuration,
    /// Only calls of this request; all when left out.
    #[serde(default)]
    pub request: Option<RequestName>,
}

/// What a refused dependency allows (our proposal).
fn p99() -> HumanDuration {
    HumanDuration(Duration::from_secs(1))
}

impl Known for FastFailure {
    const NAME: &'static str = "fast_failure";
    const HOLDS_WHEN: &'static str =
        "the 99th percentile of the calls in the fault phase lies within the bound, successes and failures alike";
    const EXAMPLE: &'static str = "fast_failure: { p99: 500ms }";
}

const CLAIM: &str = "calls end fast while the fault lasts, well or badly";

impl Check for FastFailure {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let faulted = view.faulted_edges();
        let wanted = |call: &&Call| self.request.as_ref().is_none_or(|name| name.0 == view.class_name(call.class));
        let all: Vec<&Call> =
            view.phase(Phase::Fault).into_iter().flat_map(|mark| view.calls(mark)).filter(wanted).collect();
        // Calls that never touch the faulted edge would only dilute those that do.
        let touched: Vec<&Call> = all.iter().copied().filter(|call| view.needs_any(call, &faulted)).collect();
        let (calls, whose) = if touched.is_empty() { (all, "calls") } else { (touched, "calls that need the edge") };

        let about = self.request.as_ref().map_or_else(|| "all calls".to_owned(), RequestName::to_string);
        let percentile = Percentile { q: 0.99, bound: self.p99, name: "p99" };
        let mut verdict = Verdict::about(Self::NAME, about, CLAIM).exercised(calls.len(), whose);
        let answered = calls.iter().filter(|call| call.is_good()).count();
        verdict = verdict.evidence(format!("{answered} of {} {whose} succeeded", calls.len()));
        if !recording.faults.iter().any(|fault| fault.hang.is_some() || fault.delay.is_some()) {
            verdict = verdict.evidence("no hang or delay was among the faults: it stands for what was tried");
        }
        let (judged, verdict) = percentile.judge(&view, &calls, verdict);
        vec![match judged {
            Judged::Holds => verdict.pass(),
            Judged::Breaks(worst) => verdict.fail(
                format!("{whose} took {worst} while the fault lasted"),
                "look for a missing timeout, retries that wait for each other, or a queue in front of a full pool",
            ),
            Judged::Unknown(why) => verdict.inconclusive(why).wants_more(Phase::Fault),
        }]
    }
}
