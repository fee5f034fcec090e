//! `retry_amplification`: failures are not multiplied by retries.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::stats;
use crate::check::view::{View, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::EdgeName;
use crate::record::{Call, Exchange, Nanos, Phase, PhaseMark};

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
        measures: "Exchanges on the edge in the fault phase ÷ (calls that need it × exchanges that one of them makes in the baseline): for the call with the most attempts, and on average under load.",
        recipe: "The suite's load, while the edge answers 503.",
        defaults: "`per_call: 3` is our proposal; `under_load: 1.2` is a retry budget of 20%, the default of Finagle and Envoy. Stating one switches the other's default off.",
        inconclusive: "No call reached the edge in the baseline; no call that needs it ended in the fault phase; the average lies on both sides of its bound.",
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
            .map(|edge| self.judge_edge(view, edge))
            .collect()
    }
}

const CLAIM: &str = "a failing dependency is not flooded with retries";

impl RetryAmplification {
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
        found.against(&bounds, verdict, &name)
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

/// How many attempts calls make.
struct Attempts {
    /// One call makes so many at least: a failure stands on this.
    least: f64,
    /// One call makes so many at most, as far as can be known: a pass stands on this.
    most: Option<f64>,
    /// Exchanges for each one needed, of the calls that ended in the phase.
    on_average: Option<f64>,
    /// How that is known.
    how: &'static str,
    /// Why it is not known better.
    doubt: String,
}

/// How far phase borders may shift a ratio that lies exactly on a bound.
const RATIO_NOISE: f64 = 0.05;
/// Fewer calls make no ratio.
const CALLS_MIN: usize = 10;

impl Found {
    fn against(&self, bounds: &Bounds, verdict: Verdict, edge: &str) -> Verdict {
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
                open.push(attempts.doubt.clone());
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

fn calls_needing<'a>(
    view: &View<'a>,
    edge: usize,
    mark: PhaseMark,
) -> impl Iterator<Item = &'a Call> {
    view.calls(mark)
        .filter(move |call| view.class_needs(call.class, edge))
}

/// How many exchanges one call of those that need the edge makes when all is well.
fn exchanges_per_call(view: &View<'_>, edge: usize, baseline: PhaseMark) -> Option<f64> {
    let calls = calls_needing(view, edge, baseline).count();
    let exchanges = view.exchanges(edge, baseline).count();
    (calls > 0 && exchanges > 0).then(|| exchanges as f64 / calls as f64)
}

fn ended_in(call: &Call, mark: PhaseMark) -> bool {
    call.end.is_some_and(|end| end < mark.until)
}

/// The exchanges of one class of calls in the baseline, by trace id.
#[derive(Clone, Copy, Default)]
struct Normally {
    calls: usize,
    exchanges: usize,
    most: usize,
    /// All calls of the class, also those that the edge never saw.
    all: usize,
}

/// What the calls of each class need on an edge whose caller passes our trace ids on. What carries
/// no trace of ours there is nobody's attempt: work in the background.
struct Traced(BTreeMap<u16, Normally>);

impl Traced {
    /// `None` unless in the baseline at least half of the calls of every class that needs the edge
    /// can be found on it.
    fn of(view: &View<'_>, edge: usize, baseline: PhaseMark) -> Option<Self> {
        let mut classes: BTreeMap<u16, Normally> = BTreeMap::new();
        for (call, exchanges) in by_call(view, edge, baseline) {
            let class = classes.entry(view.recording.calls[call].class).or_default();
            class.calls += 1;
            class.exchanges += exchanges;
            class.most = class.most.max(exchanges);
        }
        let mut needing: BTreeMap<u16, usize> = BTreeMap::new();
        for call in calls_needing(view, edge, baseline) {
            *needing.entry(call.class).or_default() += 1;
        }
        for call in view.calls(baseline) {
            classes.entry(call.class).and_modify(|class| class.all += 1);
        }
        let found = |(class, calls): (&u16, &usize)| {
            classes
                .get(class)
                .is_some_and(|normally| 2 * normally.calls >= *calls)
        };
        needing.iter().all(found).then_some(Self(classes))
    }

    /// Each call is held against those of its class: against the one that needed most, for a
    /// failure to stand on, and against their mean for a pass.
    fn attempts(&self, view: &View<'_>, edge: usize, fault: PhaseMark) -> Attempts {
        let (mut least, mut most) = (0.0_f64, 0.0_f64);
        let (mut made, mut needed) = (0.0, 0.0);
        let mut uneven = Normally::default();
        for (call, exchanges) in by_call(view, edge, fault) {
            let call = &view.recording.calls[call];
            let Some(normally) = self.0.get(&call.class) else {
                continue;
            };
            let mean = normally.exchanges as f64 / normally.calls as f64;
            least = least.max(exchanges as f64 / normally.most as f64);
            if exchanges as f64 / mean > most {
                (most, uneven) = (exchanges as f64 / mean, *normally);
            }
            if ended_in(call, fault) && !call.serial && call.intended >= fault.from {
                made += exchanges as f64;
            }
        }
        // Calls that were turned away before the edge needed it no less.
        for call in view.calls(fault).filter(|call| ended_in(call, fault)) {
            if let Some(normally) = self.0.get(&call.class).filter(|normally| normally.all > 0) {
                needed += normally.exchanges as f64 / normally.all as f64;
            }
        }
        Attempts {
            least,
            most: Some(most),
            on_average: (needed > 0.0).then(|| made / needed),
            how: "the most for any call, by its trace id",
            doubt: format!(
                "one call makes 1 to {} exchanges even when all is well, {:.1} on average: too uneven to tell attempts from them",
                uneven.most,
                uneven.exchanges as f64 / uneven.calls.max(1) as f64
            ),
        }
    }
}

/// How many exchanges of a phase belong to each call that is known by its trace id.
fn by_call(view: &View<'_>, edge: usize, mark: PhaseMark) -> BTreeMap<usize, usize> {
    let mut calls = BTreeMap::new();
    for call in view
        .exchanges(edge, mark)
        .filter_map(|exchange| view.call_of(exchange))
    {
        *calls.entry(call).or_default() += 1;
    }
    calls
}

/// Attempts as exchanges for each call, where no trace tells whose they are.
///
/// At the least, every call that was under way in the phase had its share of the exchanges. The
/// estimate leaves out the beginning of the phase, for as long as a call goes on: from then on as
/// many retries of earlier calls come in as retries of the last ones are cut off. And where only
/// some calls are hit, those make all the retries: an average over all of them clears nobody.
fn ratio(view: &View<'_>, edge: usize, fault: PhaseMark, normally: f64) -> Attempts {
    let carried_in = |call: &&Call| {
        let open_at_start =
            call.intended < fault.from && call.end.is_none_or(|end| end > fault.from);
        !call.serial && open_at_start && view.class_needs(call.class, edge)
    };
    let carried_in = view.recording.calls.iter().filter(carried_in).count();
    let calls = calls_needing(view, edge, fault).count();
    let exchanges = view.exchanges(edge, fault).count();
    let least = exchanges as f64 / (calls + carried_in) as f64 / normally;

    let ended = calls_needing(view, edge, fault).filter(|call| ended_in(call, fault));
    let mut lasting: Vec<Nanos> = ended.map(|call| view.latency(call)).collect();
    lasting.sort_unstable();
    let goes_on = stats::quantile(&lasting, 0.99).unwrap_or_default();
    let steady = PhaseMark {
        from: fault.from.saturating_add(goes_on),
        ..fault
    };
    let steady_calls = calls_needing(view, edge, steady).count();
    let estimate = (steady_calls >= CALLS_MIN)
        .then(|| view.exchanges(edge, steady).count() as f64 / steady_calls as f64 / normally);

    let of_those_hit = |average: f64| {
        let retries = exchanges as f64 - calls as f64 * normally;
        let hits = view
            .exchanges(edge, fault)
            .filter(|exchange| exchange.fault.is_some())
            .count() as f64;
        let likely = view
            .faults_on(edge)
            .map(|fault| fault.probability)
            .fold(1.0, f64::min);
        let share = if likely < 1.0 {
            likely
        } else {
            (hits - retries) / (calls as f64 * normally)
        };
        let all = hits == 0.0 || average <= 1.0 || share >= 1.0;
        if all {
            average
        } else {
            1.0 + (average - 1.0) / share.max(0.001)
        }
    };
    let most =
        estimate.map(|estimate| (of_those_hit(estimate.max(least)) - RATIO_NOISE).max(least));
    Attempts {
        least,
        most,
        on_average: estimate,
        how: "the ratio over the phase; the caller passes no trace id on",
        doubt: match most {
            None => format!(
                "too few calls to tell their attempts, as each goes on for {}",
                time(goes_on)
            ),
            Some(most) => format!(
                "on average a call that was hit may make {most:.1} attempts; exactly it can only be known where the caller passes `traceparent` on"
            ),
        },
    }
}

/// Calls and exchanges that were under way at the beginning or end of the phase.
fn crossing(view: &View<'_>, edge: usize, fault: PhaseMark) -> usize {
    let crosses = |moment: u64| {
        move |exchange: &&Exchange| {
            exchange.start < moment && exchange.end.is_none_or(|end| end >= moment)
        }
    };
    let all = || {
        view.recording
            .seen
            .get(edge)
            .into_iter()
            .flat_map(|seen| &seen.exchanges)
    };
    all().filter(crosses(fault.from)).count() + all().filter(crosses(fault.until)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{Attempts, BASELINE, FAULT, HandMade, MS, S, bad, good};
    use crate::record::{Ended, Nanos};

    const OFTEN: Nanos = 20 * MS;

    fn check(params: &str) -> RetryAmplification {
        let check: RetryAmplification = serde_json::from_str(params).unwrap();
        check.validate().unwrap();
        check
    }

    fn at_most(n: u64) -> RetryAmplification {
        check(&format!(r#"{{"at_most": {n}}}"#))
    }

    /// One exchange a call in the baseline; so many attempts, each so long, in the fault phase.
    fn retries(n: u64, length: Nanos, traced: bool) -> HandMade {
        let calm = Attempts {
            class: 0,
            edge: 0,
            when: BASELINE,
            every: OFTEN,
            n: 1,
            length: 5 * MS,
            fault: None,
            traced,
        };
        let shaken = Attempts {
            when: FAULT,
            n,
            length,
            fault: Some(0),
            ..calm.clone()
        };
        HandMade::order().fault(0).attempts(&calm).attempts(&shaken)
    }

    #[test]
    fn parameters_that_mean_the_same_are_not_given_twice() {
        assert!(
            serde_json::from_str::<RetryAmplification>(r#"{"at_most": 2, "per_call": 2}"#)
                .unwrap()
                .validate()
                .is_err()
        );
    }

    #[test]
    fn attempts_are_counted_up_to_the_bound_itself() {
        for traced in [true, false] {
            retries(2, 5 * MS, traced).judged_by(&at_most(2)).passes();
            retries(3, 5 * MS, traced)
                .judged_by(&at_most(2))
                .fails("one call makes 3.0 attempts");
            retries(1, 5 * MS, traced).judged_by(&check("{}")).passes();
            retries(4, 5 * MS, traced)
                .judged_by(&check("{}"))
                .fails("times the traffic");
        }
    }

    #[test]
    fn stating_one_bound_switches_the_other_off() {
        retries(2, 5 * MS, true)
            .judged_by(&check(r#"{"per_call": 3}"#))
            .passes();
        retries(2, 5 * MS, true)
            .judged_by(&check(r#"{"under_load": 1.5}"#))
            .fails("2.0 times");
        retries(2, 5 * MS, true)
            .judged_by(&check(r#"{"under_load": 2.5}"#))
            .passes();
    }

    #[test]
    fn what_was_not_exercised_is_not_judged() {
        HandMade::order()
            .judged_by(&at_most(2))
            .is_open("no faulted edge");
        HandMade::order()
            .fault(0)
            .judged_by(&at_most(2))
            .is_open("no call reached");
        retries(1, MS, true)
            .until(FAULT.start)
            .judged_by(&at_most(2))
            .is_open("not reached");
        let calm = HandMade::order()
            .fault(0)
            .calls(0, BASELINE, OFTEN, good(MS));
        let calm = calm.exchanges(0, BASELINE, OFTEN, MS, Ended::Answered);
        calm.judged_by(&at_most(2)).is_open("nothing reached");
        let refused = HandMade::order()
            .refuse(0)
            .calls(0, BASELINE, OFTEN, good(MS));
        let refused = refused
            .exchanges(0, BASELINE, OFTEN, MS, Ended::Answered)
            .calls(0, FAULT, OFTEN, bad(MS));
        refused.judged_by(&at_most(2)).is_open("nothing reached");
    }

    #[test]
    fn an_edge_that_no_fault_hit_is_not_judged() {
        let unshaken = retries(1, MS, true).with(|recording| recording.faults.clear());
        let named = check(r#"{"edge": "order -> inventory", "at_most": 2}"#);
        unshaken.judged_by(&named).is_open("no fault");
    }

    #[test]
    fn an_unsurveyed_call_cannot_be_told_from_its_attempts() {
        let made = HandMade::new(&["a -> b"])
            .unsurveyed_class("GET /", "a")
            .fault(0);
        let made = made.calls(0, BASELINE, OFTEN, good(MS)).exchanges(
            0,
            BASELINE,
            OFTEN,
            MS,
            Ended::Answered,
        );
        made.judged_by(&at_most(2)).is_open("no call reached");
    }

    #[test]
    fn slow_attempts_are_counted_as_exactly_as_fast_ones() {
        // Three attempts of a second each, in a phase of ten seconds.
        for traced in [true, false] {
            retries(3, S, traced).judged_by(&at_most(3)).passes();
            retries(4, S, traced)
                .judged_by(&at_most(3))
                .fails("attempts");
        }
    }

    #[test]
    fn a_call_under_way_when_the_fault_begins_makes_no_difference() {
        let made = retries(2, 5 * MS, false)
            .call(0, FAULT.start - MS, bad(10 * MS))
            .exchange(0, FAULT.start - MS, Some(FAULT.start), Ended::Answered)
            .exchange(0, FAULT.start, Some(FAULT.start + MS), Ended::Callee);
        made.judged_by(&at_most(2)).passes();
    }

    #[test]
    fn attempts_that_had_no_time_to_fail_promise_nothing() {
        for traced in [true, false] {
            let made = retries(1, 11 * S, traced).until(FAULT.end);
            made.judged_by(&check(r#"{"under_load": 1.2}"#))
                .is_open("ended in the fault phase");
        }
    }

    /// Calls of one kind that need now one exchange and now ten.
    fn uneven(retries: u64, when: std::ops::Range<Nanos>, made: HandMade) -> HandMade {
        (when.start..when.end)
            .step_by(100_000_000)
            .fold(made, |made, at| {
                let made = made.call(0, at, good(80 * MS));
                let items = if (at / (100 * MS)).is_multiple_of(10) {
                    10
                } else {
                    1
                };
                (0..items * retries).fold(made, |made, i| {
                    let at = at + i * MS;
                    made.exchange(0, at, Some(at + MS), Ended::Answered)
                        .traced(0)
                })
            })
    }

    #[test]
    fn a_call_that_needs_many_exchanges_is_no_storm_of_retries() {
        let calm = |made| uneven(1, BASELINE, made);
        let made = uneven(1, FAULT, calm(HandMade::order().fault(0)));
        made.judged_by(&at_most(3)).is_open("1 to 10");
        let made = uneven(4, FAULT, calm(HandMade::order().fault(0)));
        made.judged_by(&at_most(3)).fails("4.0 attempts");
    }

    #[test]
    fn kinds_of_call_are_measured_each_by_itself() {
        // One kind makes ten exchanges on the edge, the other one; nobody retries.
        let mut made = HandMade::order().class("GET /all", "order", &[0]).fault(0);
        for when in [BASELINE, FAULT] {
            for at in (when.start..when.end).step_by(100_000_000) {
                made = made
                    .call(0, at, good(5 * MS))
                    .exchange(0, at, Some(at + MS), Ended::Answered)
                    .traced(0);
            }
            for at in (when.start..when.end).step_by(1_000_000_000) {
                made = made.call(2, at, good(20 * MS));
                for i in 0..10 {
                    made = made
                        .exchange(0, at + i * MS, Some(at + (i + 1) * MS), Ended::Answered)
                        .traced(0);
                }
            }
        }
        made.judged_by(&at_most(3)).passes();
    }

    #[test]
    fn calls_that_a_breaker_turns_away_count_as_calls() {
        // One call in ten gets through and makes two attempts.
        let made = retries(1, MS, true).with(|recording| {
            recording.seen[0]
                .exchanges
                .retain(|exchange| exchange.start < FAULT.start);
        });
        let through = Attempts {
            class: 0,
            edge: 0,
            when: FAULT,
            every: 10 * OFTEN,
            n: 2,
            length: MS,
            fault: Some(0),
            traced: true,
        };
        made.attempts(&through).judged_by(&check("{}")).passes();
    }

    #[test]
    fn background_work_on_the_edge_does_not_hide_retries() {
        // Beside each traced call nine untraced exchanges, all the time.
        let polling = |made: HandMade| {
            made.exchanges(0, BASELINE.start..FAULT.end, OFTEN / 9, MS, Ended::Answered)
        };
        polling(retries(4, MS, true))
            .judged_by(&at_most(3))
            .fails("attempts");
        polling(retries(4, MS, true))
            .judged_by(&check(r#"{"under_load": 1.5}"#))
            .fails("times the traffic");
        polling(retries(3, MS, true))
            .judged_by(&at_most(3))
            .passes();
    }

    #[test]
    fn where_few_calls_are_hit_an_average_says_little() {
        // A tenth of the calls is hit, and each of those makes ten attempts; no trace is passed on.
        let calm = Attempts {
            class: 0,
            edge: 0,
            when: BASELINE.start..FAULT.end,
            every: OFTEN,
            n: 1,
            length: MS,
            fault: None,
            traced: false,
        };
        let shaken = Attempts {
            when: FAULT,
            every: 10 * OFTEN,
            n: 10,
            fault: Some(0),
            ..calm.clone()
        };
        let made = HandMade::order()
            .fault(0)
            .last_fault(|fault| fault.probability = 0.1);
        let verdict = made
            .attempts(&calm)
            .attempts(&shaken)
            .judged_by(&at_most(3));
        verdict.is_open("average");
    }
}
