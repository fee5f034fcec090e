//! What is done to one exchange, and until when.
//!
//! Which faults hit an exchange is decided once, when its request is read. What they do is looked up
//! anew whenever the edge's faults change: one that was lifted, or switched off by its schedule,
//! holds nothing back any more, and one that was changed does what it says now.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::edge::{Active, Edge, Lot, lock};
use crate::fault::Treatment;
use crate::fault::flow::Flow;
use crate::timer::Alarm;

/// What is done to one exchange. Most are left alone, and own nothing.
#[derive(Debug, Default)]
pub(crate) struct Decision(Option<Box<Hit>>);

#[derive(Debug)]
struct Hit {
    edge: Arc<Edge>,
    /// The faults that hit, by their numbers.
    faults: Vec<(u32, Lot)>,
    /// What they were to do when it was decided.
    treatment: Treatment,
    now: Mutex<(u64, Arc<Effect>)>,
}

/// What is done at a moment, and the dice for what varies within the exchange.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    pub(crate) treatment: Treatment,
    up: Lots,
    down: Lots,
}

/// The dice of what varies in one direction, apart from each other, so that what comes and goes
/// beside it changes nothing.
#[derive(Clone, Debug, Default)]
struct Lots {
    delays: Vec<Dice>,
    corrupt: Option<Dice>,
    slice: Option<Dice>,
}

impl Lots {
    /// A fault has changed a flow.
    fn note(&mut self, before: (f64, bool), flow: &Flow, dice: &Dice) {
        while self.delays.len() < flow.delays.len() {
            self.delays.push(dice.apart(self.delays.len() as u64));
        }
        if flow.corrupt.to_bits() != before.0.to_bits() {
            self.corrupt = Some(dice.apart(u64::MAX));
        }
        if flow.slice.is_some() && !before.1 {
            self.slice = Some(dice.apart(u64::MAX - 1));
        }
    }
}

/// One of the two directions of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// From the caller to the callee.
    Up,
    /// From the callee to the caller.
    Down,
}

impl Effect {
    fn add(&mut self, active: &Active, lot: &Lot) {
        let told = |flow: &Flow| (flow.corrupt, flow.slice.is_some());
        let before = (told(&self.treatment.up), told(&self.treatment.down));
        active.treat(lot, &mut self.treatment);
        let (up, down) = (lot.dice.apart(1), lot.dice.apart(2));
        self.up.note(before.0, &self.treatment.up, &up);
        self.down.note(before.1, &self.treatment.down, &down);
    }

    /// What is done to the bytes of one direction.
    pub(crate) fn flow(&self, side: Side) -> &Flow {
        match side {
            Side::Up => &self.treatment.up,
            Side::Down => &self.treatment.down,
        }
    }

    fn lots(&self, side: Side) -> &Lots {
        match side {
            Side::Up => &self.up,
            Side::Down => &self.down,
        }
    }

    /// How late what goes in one direction is.
    fn delay(&self, side: Side) -> Duration {
        let (flow, lots) = (self.flow(side), self.lots(side));
        let each = flow.delays.iter().zip(&lots.delays);
        each.map(|(delay, dice)| delay.sample(&mut dice.clone()))
            .sum()
    }

    /// Whether what is held back is dropped when the fault that holds it is lifted.
    fn drops(&self, side: Side) -> bool {
        let delays = &self.flow(side).delays;
        delays.iter().any(|delay| delay.dropped_when_lifted)
    }
}

/// Whether what was held back may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The time is over, or the fault was lifted.
    Released,
    /// The fault was lifted, and drops what it held.
    Dropped,
}

impl Decision {
    /// What follows from the faults that hit, in the order of the edge's rules.
    pub(crate) fn new(edge: &Arc<Edge>, version: u64, hits: Vec<(Arc<Active>, Lot)>) -> Self {
        if hits.is_empty() {
            return Self::default();
        }
        let mut effect = Effect::default();
        for (active, lot) in &hits {
            effect.add(active, lot);
        }
        let faults = hits.into_iter().map(|(active, lot)| (active.number, lot));
        Self(Some(Box::new(Hit {
            edge: Arc::clone(edge),
            faults: faults.collect(),
            treatment: effect.treatment.clone(),
            now: Mutex::new((version, Arc::new(effect))),
        })))
    }

    /// What was decided; `None`: nothing is done.
    pub(crate) fn treatment(&self) -> Option<&Treatment> {
        self.0.as_deref().map(|hit| &hit.treatment)
    }

    /// The first fault that hit.
    pub(crate) fn fault(&self) -> Option<u32> {
        self.0.as_deref()?.faults.first().map(|(number, _)| *number)
    }

    /// Whether exactly one fault hit.
    pub(crate) fn is_single(&self) -> bool {
        self.0.as_deref().is_some_and(|hit| hit.faults.len() == 1)
    }

    /// The dice for the changes to an answer.
    pub(crate) fn dice(&self) -> Dice {
        let first = self.0.as_deref().and_then(|hit| hit.faults.first());
        first.map_or_else(|| Dice::of(0, "", "", 0), |(_, lot)| lot.dice.clone())
    }

    /// The dice for the bytes that are corrupted in one direction, and for the sizes of slices.
    pub(crate) fn dice_of(&self, side: Side) -> (Dice, Dice) {
        let effect = self.now();
        let lots = effect.lots(side);
        let or_any = |dice: &Option<Dice>| dice.clone().unwrap_or_else(|| self.dice());
        (or_any(&lots.corrupt), or_any(&lots.slice))
    }

    /// What is done now.
    pub(crate) fn now(&self) -> Arc<Effect> {
        let Some(hit) = self.0.as_deref() else {
            return Arc::default();
        };
        let version = hit.edge.version.load(Ordering::Acquire);
        let mut now = lock(&hit.now);
        if now.0 != version {
            let (rules, mut effect) = (hit.edge.rules(), Effect::default());
            for (number, lot) in &hit.faults {
                let still = rules.iter().find(|active| active.number == *number);
                if let Some(active) = still
                    && active.is_on()
                    && lot.hits(active)
                {
                    effect.add(active, lot);
                }
            }
            *now = (version, Arc::new(effect));
        }
        Arc::clone(&now.1)
    }

    /// Waits until this is over, or until then if there is such a time; says whether it is over.
    ///
    /// Whatever changes on an edge wakes the tasks of its connections, so that they ask again here.
    pub(crate) async fn until(&self, due: Option<Instant>, over: impl Fn(&Effect) -> bool) -> bool {
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            if self.0.is_some() && over(&self.now()) {
                return Poll::Ready(true);
            }
            match due {
                Some(due) => alarm.poll_until(cx, due).map(|()| false),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits until then, or until what is done is no longer what it was before.
    pub(crate) async fn pause(&self, before: &Arc<Effect>, due: Instant) {
        let changed = |now: &Effect| !std::ptr::eq(now, Arc::as_ptr(before));
        self.until(Some(due), changed).await;
    }

    /// Waits as long as the delays of one direction say, but not beyond the end of their faults.
    pub(crate) async fn hold(&self, side: Side) -> Held {
        if self.0.is_none() {
            return Held::Released;
        }
        let (began, mut before) = (Instant::now(), self.now());
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            let now = self.now();
            if !Arc::ptr_eq(&now, &before) {
                if before.drops(side) && !now.drops(side) {
                    return Poll::Ready(Held::Dropped);
                }
                before = now;
            }
            let delay = before.delay(side);
            if delay.is_zero() {
                return Poll::Ready(Held::Released);
            }
            alarm.poll_until(cx, began + delay).map(|()| Held::Released)
        })
        .await
    }
}
