//! `timeout_present`: a caller gives up on a hung dependency by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shaketable_faults::fault::Hang;
use shaketable_faults::units::HumanDuration;

use crate::check::recipe::{Alone, Kinds, Recipe, about, hangs};
use crate::check::view::{View, gave_up, nanos, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{Call, EdgeFacts, Exchange, Nanos, Outcome, Phase, Recording};

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
    const HOLDS_WHEN: &'static str =
        "the caller gives up on a hung edge by itself, within the bound";
    const EXAMPLE: &'static str = "timeout_present: { within: 5s }";
    const PAGE: Page = Page {
        measures: "The time from the start of a hung exchange until its caller closes it, of its own accord: not because its own caller left, or because a process died. Every such time keeps the bound, and no exchange is open for longer, however it ends.",
        recipe: "One call that needs the edge for each way of hanging: the connection is never accepted, it is accepted and then silent, headers come and no body, the body drips for ever.",
        defaults: "`within: 5s` is our proposal: longer than anybody should wait for one answer.",
        inconclusive: "No exchange met the hang; the hang was shorter than the bound; some exchanges waited far longer than those that were given up.",
    };
    const TIMED: bool = false;
}

/// It fails on any exchange that was open for longer than the bound, however it ended. It passes when
/// callers gave up by themselves in time, and nobody else waited much longer (half as long again as
/// the latest give-up) without having done so.
impl Check for TimeoutPresent {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let hung = |edge: &usize| view.faults_on(*edge).any(|fault| fault.hang.is_some());
        let edges: Vec<usize> = match &self.edge {
            Some(edge) => view.edge(edge).into_iter().collect(),
            None => view.faulted_edges().into_iter().filter(hung).collect(),
        };
        if edges.is_empty() {
            let about = self
                .edge
                .as_ref()
                .map_or_else(|| "-".to_owned(), EdgeName::to_string);
            let verdict = Verdict::about(Self::NAME, about, CLAIM).measured("-", self.bound());
            return vec![
                verdict.inconclusive("this experiment hangs no edge: add the fault `hang: true`"),
            ];
        }
        edges
            .into_iter()
            .map(|edge| self.judge_edge(view, edge))
            .collect()
    }

    /// Each way of hanging, on calls made one at a time; whose client waits a fifth longer than the
    /// bound, by when a caller without a timeout is found out.
    fn recipes(&self, edges: &[EdgeFacts]) -> Vec<Recipe> {
        let alone = Alone::calls(1, Kinds::One).patience(self.within.0 * 6 / 5);
        let hangs = |edge: &EdgeFacts| {
            let edge = edge.name.clone();
            hangs().map(move |(_, faults)| Recipe::alone(&edge, faults, alone))
        };
        about(self.edge.as_ref(), edges).flat_map(hangs).collect()
    }
}

const CLAIM: &str = "the caller gives up on a hung call by itself";
/// Room for noise when waits are compared.
const NOISE: Nanos = 20_000_000;

/// Somebody upstream who went away: our own client, whoever called the caller, or a process that
/// died. What a caller drops because of that is not dropped by itself.
struct Left {
    /// When.
    at: Nanos,
    /// Since when it had been waiting.
    since: Nanos,
    /// The call that it was about, where that is known.
    call: Option<usize>,
}

/// All who left above one edge.
struct Leavers(Vec<Left>);

impl Leavers {
    fn above(view: &View<'_>, edge: usize) -> Self {
        let recording = view.recording;
        let left = |(index, call): (usize, &Call)| {
            let at = call.end.filter(|_| call.outcome == Outcome::TimedOut)?;
            Some(Left {
                at,
                since: call.sent,
                call: Some(index),
            })
        };
        let clients = recording.calls.iter().enumerate().filter_map(left);
        let caller = &recording.edges[edge].caller;
        let into_it = recording
            .edges
            .iter()
            .zip(&recording.seen)
            .filter(|(edge, _)| edge.callee == *caller);
        let callers = into_it
            .flat_map(|(_, seen)| &seen.exchanges)
            .filter(|exchange| gave_up(exchange))
            .filter_map(|exchange| {
                Some(Left {
                    at: exchange.end?,
                    since: exchange.start,
                    call: view.call_of(exchange),
                })
            });
        let mut all: Vec<Left> = clients.chain(callers).collect();
        all.sort_unstable_by_key(|left| left.at);
        Self(all)
    }

    /// Whether one of them made the caller drop an exchange: it left in the 100 ms before, had
    /// been waiting since before the exchange began, and is not known to be another call's.
    fn made_it_end(&self, exchange: &Exchange, end: Nanos, call: Option<usize>) -> bool {
        let from = self
            .0
            .partition_point(|left| left.at.saturating_add(100_000_000) < end);
        let fits = |left: &Left| {
            left.since <= exchange.start
                && (left.call.is_none() || call.is_none() || left.call == call)
        };
        self.0[from..]
            .iter()
            .take_while(|left| left.at <= end.saturating_add(5_000_000))
            .any(fits)
    }
}

/// Whether a target was dying at this moment; its end is noticed only a little later.
fn somebody_died(recording: &Recording, moment: Nanos) -> bool {
    recording
        .deaths
        .iter()
        .any(|death| death.at <= moment.saturating_add(1_000_000_000))
}

/// How long the caller of an edge waited in the hung exchanges: until it gave up, or at least until
/// we looked away.
#[derive(Default)]
struct Patience {
    /// Sorted.
    gave_up_after: Vec<Nanos>,
    longest_wait: Nanos,
    /// Give-ups beyond the bound.
    too_late: usize,
    /// Exchanges that were open beyond the bound.
    never: usize,
    hung: usize,
}

impl Patience {
    fn of(view: &View<'_>, edge: usize, within: Nanos) -> Self {
        let recording = view.recording;
        let hanging: BTreeSet<u32> = view
            .faults_on(edge)
            .filter(|f| f.hang.is_some())
            .map(|f| f.number)
            .collect();
        let exchanges = recording
            .seen
            .get(edge)
            .into_iter()
            .flat_map(|seen| &seen.exchanges);
        let leavers = Leavers::above(view, edge);
        let mut patience = Self::default();
        for exchange in exchanges.filter(|e| e.fault.is_some_and(|fault| hanging.contains(&fault)))
        {
            patience.hung += 1;
            let end = exchange.end.unwrap_or(recording.end);
            let waited = end.saturating_sub(exchange.start);
            // What the machine itself stalled is not the caller's patience.
            let beyond = waited.saturating_sub(view.stalled(exchange.start, end)) > within;
            let by_itself = gave_up(exchange)
                && !leavers.made_it_end(exchange, end, view.call_of(exchange))
                && !somebody_died(recording, end);
            if by_itself {
                patience.gave_up_after.push(waited);
                patience.too_late += usize::from(beyond);
            } else {
                patience.longest_wait = patience.longest_wait.max(waited);
                patience.never += usize::from(beyond);
            }
        }
        patience.gave_up_after.sort_unstable();
        patience
    }

    /// The latest give-up; 0 if there was none.
    fn latest(&self) -> Nanos {
        self.gave_up_after.last().copied().unwrap_or_default()
    }

    /// Some exchanges waited far longer than those that were given up: they may come by another
    /// way, one that has no timeout.
    fn is_mixed(&self) -> bool {
        let latest = self.latest();
        self.longest_wait > latest.saturating_add(latest / 2).saturating_add(NOISE)
    }
}

impl TimeoutPresent {
    fn bound(&self) -> String {
        format!("≤ {}", self.within)
    }

    fn judge_edge(&self, view: &View<'_>, edge: usize) -> Verdict {
        let name = &view.recording.edges[edge];
        let patience = Patience::of(view, edge, nanos(self.within.0));
        let tried: Vec<&str> = view
            .faults_on(edge)
            .filter_map(|f| f.hang.as_deref())
            .collect();
        let untried: Vec<&str> = Hang::ALL
            .iter()
            .map(|hang| hang.name())
            .filter(|hang| !tried.contains(hang))
            .collect();
        let mut verdict = Verdict::about(Self::NAME, name.to_string(), CLAIM)
            .exercised(patience.hung, "hung exchanges")
            .evidence(format!("tried: {}", tried.join(", ")));
        if !untried.is_empty() {
            verdict = verdict.evidence(format!("not tried: {}", untried.join(", ")));
        }
        if let [fastest, ..] = patience.gave_up_after[..] {
            verdict = verdict.evidence(format!(
                "{} gave up {} to {} after the exchange began",
                name.caller,
                time(fastest),
                time(patience.latest())
            ));
        }
        self.decide(&patience, name, verdict)
    }

    fn decide(&self, patience: &Patience, name: &EdgeName, verdict: Verdict) -> Verdict {
        let (caller, callee) = (&name.caller, &name.callee);
        let (latest, longest) = (time(patience.latest()), time(patience.longest_wait));
        let next = format!(
            "give {caller}'s client for {callee} a timeout per attempt, well below its own callers'"
        );
        let measured = |text: String| verdict.measured(text, self.bound());
        if patience.hung == 0 {
            measured("-".to_owned()).inconclusive(format!("no exchange on {name} met the hang"))
        } else if patience.never > 0 {
            let never = patience.never;
            measured(format!("none within {longest}")).fail(
                format!("no timeout on {name}: {caller} kept {never} exchanges open for up to {longest} and never gave up"),
                next,
            )
        } else if patience.too_late > 0 {
            measured(latest.clone()).fail(
                format!("{caller} gives up on {callee}, but only after {latest}"),
                next,
            )
        } else if patience.gave_up_after.is_empty() {
            measured(format!("none within {longest}"))
                .inconclusive(format!(
                    "the hang lasted {longest}, the bound is {}: hang for longer",
                    self.within
                ))
                .wants_more(Phase::Fault)
        } else if patience.is_mixed() {
            measured(format!("{latest}, but some none within {longest}"))
                .inconclusive(format!(
                    "some exchanges waited {longest} without an end, far longer than the latest give-up: hang for longer than the bound"
                ))
                .wants_more(Phase::Fault)
        } else if patience.latest() > nanos(self.within.0) {
            measured(latest.clone()).inconclusive(format!(
                "the latest give-up came after {latest}, while this machine stalled"
            ))
        } else {
            measured(latest).pass()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{FAULT, HandMade, MS, NEVER, S, bad, timed_out};
    use crate::record::Ended;

    fn check() -> TimeoutPresent {
        TimeoutPresent {
            edge: None,
            within: HumanDuration(Duration::from_secs(2)),
        }
    }

    /// `order -> inventory` hangs; an exchange each 100 ms that its caller closes after so long.
    fn gives_up_after(length: Nanos) -> HandMade {
        HandMade::order()
            .hang(0)
            .exchanges(
                0,
                FAULT.start..FAULT.end - 3 * S,
                100 * MS,
                length,
                Ended::Caller,
            )
            .all_hit(0, &FAULT, 0)
    }

    /// One more hung exchange.
    fn and_one(made: HandMade, start: Nanos, end: Nanos, ended: Ended) -> HandMade {
        made.exchange(0, start, Some(end), ended).hit(0, 0)
    }

    #[test]
    fn a_caller_that_gives_up_in_time_passes_up_to_the_bound_itself() {
        gives_up_after(S).judged_by(&check()).passes();
        gives_up_after(2 * S).judged_by(&check()).passes();
        gives_up_after(2 * S + 1)
            .judged_by(&check())
            .fails("only after");
    }

    #[test]
    fn a_caller_that_waits_until_the_fault_is_lifted_fails() {
        let made = HandMade::order().hang(0);
        let verdict = and_one(made, 21 * S, FAULT.end, Ended::Fault).judged_by(&check());
        verdict.fails("no timeout on order -> inventory");
        assert_eq!(verdict.exercised, 1);
    }

    #[test]
    fn a_caller_that_still_waits_when_the_recording_ends_fails() {
        let made = HandMade::order()
            .hang(0)
            .exchange(0, 21 * S, None, Ended::Open)
            .hit(0, 0);
        made.until(25 * S)
            .judged_by(&check())
            .fails("kept 1 exchanges open for up to 4s");
    }

    #[test]
    fn a_hang_shorter_than_the_bound_says_nothing() {
        let made = and_one(
            HandMade::order().hang(0),
            FAULT.end - S,
            FAULT.end,
            Ended::Fault,
        );
        let verdict = made.judged_by(&check());
        verdict.is_open("hang for longer");
        assert_eq!(verdict.wants_more, Some(Phase::Fault));
    }

    #[test]
    fn what_no_hang_met_is_not_judged() {
        HandMade::order()
            .judged_by(&check())
            .is_open("hangs no edge");
        HandMade::order()
            .fault(0)
            .judged_by(&check())
            .is_open("hangs no edge");
        HandMade::order()
            .hang(0)
            .judged_by(&check())
            .is_open("no exchange");
        let unhit = HandMade::order()
            .hang(0)
            .exchanges(0, FAULT, S, S, Ended::Caller);
        unhit.judged_by(&check()).is_open("no exchange");
        let elsewhere = TimeoutPresent {
            edge: Some("a -> b".parse().unwrap()),
            ..check()
        };
        gives_up_after(S)
            .judged_by(&elsewhere)
            .is_open("hangs no edge");
    }

    #[test]
    fn each_hung_edge_has_its_own_verdict() {
        let made = HandMade::new(&["a -> b", "a -> c"]).hang(0).hang(1);
        let made = made
            .exchanges(0, FAULT.start..25 * S, S, S, Ended::Caller)
            .all_hit(0, &FAULT, 0);
        let made = made
            .exchange(1, 21 * S, Some(FAULT.end), Ended::Fault)
            .hit(1, 0);
        let verdicts = made.all_judged_by(&check());
        verdicts[0].passes();
        verdicts[1].fails("no timeout on a -> c");
    }

    #[test]
    fn a_caller_whose_client_left_did_not_give_up_by_itself() {
        let mut made = HandMade::order().hang(0);
        for i in 0..20 {
            let at = FAULT.start + i * 100 * MS;
            made = and_one(
                made.call(0, at, timed_out(S)),
                at + MS,
                at + S + MS,
                Ended::Caller,
            );
        }
        made.judged_by(&check()).is_open("hang for longer");
    }

    #[test]
    fn the_clients_of_other_calls_may_leave_meanwhile() {
        let mut made = HandMade::order().hang(0);
        for i in 0..20 {
            let at = FAULT.start + i * 100 * MS;
            made = and_one(made.call(0, at, bad(S)), at, at + S, Ended::Caller).traced(0);
            // This client left in the very moment, but the exchange was another's.
            made = made.call(1, at - S, timed_out(2 * S));
        }
        made.judged_by(&check()).passes();
    }

    #[test]
    fn a_client_whose_call_came_later_did_not_make_the_caller_give_up() {
        let mut made = HandMade::order().hang(0);
        for i in 0..20 {
            let at = FAULT.start + i * 100 * MS;
            made = and_one(made.call(0, at, bad(S)), at, at + S, Ended::Caller);
            made = made.call(1, at + 800 * MS, timed_out(200 * MS));
        }
        made.judged_by(&check()).passes();
    }

    #[test]
    fn a_caller_whose_own_caller_left_did_not_give_up_by_itself() {
        let mut made = HandMade::new(&["gateway -> order", "order -> inventory"]).hang(1);
        for i in 0..20 {
            let at = FAULT.start + i * 100 * MS;
            made = made
                .exchange(0, at, Some(at + S), Ended::Caller)
                .exchange(1, at + MS, Some(at + S + MS), Ended::Caller)
                .hit(1, 0);
        }
        made.judged_by(&check()).is_open("hang for longer");
    }

    #[test]
    fn a_caller_that_died_did_not_give_up() {
        let made = HandMade::order().hang(0).death("order", 21 * S + 30 * MS);
        let made = and_one(made, 20 * S, 21 * S, Ended::Caller);
        made.until(21 * S + 40 * MS)
            .judged_by(&check())
            .is_open("hang for longer");
    }

    #[test]
    fn one_path_with_a_timeout_does_not_stand_for_one_without() {
        let long = TimeoutPresent {
            edge: None,
            within: HumanDuration(Duration::from_secs(20)),
        };
        gives_up_after(S).judged_by(&long).passes();
        let verdict = and_one(gives_up_after(S), 21 * S, FAULT.end, Ended::Fault).judged_by(&long);
        verdict.is_open("waited");
        assert_eq!(verdict.wants_more, Some(Phase::Fault));
    }

    #[test]
    fn what_began_just_before_the_end_takes_no_pass_away() {
        let made = and_one(gives_up_after(S), FAULT.end - S, FAULT.end, Ended::Fault);
        made.judged_by(&check()).passes();
    }

    #[test]
    fn what_the_machine_stalled_is_not_the_callers_patience() {
        let late = gives_up_after(S);
        let late = and_one(late, 25 * S, 27 * S + 200 * MS, Ended::Caller);
        let stalled = late.clone().hiccup(26 * S, 300 * MS);
        late.judged_by(&check()).fails("only after");
        stalled.judged_by(&check()).is_open("stalled");

        let made = and_one(
            gives_up_after(S),
            FAULT.end - 2 * S - 100 * MS,
            FAULT.end,
            Ended::Fault,
        );
        made.clone().judged_by(&check()).fails("never gave up");
        made.hiccup(FAULT.end - S, 200 * MS)
            .judged_by(&check())
            .is_open("waited");
    }

    #[test]
    fn a_client_that_never_left_changes_nothing() {
        gives_up_after(S)
            .calls(0, FAULT, S, NEVER)
            .judged_by(&check())
            .passes();
    }
}
