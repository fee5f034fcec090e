//! `no_pool_exhaustion`: no pool of the caller runs dry.
//!
//! Exhaustion is three things at once: what is in flight on the edge stands flat at some N, the
//! caller's backlog grows or stays, and calls that do not need the edge suffer. A flat line alone
//! can be a good bulkhead.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::normal::Normal;
use crate::check::stats::{self, Says};
use crate::check::view::{Level, View, mean_level, time};
use crate::check::{Check, Known, Page, Verdict};
use crate::names::ServiceName;
use crate::record::{Call, Ended, Exchange, Nanos, Phase, PhaseMark};

/// The parameters of `no_pool_exhaustion`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoPoolExhaustion {
    /// The caller; every caller of a faulted edge when left out.
    #[serde(default)]
    pub service: Option<ServiceName>,
}

impl Known for NoPoolExhaustion {
    const NAME: &'static str = "no_pool_exhaustion";
    const HOLDS_WHEN: &'static str = "not all at once: in flight on the edge flat at N, the caller's backlog not draining, calls that do not need the edge suffering";
    const EXAMPLE: &'static str = "no_pool_exhaustion: { service: order }";
    const PAGE: Page = Page {
        measures: "A pool is exhausted when three things hold at once: the exchanges in flight on the edge are flat at N for 80% of the fault phase, the caller's backlog (what it was asked and has not answered, less what it waits for itself) is there and does not drain, and calls that do not need the edge suffer. Reports N and the rate that it allows.",
        recipe: "The suite's load, while the edge is slow by 3 s.",
        defaults: "No bound: any exhausted pool is a failure.",
        inconclusive: "The load would not fill a pool: too few exchanges in flight at the same time.",
    };
    const TIMED: bool = false;
}

const CLAIM: &str = "no pool runs dry and blocks other work";
const BOUND: &str = "not all three";
/// Flat is a range of at most 1 for this share of the fault phase.
const FLAT_SHARE: f64 = 0.8;
/// A load that would put fewer exchanges in flight than this cannot exhaust a usual pool.
const DEMAND_MIN: f64 = 20.0;

impl Check for NoPoolExhaustion {
    fn judge(&self, view: &View<'_>) -> Vec<Verdict> {
        let is_callers = |edge: &usize| {
            self.service
                .as_ref()
                .is_none_or(|service| service.0 == view.recording.edges[*edge].caller)
        };
        let edges: Vec<usize> = view
            .faulted_edges()
            .into_iter()
            .filter(is_callers)
            .collect();
        let about = self
            .service
            .as_ref()
            .map_or_else(|| "-".to_owned(), ServiceName::to_string);
        let verdict = Verdict::about(Self::NAME, about, CLAIM).measured("-", BOUND);
        let Some(mark) = view.phase(Phase::Fault) else {
            return vec![verdict.inconclusive("the fault phase was not reached")];
        };
        if edges.is_empty() {
            return vec![verdict.inconclusive("no edge of this caller was faulted")];
        }
        edges
            .into_iter()
            .map(|edge| judge_edge(view, edge, mark))
            .collect()
    }
}

fn judge_edge(view: &View<'_>, edge: usize, mark: PhaseMark) -> Verdict {
    let recording = view.recording;
    let name = &recording.edges[edge];
    let exchanges = view.exchanges(edge, mark).count();
    let verdict = Verdict::about(NoPoolExhaustion::NAME, name.to_string(), CLAIM)
        .exercised(exchanges, "exchanges");

    let demand = demand(view, edge, mark);
    let plateau = Plateau::of(&view.in_flight(edge, mark), mark);
    let backlog = Backlog::of(&view.backlog(&name.caller, mark), mark);
    let others = Others::of(view, mark);

    let flat = plateau.share >= FLAT_SHARE && plateau.level >= 1;
    let measured = format!(
        "{} at {}, backlog {:.0}, others {}",
        if flat { "flat" } else { "not flat" },
        plateau.level,
        backlog.late,
        others.in_short()
    );
    let verdict = verdict
        .measured(measured, BOUND)
        .evidence(format!(
            "in flight on {name}: {} to {} for {:.0}% of the fault phase",
            plateau.level.saturating_sub(1),
            plateau.level,
            plateau.share * 100.0
        ))
        .evidence(format!(
            "{}'s backlog: {:.0} in the second quarter of the phase, {:.0} in the last",
            name.caller, backlog.early, backlog.late
        ))
        .evidence(match &others {
            Others::Fine => "calls that do not need the edge kept their pace".to_owned(),
            Others::Blocked(names) => {
                format!("blocked although they do not need it: {}", names.join(", "))
            }
            Others::Unknown(why) => why.clone(),
        })
        .evidence(format!(
            "the load would put {demand:.0} exchanges in flight if nobody gave up"
        ));
    if flat && backlog.stays() && matches!(others, Others::Blocked(_)) {
        let n = plateau.level;
        let allows = match held(view, edge, mark) {
            Some(held) => {
                let rate = n as f64 / (held as f64 / 1e9);
                format!("at {} an exchange it allows {rate:.1}/s", time(held))
            }
            None => "no exchange ends, so it allows 0/s".to_owned(),
        };
        let reason = format!(
            "a pool of {n} is exhausted: {allows}, and {:.0} calls queue behind it",
            backlog.late
        );
        return verdict.fail(
            reason,
            format!(
                "give {} a pool of its own and a timeout, and turn calls away when it is full",
                name.callee
            ),
        );
    }
    if exchanges == 0 {
        return verdict.inconclusive(format!("nothing reached {name} in the fault phase"));
    }
    if demand < DEMAND_MIN {
        return verdict.inconclusive(format!(
            "the load would put only {demand:.0} exchanges in flight on {name}: too few to exhaust a pool; delay longer or send more"
        ));
    }
    match others {
        Others::Unknown(why) if flat && backlog.stays() => {
            verdict.inconclusive(why).wants_more(Phase::Fault)
        }
        Others::Blocked(_) if !flat && backlog.stays() && plateau.filled_late(mark) => verdict
            .inconclusive(format!(
                "a pool of {} filled only {} into the fault phase: shake for longer",
                plateau.level,
                time(plateau.filled.saturating_sub(mark.from))
            ))
            .wants_more(Phase::Fault),
        _ => verdict.pass(),
    }
}

/// λ·d: what would be in flight if every caller waited for the fault, whose share of the exchanges
/// is as it was seen.
fn demand(view: &View<'_>, edge: usize, mark: PhaseMark) -> f64 {
    let length = mark.length();
    let held = |fault: &crate::record::FaultMark| {
        if fault.hang.is_some() {
            length
        } else {
            fault.delay.unwrap_or(0)
        }
    };
    let delay = view.faults_on(edge).map(held).max().unwrap_or_default();
    let calls = view
        .calls(mark)
        .filter(|call| view.class_needs(call.class, edge))
        .count();
    let exchanges = || view.exchanges(edge, mark);
    let hit = exchanges()
        .filter(|exchange| exchange.fault.is_some())
        .count() as f64
        / exchanges().count().max(1) as f64;
    hit * calls as f64 * (delay.min(length) as f64 / length.max(1) as f64)
}

/// The level at which the exchanges in flight stood for longest.
struct Plateau {
    level: i64,
    /// The share of the phase at this level or one below it.
    share: f64,
    /// When it was first at this level or one below it.
    filled: Nanos,
    /// The share of the time since then.
    share_since: f64,
}

impl Plateau {
    fn of(levels: &[Level], mark: PhaseMark) -> Self {
        let mut time_at: BTreeMap<i64, Nanos> = BTreeMap::new();
        for level in levels {
            *time_at.entry(level.count).or_default() += level.until - level.from;
        }
        let pair = |level: i64| {
            time_at.get(&level).copied().unwrap_or_default()
                + time_at.get(&(level - 1)).copied().unwrap_or_default()
        };
        let best = time_at
            .keys()
            .copied()
            .max_by_key(|level| (pair(*level), time_at[level]))
            .unwrap_or_default();
        let is_there = |level: &&Level| level.count >= best - 1;
        let filled = levels
            .iter()
            .find(is_there)
            .map_or(mark.from, |level| level.from);
        let since: Nanos = levels
            .iter()
            .filter(|level| level.from >= filled && (best - 1..=best).contains(&level.count))
            .map(|level| level.until - level.from)
            .sum();
        Self {
            level: best,
            share: pair(best) as f64 / mark.length().max(1) as f64,
            filled,
            share_since: since as f64 / mark.until.saturating_sub(filled).max(1) as f64,
        }
    }

    /// Whether it was flat since it filled, for a quarter of the phase at least.
    fn filled_late(&self, mark: PhaseMark) -> bool {
        self.level >= 1
            && self.share_since >= FLAT_SHARE
            && mark.until.saturating_sub(self.filled) >= mark.length() / 4
    }
}

/// How the caller's backlog went.
struct Backlog {
    early: f64,
    late: f64,
}

impl Backlog {
    fn of(levels: &[Level], mark: PhaseMark) -> Self {
        let quarter = mark.length() / 4;
        Self {
            early: mean_level(levels, mark.from + quarter, mark.from + 2 * quarter),
            late: mean_level(levels, mark.until.saturating_sub(quarter), mark.until),
        }
    }

    /// It is there, and it does not drain.
    fn stays(&self) -> bool {
        self.late >= 2.0 && self.late >= 0.8 * self.early
    }
}

/// How the calls do that reach no faulted edge.
enum Others {
    /// All that were tried kept their pace.
    Fine,
    /// These did not.
    Blocked(Vec<String>),
    /// It cannot be known, and why.
    Unknown(String),
}

impl Others {
    fn of(view: &View<'_>, mark: PhaseMark) -> Self {
        let faulted = view.faulted_edges();
        let independent = |class: &u16| {
            view.is_surveyed(*class)
                && !faulted.iter().any(|edge| view.class_reaches(*class, *edge))
        };
        let classes = (0_u16..)
            .zip(&view.recording.classes)
            .map(|(class, _)| class);
        let (mut fine, mut blocked, mut unsure) = (0, Vec::new(), None);
        for class in classes.filter(independent) {
            let Some(normal) =
                Normal::of(view, |call| call.class == class).filter(|normal| normal.goodput > 0.5)
            else {
                continue;
            };
            let calls: Vec<&Call> = view
                .calls(mark)
                .filter(|call| call.class == class && !view.is_young(call, normal.on_time))
                .collect();
            let good = calls.iter().filter(|call| normal.keeps(view, call)).count();
            let good_by_itself = calls
                .iter()
                .filter(|call| normal.keeps_by_itself(view, call))
                .count();
            let says = |good| stats::at_least(good, calls.len(), 0.95 * normal.goodput);
            let name = view.class_name(class);
            match (says(good), says(good_by_itself)) {
                (_, Says::Breaks) => blocked.push(name.to_owned()),
                (Says::Holds, _) => fine += 1,
                (Says::Breaks, _) => {
                    unsure = Some(format!(
                        "calls of {name} were late, but the machine stalled meanwhile"
                    ));
                }
                (Says::Open, _) => {
                    unsure = Some(format!(
                        "{good} good of {} calls of {name} do not decide whether they suffer",
                        calls.len()
                    ));
                }
            }
        }
        match (blocked.is_empty(), unsure) {
            (false, _) => Self::Blocked(blocked),
            (true, Some(why)) => Self::Unknown(why),
            (true, None) if fine > 0 => Self::Fine,
            (true, None) => Self::Unknown(
                "whether other calls are blocked was not tried: add a request that does not need the faulted edge".to_owned(),
            ),
        }
    }

    fn in_short(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Blocked(_) => "blocked",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// How long an exchange holds its place: the median of those that were answered in the phase;
/// `None` when none was.
fn held(view: &View<'_>, edge: usize, mark: PhaseMark) -> Option<Nanos> {
    let answered = |e: &&Exchange| e.ended == Ended::Answered;
    // What the end of the fault released says nothing of the fault.
    let time = |e: &Exchange| {
        e.end
            .filter(|end| *end < mark.until)
            .map(|end| end.saturating_sub(e.start))
    };
    let times = view.exchanges(edge, mark).filter(answered).filter_map(time);
    let mut times: Vec<Nanos> = times.collect();
    times.sort_unstable();
    stats::quantile(&times, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::hand_made::{BASELINE, Comes, FAULT, HandMade, MS, NEVER, S, bad, good};

    const OFTEN: Nanos = 20 * MS;

    fn check() -> NoPoolExhaustion {
        NoPoolExhaustion { service: None }
    }

    /// A pool of ten is full at once and stays so; orders queue behind it.
    fn full_pool(made: HandMade) -> HandMade {
        let made = made
            .calls(0, BASELINE, OFTEN, good(10 * MS))
            .calls(0, FAULT, OFTEN, NEVER);
        held_until(made, FAULT.end)
    }

    /// Ten exchanges in flight until then.
    fn held_until(made: HandMade, end: Nanos) -> HandMade {
        (0..10)
            .fold(made, |made, i| {
                made.exchange(0, FAULT.start + i * MS, Some(end), Ended::Fault)
            })
            .all_hit(0, &FAULT, 0)
    }

    fn menu(made: HandMade, in_the_fault: Comes) -> HandMade {
        made.calls(1, BASELINE, OFTEN, good(10 * MS))
            .calls(1, FAULT, OFTEN, in_the_fault)
    }

    fn shaken() -> HandMade {
        HandMade::order().hang(0)
    }

    #[test]
    fn a_full_pool_that_blocks_other_calls_fails() {
        let verdict = menu(full_pool(shaken()), NEVER).judged_by(&check());
        verdict.fails("a pool of 10 is exhausted");
        assert_eq!(verdict.exercised, 10);
    }

    #[test]
    fn a_full_pool_that_blocks_nobody_else_is_a_good_bulkhead() {
        menu(full_pool(shaken()), good(10 * MS))
            .judged_by(&check())
            .passes();
    }

    #[test]
    fn a_backlog_that_drains_passes() {
        let made =
            shaken()
                .calls(0, BASELINE, OFTEN, good(10 * MS))
                .calls(0, FAULT, OFTEN, bad(MS));
        menu(held_until(made, FAULT.end), bad(MS))
            .judged_by(&check())
            .passes();
    }

    #[test]
    fn whether_others_are_blocked_must_have_been_tried() {
        full_pool(shaken())
            .judged_by(&check())
            .is_open("does not need");
        let few = full_pool(shaken())
            .calls(1, BASELINE, OFTEN, good(MS))
            .calls(1, FAULT, 3 * S, good(MS));
        few.judged_by(&check()).is_open("do not decide");
    }

    #[test]
    fn a_kind_of_call_with_no_survey_is_nobodys_victim() {
        let made = full_pool(shaken().unsurveyed_class("GET /", "order"));
        let made = made
            .calls(2, BASELINE, OFTEN, good(MS))
            .calls(2, FAULT, OFTEN, NEVER);
        made.judged_by(&check()).is_open("does not need");
    }

    #[test]
    fn calls_that_suffer_from_another_fault_are_not_blocked_by_this_pool() {
        let made = HandMade::new(&["order -> inventory", "order -> prices"])
            .class("POST /orders", "order", &[0])
            .class("GET /prices", "order", &[1])
            .hang(0)
            .fault(1);
        let verdicts = menu(full_pool(made), bad(MS)).all_judged_by(&check());
        verdicts[0].is_open("does not need");
    }

    #[test]
    fn a_load_too_small_to_fill_a_pool_decides_nothing() {
        let made = shaken().calls(0, FAULT, 600 * MS, NEVER);
        menu(held_until(made, FAULT.end), good(10 * MS))
            .judged_by(&check())
            .is_open("too few to exhaust");
        let brief = HandMade::order()
            .delay(0, 10 * MS)
            .calls(0, FAULT, OFTEN, good(20 * MS));
        let brief = brief
            .exchanges(0, FAULT, OFTEN, 10 * MS, Ended::Answered)
            .all_hit(0, &FAULT, 0);
        menu(brief, good(10 * MS))
            .judged_by(&check())
            .is_open("too few to exhaust");
    }

    #[test]
    fn a_fault_that_hits_few_demands_little() {
        let made = HandMade::order()
            .hang(0)
            .calls(0, FAULT, OFTEN, good(10 * MS));
        let made = made.exchanges(0, FAULT, OFTEN, 9 * MS, Ended::Answered);
        let made = made
            .exchange(0, 21 * S, Some(22 * S), Ended::Caller)
            .hit(0, 0);
        menu(made, good(10 * MS))
            .judged_by(&check())
            .is_open("too few to exhaust");
    }

    #[test]
    fn a_pool_that_took_most_of_the_phase_to_fill_is_not_acquitted() {
        let made = shaken().calls(0, FAULT, OFTEN, NEVER);
        let made = (0..10)
            .fold(made, |made, i| {
                made.exchange(0, FAULT.start + i * 400 * MS, Some(FAULT.end), Ended::Fault)
            })
            .all_hit(0, &FAULT, 0);
        let verdict = menu(made, NEVER).judged_by(&check());
        verdict.is_open("filled");
        assert_eq!(verdict.wants_more, Some(Phase::Fault));
    }

    #[test]
    fn what_was_not_exercised_is_not_judged() {
        HandMade::order().judged_by(&check()).is_open("faulted");
        shaken()
            .until(FAULT.start)
            .judged_by(&check())
            .is_open("not reached");
        let other = NoPoolExhaustion {
            service: Some("inventory".parse().unwrap()),
        };
        full_pool(shaken()).judged_by(&other).is_open("faulted");
        shaken()
            .calls(0, FAULT, OFTEN, bad(MS))
            .judged_by(&check())
            .is_open("");
        let refused = HandMade::order().refuse(0).calls(0, FAULT, OFTEN, bad(MS));
        refused.judged_by(&check()).is_open("nothing reached");
    }

    #[test]
    fn a_stall_of_the_machine_excuses_but_acquits_nobody() {
        let made = menu(full_pool(shaken()), good(80 * MS));
        let stalled = (0..100).fold(made.clone(), |made, i| {
            made.hiccup(FAULT.start + i * 100 * MS, 60 * MS)
        });
        made.judged_by(&check()).fails("exhausted");
        stalled.judged_by(&check()).is_open("stalled");
    }
}
