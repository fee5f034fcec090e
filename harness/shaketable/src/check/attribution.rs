//! Which call an exchange belongs to: exact where the target passes our trace id on, and exact
//! without any help of the target where the call was made alone, with quiescence behind it.

use std::sync::OnceLock;

use crate::record::{Call, Exchange, Nanos, Recording};

/// After the last call that was made alone, so that long exchanges are still counted as its own.
const TAIL: Nanos = 200_000_000;

/// How it is known which call an exchange belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The exchange carries the call's trace id.
    Trace,
    /// Nothing else was done in the call's time.
    Alone,
}

impl By {
    /// What evidence says of it.
    pub fn says(self) -> &'static str {
        match self {
            Self::Trace => "told apart by trace id",
            Self::Alone => "calls made one at a time",
        }
    }
}

/// The owner of every exchange, and what every kind of call was seen to reach.
#[derive(Debug)]
pub(super) struct Attribution {
    /// The time of each call that was made alone, in order: when it was sent, until when what
    /// begins is its own, and which call it is.
    alone: Vec<(Nanos, Nanos, u32)>,
    /// What each class's calls showed.
    classes: Vec<Reached>,
    /// The exchanges of each call, made when somebody first asks.
    of_calls: OnceLock<OfCalls>,
}

/// What is known of the edges that a class of calls reaches.
#[derive(Clone, Debug, Default)]
struct Reached {
    /// How many calls were made alone before anything was done to the system.
    tried: u32,
    /// How many of them reached each edge.
    by: Vec<u32>,
    /// How many exchanges they made on each edge.
    exchanges: Vec<u32>,
    /// Whether any call of the class, at any time, reached the edge by its trace id.
    traced: Vec<bool>,
}

impl Attribution {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut this = Self {
            alone: times_alone(recording),
            classes: Vec::new(),
            of_calls: OnceLock::new(),
        };
        this.classes = this.survey(recording);
        this
    }

    /// The call that an exchange belongs to, and how that is known.
    pub(super) fn owner(&self, recording: &Recording, exchange: &Exchange) -> Option<(usize, By)> {
        if let Some(call) = traced(recording, exchange) {
            return Some((call, By::Trace));
        }
        let at = exchange.start;
        let next = self.alone.partition_point(|(sent, ..)| *sent <= at);
        let (_, until, call) = self.alone.get(next.checked_sub(1)?)?;
        (at < *until).then_some((*call as usize, By::Alone))
    }

    /// The exchanges of a call on an edge, as places in what was seen there, in order.
    pub(super) fn exchanges_of(&self, recording: &Recording, call: usize, edge: usize) -> &[u32] {
        let of_calls = self
            .of_calls
            .get_or_init(|| OfCalls::of(recording, |exchange| self.owner(recording, exchange)));
        of_calls.on(edge, call)
    }

    /// Whether calls of a class reach an edge when all is well: at least half of those made alone
    /// did.
    pub(super) fn needs(&self, class: u16, edge: usize) -> bool {
        self.class(class).is_some_and(|seen| {
            let reached = seen.by.get(edge).copied().unwrap_or_default();
            seen.tried > 0 && 2 * reached >= seen.tried
        })
    }

    /// Whether a call of a class has ever been seen to reach an edge.
    pub(super) fn reaches(&self, class: u16, edge: usize) -> bool {
        self.class(class).is_some_and(|seen| {
            seen.by.get(edge).is_some_and(|reached| *reached > 0)
                || seen.traced.get(edge).is_some_and(|traced| *traced)
        })
    }

    /// How many calls of a class were made alone before anything was done to the system.
    pub(super) fn tried(&self, class: u16) -> u32 {
        self.class(class).map_or(0, |seen| seen.tried)
    }

    /// How many exchanges one call of a class makes on an edge when all is well, on average.
    pub(super) fn exchanges_per_call(&self, class: u16, edge: usize) -> Option<f64> {
        let seen = self.class(class).filter(|seen| seen.tried > 0)?;
        Some(f64::from(*seen.exchanges.get(edge)?) / f64::from(seen.tried))
    }

    fn class(&self, class: u16) -> Option<&Reached> {
        self.classes.get(usize::from(class))
    }

    /// What the calls that were made alone, before the first fault, and the trace ids show of the
    /// edges that each class reaches. What carries the trace of another call is not theirs.
    fn survey(&self, recording: &Recording) -> Vec<Reached> {
        let edges = recording.edges.len();
        let fresh = Reached {
            tried: 0,
            by: vec![0; edges],
            exchanges: vec![0; edges],
            traced: vec![false; edges],
        };
        let mut classes = vec![fresh; recording.classes.len()];
        let first_fault = first_fault(recording);
        for (sent, until, index) in &self.alone {
            let index = *index as usize;
            let class = classes.get_mut(usize::from(recording.calls[index].class));
            let Some(class) = class.filter(|_| *sent < first_fault) else {
                continue;
            };
            class.tried += 1;
            for (edge, seen) in recording.seen.iter().enumerate() {
                let first = seen.exchanges.partition_point(|e| e.start < *sent);
                let in_its_time = seen.exchanges[first..]
                    .iter()
                    .take_while(|e| e.start < *until);
                let its_own = in_its_time
                    .filter(|e| traced(recording, e).is_none_or(|of| of == index))
                    .count();
                class.by[edge] += u32::from(its_own > 0);
                class.exchanges[edge] += u32::try_from(its_own).unwrap_or(u32::MAX);
            }
        }
        for (edge, seen) in recording.seen.iter().enumerate() {
            for call in seen.exchanges.iter().filter_map(|e| traced(recording, e)) {
                let class = classes.get_mut(usize::from(recording.calls[call].class));
                if let Some(class) = class {
                    class.traced[edge] = true;
                }
            }
        }
        classes
    }
}

/// The exchanges of every call, edge by edge.
#[derive(Debug)]
struct OfCalls(Vec<OnEdge>);

/// What calls made on one edge: the exchanges of call `n` are those between two bounds.
#[derive(Debug)]
struct OnEdge {
    /// For each call where its exchanges begin; one more for the end.
    bounds: Vec<u32>,
    /// Places in what was seen on the edge.
    exchanges: Vec<u32>,
}

impl OfCalls {
    fn of(recording: &Recording, owner: impl Fn(&Exchange) -> Option<(usize, By)>) -> Self {
        let on = |seen: &crate::record::Seen| {
            let mut bounds = vec![0_u32; recording.calls.len() + 1];
            for (call, _) in seen.exchanges.iter().filter_map(&owner) {
                bounds[call + 1] += 1;
            }
            let mut sum = 0;
            for bound in &mut bounds {
                sum += *bound;
                *bound = sum;
            }
            let mut next = bounds.clone();
            let mut exchanges = vec![0_u32; sum as usize];
            for (place, exchange) in (0..).zip(&seen.exchanges) {
                if let Some((call, _)) = owner(exchange) {
                    exchanges[next[call] as usize] = place;
                    next[call] += 1;
                }
            }
            OnEdge { bounds, exchanges }
        };
        Self(recording.seen.iter().map(on).collect())
    }

    fn on(&self, edge: usize, call: usize) -> &[u32] {
        let Some(on) = self.0.get(edge) else {
            return &[];
        };
        match (on.bounds.get(call), on.bounds.get(call + 1)) {
            (Some(from), Some(until)) => &on.exchanges[*from as usize..*until as usize],
            _ => &[],
        }
    }
}

/// The call whose trace id an exchange carries.
pub(super) fn traced(recording: &Recording, exchange: &Exchange) -> Option<usize> {
    let trace = exchange.trace?;
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the id")]
    let (base, call) = ((trace >> 64) as u64, trace as u64);
    if base != recording.trace_base {
        return None;
    }
    usize::try_from(call.checked_sub(1)?)
        .ok()
        .filter(|call| *call < recording.calls.len())
}

/// When the first fault came; never, where none did. One that was there before the services were is
/// what they know.
pub(super) fn first_fault(recording: &Recording) -> Nanos {
    let began = recording.phases.first().map_or(0, |mark| mark.from);
    let came = recording.faults.iter().map(|fault| fault.from);
    came.filter(|from| *from > began)
        .min()
        .unwrap_or(Nanos::MAX)
}

/// When each call that was made alone had the system for itself: from its sending until the next
/// call of any kind.
fn times_alone(recording: &Recording) -> Vec<(Nanos, Nanos, u32)> {
    let calls = || (0_u32..).zip(&recording.calls);
    let mut alone: Vec<(Nanos, Nanos, u32)> = calls()
        .filter(|(_, call)| call.serial)
        .map(|(index, call)| (call.sent, end_of(call), index))
        .collect();
    alone.sort_unstable();
    // The load's calls come in the order of their sending, but for a few.
    let mut others: Vec<Nanos> = calls()
        .filter(|(_, call)| !call.serial && !alone.is_empty())
        .map(|(_, call)| call.sent)
        .collect();
    others.sort_unstable();
    for place in 0..alone.len() {
        let next_alone = alone.get(place + 1).map(|(sent, ..)| *sent);
        let (sent, until, _) = &mut alone[place];
        let other = others.partition_point(|other| other < sent);
        let next = [next_alone, others.get(other).copied()];
        *until = next.into_iter().flatten().min().unwrap_or(*until);
    }
    alone
}

fn end_of(call: &Call) -> Nanos {
    call.end.unwrap_or(call.sent).saturating_add(TAIL)
}
