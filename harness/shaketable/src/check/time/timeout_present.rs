//! `timeout_present`: a caller gives up on a hung dependency by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::fault::Hang;
use shaketable_faults::units::HumanDuration;

use crate::check::view::{View, gave_up, nanos, time};
use crate::check::{Check, Known, Verdict};
use crate::names::EdgeName;
use crate::record::{Call, Nanos, Outcome, Phase, Recording};

/// The parameters of `timeout_present`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeoutPresent {
    /// The edge; every hung edge of the experiment when left out.
    #[serde(default)]
    pub edge: Option<EdgeName>,
    /// The latest moment at which the caller closes, from the start of the exchange.
    #[serde(default = "within")]
    pub within: HumanDuration,
}

/// Longer than any caller should wait for one answer (our proposal).
fn within() -> HumanDuration {
    HumanDuration(Duration::from_secs(5))
}

impl Known for TimeoutPresent {
    const NAME: &'static str = "timeout_present";
    const HOLDS_WHEN: &'static str = "the caller gives up on a hung edge by itself, within the bound";
    const EXAMPLE: &'static str = "timeout_present: { within: 5s }";
}

impl Check for TimeoutPresent {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let hung = |edge: &usize| view.faults_on(*edge).any(|fault| fault.hang.is_some());
        let edges: Vec<usize> = match &self.edge {
            Some(edge) => view.edge(edge).into_iter().collect(),
            None => view.faulted_edges().into_iter().filter(hung).collect(),
        };
        if edges.is_empty() {
            let about = self.edge.as_ref().map_or_else(|| "-".to_owned(), EdgeName::to_string);
            let verdict = Verdict::about(Self::NAME, about, CLAIM).measured("-", self.bound());
            return vec![verdict.inconclusive("this experiment hangs no edge: add the fault `hang: true`")];
        }
        edges.into_iter().map(|edge| self.judge_edge(&view, edge)).collect()
    }
}

const CLAIM: &str = "the caller gives up on a hung call by itself";

/// When our own client gave a call up. What a caller drops because its client left is not
/// dropped by itself.
struct ClientsLeft(Vec<Nanos>);

impl ClientsLeft {
    fn of(recording: &Recording) -> Self {
        let left = |call: &Call| call.end.filter(|_| call.outcome == Outcome::TimedOut);
        let mut moments: Vec<Nanos> = recording.calls.iter().filter_map(left).collect();
        moments.sort_unstable();
        Self(moments)
    }

    /// Whether a client left in the 100 ms before this moment.
    fn just_before(&self, moment: Nanos) -> bool {
        let next = self.0.partition_point(|left| *left + 100_000_000 < moment);
        self.0.get(next).is_some_and(|left| *left <= moment + 5_000_000)
    }
}

impl TimeoutPresent {
    fn bound(&self) -> String {
        format!("≤ {}", self.within)
    }

    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let recording = view.recording;
        let name = &recording.edges[edge];
        let within = nanos(self.within.0);
        let hanging: BTreeSet<u16> = view.faults_on(edge).filter(|f| f.hang.is_some()).map(|f| f.number).collect();
        let exchanges = recording.seen.get(edge).into_iter().flat_map(|seen| &seen.exchanges);
        let hung: Vec<_> = exchanges.filter(|e| e.fault.is_some_and(|fault| hanging.contains(&fault))).collect();

        let clients_left = ClientsLeft::of(recording);
        // How long each caller waited: until it gave up, or at least until we looked away.
        let mut gave_up_after: Vec<Nanos> = Vec::new();
        let mut still_waiting: Vec<Nanos> = Vec::new();
        let mut too_late = 0;
        for exchange in &hung {
            let end = exchange.end.unwrap_or(recording.end);
            let waited = end - exchange.start;
            if gave_up(exchange) && !clients_left.just_before(end) {
                gave_up_after.push(waited);
                // What the machine itself stalled is not the caller's patience.
                too_late += usize::from(waited - waited.min(view.stalled(exchange.start, end)) > within);
            } else {
                still_waiting.push(waited);
            }
        }
        gave_up_after.sort_unstable();
        let longest_wait = still_waiting.iter().copied().max().unwrap_or_default();
        let never = still_waiting.iter().filter(|waited| **waited > within).count();
        let latest = gave_up_after.last().copied().unwrap_or_default();

        let tried: Vec<&str> = view.faults_on(edge).filter_map(|f| f.hang.as_deref()).collect();
        let untried: Vec<&str> = Hang::ALL.iter().map(|hang| hang.name()).filter(|hang| !tried.contains(hang)).collect();
        let mut verdict = Verdict::about(Self::NAME, name.to_string(), CLAIM)
            .exercised(hung.len(), "hung exchanges")
            .evidence(format!("tried: {}", tried.join(", ")));
        if !untried.is_empty() {
            verdict = verdict.evidence(format!("not tried: {}", untried.join(", ")));
        }
        if !gave_up_after.is_empty() {
            let fastest = gave_up_after[0];
            verdict = verdict.evidence(format!(
                "{} gave up {} to {} after the exchange began",
                name.caller,
                time(fastest),
                time(latest)
            ));
        }

        let next = format!("give {}'s client for {} a timeout per attempt, well below its own callers'", name.caller, name.callee);
        if hung.is_empty() {
            verdict.measured("-", self.bound()).inconclusive(format!("no exchange on {name} met the hang"))
        } else if never > 0 {
            let kept = format!("{} kept {never} exchanges open for up to {}", name.caller, time(longest_wait));
            verdict
                .measured(format!("none within {}", time(longest_wait)), self.bound())
                .fail(format!("no timeout on {name}: {kept} and never gave up"), next)
        } else if too_late > 0 {
            verdict
                .measured(time(latest), self.bound())
                .fail(format!("{} gives up on {}, but only after {}", name.caller, name.callee, time(latest)), next)
        } else if gave_up_after.is_empty() {
            verdict
                .measured(format!("none within {}", time(longest_wait)), self.bound())
                .inconclusive(format!("the hang lasted {}, the bound is {}: hang for longer", time(longest_wait), self.within))
                .wants_more(Phase::Fault)
        } else if latest > within {
            verdict
                .measured(time(latest), self.bound())
                .inconclusive(format!("the latest give-up came after {}, while this machine stalled", time(latest)))
        } else {
            verdict.measured(time(latest), self.bound()).pass()
        }
    }
}
