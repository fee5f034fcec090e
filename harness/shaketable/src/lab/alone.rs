//! Phases in which calls are made one at a time, so that every exchange belongs to a known call
//! without any help of the targets.

use std::time::Duration;

use tokio::time::Instant;

use super::phases::{Phases, Stop};
use crate::check::recipe::Kinds;
use crate::check::view::View;
use crate::record::{Call, Phase};
use crate::suite::Stage;

/// The longest wait until calls come out again as they did before a fault.
const SETTLED_MAX: Duration = Duration::from_secs(15);
/// The pause before the next attempt where they do not.
const PAUSE: Duration = Duration::from_millis(100);
/// So many calls in a row must.
const SETTLED: usize = 2;
/// How often, in one phase, a caller that has turned away from its edge is waited for.
const RETURNS_MAX: usize = 4;

/// The edges on which something is wrong, and the calls by which that is seen.
struct Tried {
    edges: Vec<usize>,
    classes: Option<Vec<u16>>,
}

impl Phases<'_> {
    /// So many calls of each kind, one at a time.
    pub(super) async fn alone(
        &mut self,
        stage: &Stage,
        each: usize,
        of: Kinds,
    ) -> Result<(), Stop> {
        let tried = self.tried(stage, of);
        if tried.classes.as_ref().is_some_and(Vec::is_empty) {
            // No call gets there: there is nothing to see.
            return Ok(());
        }
        self.inject(stage).await;
        self.begin(stage.phase, stage.planned());
        let (mut made, mut returns) = (0, 0);
        while made < each {
            let before = self.seen_on(&tried.edges);
            self.one_of_each(&tried).await?;
            let turned_away = !tried.edges.is_empty()
                && !self.refuses(stage)
                && self.seen_on(&tried.edges) == before;
            if !turned_away {
                made += 1;
                self.tell_progress(stage.phase, made as f64 / each as f64);
            } else if returns == RETURNS_MAX {
                break;
            } else {
                // A breaker is open, or a budget is used up: the caller gets the time to come back.
                returns += 1;
                self.mark_end();
                if !self.lift().await.is_empty() {
                    return Err(Stop::Unreverted);
                }
                self.comes_back(&tried).await?;
                self.inject(stage).await;
                self.begin(stage.phase, stage.planned());
            }
        }
        self.mark_end();
        Ok(())
    }

    /// Calls until they come out as they did before the fault that has just been lifted.
    pub(super) async fn settled(&mut self, stage: &Stage) -> Result<(), Stop> {
        let before = self.last_tried();
        if let Some(tried) = before {
            self.comes_back(&tried).await?;
        } else {
            self.begin(stage.phase, stage.planned());
        }
        self.mark_end();
        Ok(())
    }

    /// The recovery in which a caller turns to its edge again.
    async fn comes_back(&mut self, tried: &Tried) -> Result<(), Stop> {
        self.begin(Phase::Recovery, PAUSE);
        let deadline = Instant::now() + SETTLED_MAX;
        let mut in_a_row = 0;
        while in_a_row < SETTLED && Instant::now() < deadline {
            let before: Vec<usize> = tried
                .edges
                .iter()
                .map(|edge| self.seen_on(&[*edge]))
                .collect();
            let first = self.witnesses.load.calls.since(0, <[_]>::len);
            self.one_of_each(tried).await?;
            let after = tried.edges.iter().map(|edge| self.seen_on(&[*edge]));
            let reached = after.zip(before).all(|(after, before)| after > before);
            let normal = |calls: &[Call]| calls.iter().all(Call::is_good);
            if reached && self.witnesses.load.calls.since(first, normal) {
                in_a_row += 1;
            } else {
                in_a_row = 0;
                let pause = tokio::time::sleep(PAUSE);
                self.unless_stopped(pause)
                    .await
                    .inspect_err(|_| self.mark_end())?;
            }
        }
        self.mark_end();
        Ok(())
    }

    async fn one_of_each(&mut self, tried: &Tried) -> Result<(), Stop> {
        let calls = self.witnesses.load.one_of_each(tried.classes.clone());
        let made = self.unless_stopped(calls).await;
        if made.is_err() {
            self.mark_end();
        }
        made
    }

    /// What a stage tries, as far as is known by now.
    fn tried(&self, stage: &Stage, of: Kinds) -> Tried {
        let entries = stage.faults.iter();
        let names = entries.map(|place| &self.witnesses.experiment.faults[*place].edge);
        let suite = &self.witnesses.plan.suite;
        let edges: Vec<usize> = names
            .filter_map(|name| suite.edges.iter().position(|edge| edge.name == *name))
            .collect();
        self.by_classes(edges, of)
    }

    /// What the last fault was tried on.
    fn last_tried(&self) -> Option<Tried> {
        let last = self.faults.last()?;
        Some(self.by_classes(vec![last.edge], Kinds::One))
    }

    fn by_classes(&self, edges: Vec<usize>, of: Kinds) -> Tried {
        if edges.is_empty() || of == Kinds::Every {
            return Tried {
                edges,
                classes: None,
            };
        }
        let recording = self.witnesses.recording(&self.marks, &self.faults, false);
        let view = View::new(&recording);
        let needs = |class: &u16| edges.iter().any(|edge| view.class_needs(*class, *edge));
        let most = if of == Kinds::One { 1 } else { usize::MAX };
        let classes = (0..).take(recording.classes.len()).filter(needs);
        Tried {
            classes: Some(classes.take(most).collect()),
            edges,
        }
    }

    /// How many exchanges there have been on these edges.
    fn seen_on(&self, edges: &[usize]) -> usize {
        let proxies = &self.witnesses.lab.proxies;
        edges.iter().map(|edge| proxies[*edge].count()).sum()
    }

    /// Whether what a stage does leaves nothing to count.
    fn refuses(&self, stage: &Stage) -> bool {
        use shaketable_faults::fault::Door;
        let faults = &self.witnesses.experiment.faults;
        stage
            .faults
            .iter()
            .any(|place| faults[*place].fault.door() != Door::Open)
    }
}
