//! Attempts under load: exact where the caller passes our trace ids on, a ratio otherwise.

use std::collections::BTreeMap;

use crate::check::stats;
use crate::check::view::{View, time};
use crate::record::{Call, Exchange, Nanos, PhaseMark};

/// How many attempts calls make.
pub(super) struct Attempts {
    /// One call makes so many at least: a failure stands on this.
    pub(super) least: f64,
    /// One call makes so many at most, as far as can be known: a pass stands on this.
    pub(super) most: Option<f64>,
    /// Exchanges for each one needed, of the calls that ended in the phase.
    pub(super) on_average: Option<f64>,
    /// How that is known.
    pub(super) how: &'static str,
    /// Why it is not known better.
    pub(super) doubt: String,
}

/// How far phase borders may shift a ratio that lies exactly on a bound.
pub(super) const RATIO_NOISE: f64 = 0.05;
/// Fewer calls make no ratio.
const CALLS_MIN: usize = 10;

pub(super) fn calls_needing<'a>(
    view: &View<'a>,
    edge: usize,
    mark: PhaseMark,
) -> impl Iterator<Item = &'a Call> {
    view.calls(mark)
        .filter(move |call| view.class_needs(call.class, edge))
}

/// How many exchanges one call of those that need the edge makes when all is well.
pub(super) fn exchanges_per_call(view: &View<'_>, edge: usize, baseline: PhaseMark) -> Option<f64> {
    let calls = calls_needing(view, edge, baseline).count();
    let exchanges = view.exchanges(edge, baseline).count();
    (calls > 0 && exchanges > 0).then(|| exchanges as f64 / calls as f64)
}

pub(super) fn ended_in(call: &Call, mark: PhaseMark) -> bool {
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
pub(super) struct Traced(BTreeMap<u16, Normally>);

impl Traced {
    /// `None` unless in the baseline at least half of the calls of every class that needs the edge
    /// can be found on it.
    pub(super) fn of(view: &View<'_>, edge: usize, baseline: PhaseMark) -> Option<Self> {
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
    pub(super) fn attempts(&self, view: &View<'_>, edge: usize, fault: PhaseMark) -> Attempts {
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
pub(super) fn ratio(view: &View<'_>, edge: usize, fault: PhaseMark, normally: f64) -> Attempts {
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
pub(super) fn crossing(view: &View<'_>, edge: usize, fault: PhaseMark) -> usize {
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
