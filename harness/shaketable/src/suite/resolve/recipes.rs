//! Experiments that are made of the recipes of their checks, where the suite names no fault.
//!
//! Checks that want the same share an experiment: all that is tried on an edge with calls made one
//! at a time is one, and so is each fault under load.

use std::time::Duration;

use serde_json::Value;
use shaketable_faults::fault;
use shaketable_faults::times::Schedule;
use shaketable_faults::units::Percent;

use super::phases::Given;
use crate::check::recipe::{Alone, Asks, Kinds, Recipe, SURVEYS, UnderLoad, Way};
use crate::load::Arrival;
use crate::load::arrival::Moments;
use crate::names::EdgeName;
use crate::record::{EdgeFacts, Phase};
use crate::suite::model::{
    CheckEntry, Edge, Experiment, FaultEntry, Lasts, Load, Phases, Position, Stage, Stream,
};

/// What several checks want to see, in one lab.
struct Group {
    edge: Option<EdgeName>,
    kind: Kind,
    checks: Vec<CheckEntry>,
}

/// How calls are made in a group.
enum Kind {
    /// One at a time; one fault after the other.
    Alone {
        /// Calls while all is well.
        untouched: usize,
        trials: Vec<(Vec<Value>, Alone)>,
    },
    /// Under load.
    Load { faults: Vec<Value>, load: UnderLoad },
}

/// The experiments that an experiment without faults comes to: those of its checks' recipes, and
/// itself, where some of its checks judge what they find.
pub(super) fn expand(base: Experiment, given: &Given, edges: &[Edge]) -> Vec<Experiment> {
    let facts: Vec<EdgeFacts> = edges.iter().map(Edge::facts).collect();
    let mut stay = Vec::new();
    let mut wanted = Vec::new();
    for entry in &base.checks {
        let recipes = entry.check.recipes(&facts);
        if recipes.is_empty() {
            stay.push(entry.clone());
        }
        wanted.extend(recipes.into_iter().map(|recipe| (recipe, Some(entry))));
    }
    let mut experiments = follow(&base, given, wanted);
    if !stay.is_empty() {
        let checks = stay;
        experiments.insert(0, Experiment { checks, ..base });
    }
    experiments
}

/// The experiments in which recipes are followed, each for the check that wants it; for none, where
/// somebody only wants to see.
pub(super) fn follow(
    base: &Experiment,
    given: &Given,
    wanted: Vec<(Recipe, Option<&CheckEntry>)>,
) -> Vec<Experiment> {
    // Where nothing goes wrong, any experiment with such calls will do.
    let (somewhere, anywhere): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|(recipe, _)| recipe.edge.is_some());
    let mut groups: Vec<Group> = Vec::new();
    for (recipe, entry) in somewhere.into_iter().chain(anywhere) {
        join(&mut groups, recipe, entry);
    }
    let groups = groups.into_iter();
    groups.map(|group| group.experiment(base, given)).collect()
}

/// Puts a recipe where its like is.
fn join(groups: &mut Vec<Group>, recipe: Recipe, entry: Option<&CheckEntry>) {
    let place = groups.iter().position(|group| group.takes(&recipe));
    let place = place.unwrap_or_else(|| {
        groups.push(Group::of(&recipe));
        groups.len() - 1
    });
    groups[place].add(recipe, entry);
}

impl Group {
    fn of(recipe: &Recipe) -> Self {
        let kind = match &recipe.way {
            Way::Alone(_) => Kind::Alone {
                untouched: SURVEYS,
                trials: Vec::new(),
            },
            Way::Load(load) => Kind::Load {
                faults: recipe.faults.clone(),
                load: *load,
            },
        };
        Self {
            edge: recipe.edge.clone(),
            kind,
            checks: Vec::new(),
        }
    }

    /// Whether a recipe can be followed here, too.
    fn takes(&self, recipe: &Recipe) -> bool {
        let here = recipe.edge.is_none() || recipe.edge == self.edge;
        here && match (&self.kind, &recipe.way) {
            (Kind::Alone { .. }, Way::Alone(_)) => true,
            (Kind::Load { faults, load }, Way::Load(wanted)) => {
                (recipe.faults.is_empty() || *faults == recipe.faults)
                    && (load.cycles, load.asks) == (wanted.cycles, wanted.asks)
            }
            _ => false,
        }
    }

    fn add(&mut self, recipe: Recipe, entry: Option<&CheckEntry>) {
        match (&mut self.kind, recipe.way) {
            (Kind::Alone { untouched, trials }, Way::Alone(alone)) => {
                if recipe.faults.is_empty() {
                    *untouched = (*untouched).max(alone.calls);
                } else if let Some((_, known)) = trials.iter_mut().find(|(faults, known)| {
                    *faults == recipe.faults && known.watch.is_some() == alone.watch.is_some()
                }) {
                    *known = both(*known, alone);
                } else {
                    trials.push((recipe.faults, alone));
                }
            }
            (Kind::Load { load, .. }, Way::Load(wanted)) => {
                load.fault = load.fault.max(wanted.fault);
                load.recovery = load.recovery.max(wanted.recovery);
            }
            _ => {}
        }
        let known = |entry: &&CheckEntry| {
            self.checks.iter().any(|known| {
                known.at == entry.at
                    && known.kind.name == entry.kind.name
                    && known.params == entry.params
            })
        };
        let new = entry.filter(|entry| !known(entry)).cloned();
        self.checks.extend(new);
    }

    fn experiment(self, base: &Experiment, given: &Given) -> Experiment {
        let on = self.edge.as_ref().map(ToString::to_string);
        let at = self.checks.first().map(|entry| entry.at.clone());
        let wrong = Wrong {
            edge: self.edge.as_ref(),
            at: at.unwrap_or_default(),
        };
        let mut patience = None;
        let (what, faults, stages, load) = match self.kind {
            Kind::Alone { untouched, trials } => {
                patience = trials.iter().filter_map(|(_, alone)| alone.patience).max();
                let (faults, stages) = alone(untouched, trials, &wrong);
                (
                    "one call at a time".to_owned(),
                    faults,
                    stages,
                    base.load.clone(),
                )
            }
            Kind::Load { faults, load } => {
                let faults: Vec<FaultEntry> = faults
                    .iter()
                    .filter_map(|fault| wrong.entry(fault))
                    .collect();
                let phases = given.or(Phases {
                    fault: load.fault,
                    recovery: load.recovery,
                    ..Phases::default()
                });
                let what = match faults.first() {
                    Some(fault) => fault.describe(),
                    None => "untouched".to_owned(),
                };
                let what = match (load.cycles, load.asks) {
                    (1, Asks::AsWritten) => what,
                    (1, Asks::Burst(calls)) => format!("{what}, {calls} calls at once"),
                    (1, Asks::Times(times, _)) => format!("{what}, {times} × the load"),
                    (cycles, _) => format!("{what}, {cycles} times"),
                };
                let stages = cycles(&phases, faults.len(), load.cycles);
                let load = match (load.cycles, load.asks) {
                    (1, Asks::AsWritten) => base.load.clone(),
                    (1, Asks::Burst(calls)) => at_once(&base.load, calls),
                    (1, Asks::Times(times, lasts)) => more(&base.load, times, lasts),
                    _ => pausing(&base.load, &phases),
                };
                (what, faults, stages, load)
            }
        };
        let on = on.map_or_else(String::new, |edge| format!("{edge}, "));
        Experiment {
            name: format!("{}: {on}{what}", base.name),
            faults,
            load,
            patience,
            stages,
            checks: self.checks,
        }
    }
}

/// What suffices for both.
fn both(one: Alone, other: Alone) -> Alone {
    Alone {
        calls: one.calls.max(other.calls),
        of: one.of.max(other.of),
        patience: one.patience.max(other.patience),
        watch: one.watch.max(other.watch),
    }
}

/// One fault after the other, each followed by a recovery.
fn alone(
    untouched: usize,
    trials: Vec<(Vec<Value>, Alone)>,
    wrong: &Wrong<'_>,
) -> (Vec<FaultEntry>, Vec<Stage>) {
    let stage = |phase, lasts, faults| Stage {
        phase,
        lasts,
        faults,
    };
    let calls = |each, of, watch| Lasts::Calls { each, of, watch };
    let mut stages = vec![
        stage(
            Phase::WarmUp,
            calls(SURVEYS, Kinds::Every, None),
            Vec::new(),
        ),
        stage(
            Phase::Baseline,
            calls(untouched, Kinds::Every, None),
            Vec::new(),
        ),
    ];
    let mut entries = Vec::new();
    for (faults, alone) in trials {
        let first = entries.len();
        entries.extend(faults.iter().filter_map(|fault| wrong.entry(fault)));
        let places = (first..entries.len()).collect();
        stages.push(stage(
            Phase::Fault,
            calls(alone.calls, alone.of, alone.watch),
            places,
        ));
        stages.push(stage(Phase::Recovery, Lasts::Settled, Vec::new()));
    }
    (entries, stages)
}

/// Warm-up and baseline, and then so many times fault and recovery.
fn cycles(phases: &Phases, faults: usize, times: usize) -> Vec<Stage> {
    let mut stages = phases.stages(faults);
    let cycle: Vec<Stage> = stages[2..].to_vec();
    for _ in 1..times {
        stages.extend(cycle.iter().cloned());
    }
    stages
}

/// The load while the system warms up and while something is wrong, and none otherwise.
fn pausing(load: &Load, phases: &Phases) -> Load {
    let during = |stream: &Stream, starts, lasts: Duration| Stream {
        name: format!("{} {}", stream.name, Phase::name(starts))
            .trim()
            .to_owned(),
        starts,
        lasts: Some(lasts),
        again: true,
        ..stream.clone()
    };
    let both = |stream: &Stream| {
        [
            during(stream, Phase::WarmUp, phases.warm_up),
            during(stream, Phase::Fault, phases.fault),
        ]
    };
    Load {
        streams: load.streams.iter().flat_map(both).collect(),
        ..load.clone()
    }
}

/// So many calls at once when the fault phase begins, and nothing else.
fn at_once(load: &Load, calls: usize) -> Load {
    let burst = |stream: &Stream| Stream {
        starts: Phase::Fault,
        arrival: Arrival::Open(Moments::burst(calls)),
        ..stream.clone()
    };
    Load {
        streams: load.streams.iter().take(1).map(burst).collect(),
        goose: None,
        ..load.clone()
    }
}

/// The load, and beside it in the fault phase so much more that it is so many times as much.
fn more(load: &Load, times: f64, lasts: Duration) -> Load {
    let beside = |stream: &Stream| {
        let Arrival::Open(Moments::Rate(profile, spacing)) = &stream.arrival else {
            return None;
        };
        Some(Stream {
            name: format!("{} more", stream.name).trim().to_owned(),
            starts: Phase::Fault,
            lasts: Some(lasts),
            arrival: Arrival::Open(Moments::Rate(profile.times(times - 1.0), *spacing)),
            ..stream.clone()
        })
    };
    let mut streams = load.streams.clone();
    streams.extend(load.streams.iter().filter_map(beside));
    Load {
        streams,
        ..load.clone()
    }
}

/// Where the faults of a recipe go.
struct Wrong<'a> {
    edge: Option<&'a EdgeName>,
    at: Position,
}

impl Wrong<'_> {
    /// A fault of a recipe; nothing where it is on no edge. That every recipe's faults are right is
    /// tested.
    fn entry(&self, written: &Value) -> Option<FaultEntry> {
        let edge = self.edge?.clone();
        let map = written.as_object()?;
        let (kind, value) = map
            .iter()
            .find_map(|(key, value)| Some((fault::find(key)?, value)))?;
        let part = |key: &str| map.get(key).cloned().unwrap_or(Value::Null);
        let probability: Option<Percent> = serde_json::from_value(part("probability")).ok()?;
        Some(FaultEntry {
            edge,
            kind,
            value: value.clone(),
            fault: (kind.build)(value).ok()?,
            which: serde_json::from_value::<Option<_>>(part("where"))
                .ok()?
                .unwrap_or_default(),
            times: serde_json::from_value::<Option<_>>(part("times"))
                .ok()?
                .unwrap_or_default(),
            probability: probability.map_or(1.0, |percent| percent.0),
            schedule: Schedule::default(),
            from_start: false,
            at: self.at.clone(),
        })
    }
}
