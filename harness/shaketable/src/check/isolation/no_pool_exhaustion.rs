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
use crate::check::{Check, Known, Verdict};
use crate::names::ServiceName;
use crate::record::{Ended, Exchange, Nanos, Phase, PhaseMark, Recording};

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
    const HOLDS_WHEN: &'static str =
        "not all at once: in flight on the edge flat at N, the caller's backlog not draining, calls that do not need the edge suffering";
    const EXAMPLE: &'static str = "no_pool_exhaustion: { service: order }";
}

const CLAIM: &str = "no pool runs dry and blocks other work";
const BOUND: &str = "not all three";
/// Flat is a range of at most 1 for this share of the fault phase.
const FLAT_SHARE: f64 = 0.8;
/// A load that would put fewer exchanges in flight than this cannot exhaust a usual pool.
const DEMAND_MIN: f64 = 20.0;

impl Check for NoPoolExhaustion {
    fn judge(&self, recording: &Recording) -> Vec<Verdict> {
        let view = View::new(recording);
        let is_callers = |edge: &usize| {
            self.service.as_ref().is_none_or(|service| service.0 == recording.edges[*edge].caller)
        };
        let edges: Vec<usize> = view.faulted_edges().into_iter().filter(is_callers).collect();
        let about = self.service.as_ref().map_or_else(|| "-".to_owned(), ServiceName::to_string);
        let verdict = Verdict::about(Self::NAME, about, CLAIM).measured("-", BOUND);
        let Some(mark) = view.phase(Phase::Fault) else {
            return vec![verdict.inconclusive("the fault phase was not reached")];
        };
        if edges.is_empty() {
            return vec![verdict.inconclusive("no edge of this caller was faulted")];
        }
        edges.into_iter().map(|edge| judge_edge(&view, edge, mark)).collect()
    }
}

fn judge_edge(view: &View<'_>, edge: usize, mark: PhaseMark) -> Verdict {
    let recording = view.recording;
    let name = &recording.edges[edge];
    let exchanges = view.exchanges(edge, mark).count();
    let verdict = Verdict::about(NoPoolExhaustion::NAME, name.to_string(), CLAIM).exercised(exchanges, "exchanges");

    let demand = demand(view, edge, mark);
    let plateau = Plateau::of(&view.in_flight(edge, mark), mark);
    let backlog = Backlog::of(&view.backlog(&name.caller, mark), mark);
    let blocked = blocked(view, edge, mark);

    let flat = plateau.share >= FLAT_SHARE && plateau.level >= 1;
    let measured = format!(
        "{} at {}, backlog {:.0}, others {}",
        if flat { "flat" } else { "not flat" },
        plateau.level,
        backlog.late,
        if blocked.is_empty() { "fine" } else { "blocked" }
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
        .evidence(match &blocked[..] {
            [] => "calls that do not need the edge kept their pace".to_owned(),
            some => format!("blocked although they do not need it: {}", some.join(", ")),
        })
        .evidence(format!("the load would put {demand:.0} exchanges in flight if nobody gave up"));
    if flat && backlog.stays() && !blocked.is_empty() {
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
        return verdict.fail(reason, format!("give {} a pool of its own and a timeout, and turn calls away when it is full", name.callee));
    }
    if demand < DEMAND_MIN {
        return verdict.inconclusive(format!(
            "the load would put only {demand:.0} exchanges in flight on {name}: too few to exhaust a pool; delay longer or send more"
        ));
    }
    if exchanges == 0 {
        return verdict.inconclusive(format!("nothing reached {name} in the fault phase"));
    }
    verdict.pass()
}

/// λ·d: what would be in flight if every caller waited for the fault.
fn demand(view: &View<'_>, edge: usize, mark: PhaseMark) -> f64 {
    let length = mark.until - mark.from;
    let held = |fault: &crate::record::FaultMark| if fault.hang.is_some() { length } else { fault.delay.unwrap_or(0) };
    let delay = view.faults_on(edge).map(held).max().unwrap_or_default();
    let calls = view.calls(mark).filter(|call| view.class_needs(call.class, edge)).count();
    calls as f64 * (delay.min(length) as f64 / length.max(1) as f64)
}

/// The level at which the exchanges in flight stood for longest.
struct Plateau {
    level: i64,
    /// The share of the phase at this level or one below it.
    share: f64,
}

impl Plateau {
    fn of(levels: &[Level], mark: PhaseMark) -> Self {
        let mut time_at: BTreeMap<i64, Nanos> = BTreeMap::new();
        for level in levels {
            *time_at.entry(level.count).or_default() += level.until - level.from;
        }
        let pair = |level: i64| {
            time_at.get(&level).copied().unwrap_or_default() + time_at.get(&(level - 1)).copied().unwrap_or_default()
        };
        let best = time_at.keys().copied().max_by_key(|level| (pair(*level), time_at[level])).unwrap_or_default();
        Self { level: best, share: pair(best) as f64 / (mark.until - mark.from).max(1) as f64 }
    }
}

/// How the caller's backlog went.
struct Backlog {
    early: f64,
    late: f64,
}

impl Backlog {
    fn of(levels: &[Level], mark: PhaseMark) -> Self {
        let quarter = (mark.until - mark.from) / 4;
        Self {
            early: mean_level(levels, mark.from + quarter, mark.from + 2 * quarter),
            late: mean_level(levels, mark.until - quarter, mark.until),
        }
    }

    /// It is there, and it does not drain.
    fn stays(&self) -> bool {
        self.late >= 2.0 && self.late >= 0.8 * self.early
    }
}

/// The kinds of call that do not need the edge and suffer all the same.
fn blocked<'a>(view: &View<'a>, edge: usize, mark: PhaseMark) -> Vec<&'a str> {
    let suffers = |class: u16| {
        let Some(normal) = Normal::of(view, |call| call.class == class) else { return false };
        let (mut n, mut good) = (0, 0);
        for call in view.calls(mark).filter(|call| call.class == class) {
            n += 1;
            good += usize::from(normal.keeps_by_itself(view, call));
        }
        normal.goodput > 0.5 && stats::at_least(good, n, 0.95 * normal.goodput) == Says::Breaks
    };
    (0_u16..)
        .zip(&view.recording.classes)
        .filter(|(class, _)| !view.class_needs(*class, edge) && suffers(*class))
        .map(|(_, class)| class.name.as_str())
        .collect()
}

/// How long an exchange holds its place: the median of those that were answered in the phase;
/// `None` when none was.
fn held(view: &View<'_>, edge: usize, mark: PhaseMark) -> Option<Nanos> {
    let answered = |e: &&Exchange| e.ended == Ended::Answered;
    // What the end of the fault released says nothing of the fault.
    let time = |e: &Exchange| e.end.filter(|end| *end < mark.until).map(|end| end - e.start);
    let times = view.exchanges(edge, mark).filter(answered).filter_map(time);
    let mut times: Vec<Nanos> = times.collect();
    times.sort_unstable();
    stats::quantile(&times, 0.5)
}
