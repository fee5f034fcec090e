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

/// After so long without calls, windows of breakers are empty.
const FORGOTTEN: Duration = Duration::from_secs(2);
/// How long a caller that has come back is watched further.
const AFTERWARDS: Duration = Duration::from_millis(300);

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
        (each, of): (usize, Kinds),
        watch: Option<Duration>,
    ) -> Result<(), Stop> {
        let tried = self.tried(stage, of);
        if tried.classes.as_ref().is_some_and(Vec::is_empty) {
            // No call gets there: there is nothing to see.
            return Ok(());
        }
        if watch.is_some() {
            // What a breaker has counted in its window is to be forgotten first.
            let pause = tokio::time::sleep(FORGOTTEN);
            self.unless_stopped(pause).await?;
        }
        self.inject(stage).await;
        self.begin(stage.phase, stage.planned());
        let (mut made, mut returns) = (0, 0);
        while made < each {
            let reached = self.one_of_each(&tried).await?;
            if reached || tried.edges.is_empty() || self.refuses(stage) {
                made += 1;
                self.tell_progress(stage.phase, made as f64 / each as f64);
            } else if let Some(watch) = watch {
                self.watched(&tried, watch).await?;
                break;
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

    /// Calls on under the fault until the caller comes back to its edge, and a little longer.
    async fn watched(&mut self, tried: &Tried, at_most: Duration) -> Result<(), Stop> {
        let mut until = Instant::now() + at_most;
        let mut came_back = false;
        while Instant::now() < until {
            if self.one_of_each(tried).await? && !came_back {
                came_back = true;
                until = until.min(Instant::now() + AFTERWARDS);
            }
        }
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
            let first = self.witnesses.load.calls.since(0, <[_]>::len);
            let reached = self.one_of_each(tried).await?;
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

    /// A call of each kind; gives whether they reached the edges, all of them.
    async fn one_of_each(&mut self, tried: &Tried) -> Result<bool, Stop> {
        let before = self.seen_on(&tried.edges);
        let calls = self.witnesses.load.one_of_each(tried.classes.clone());
        if let Err(stop) = self.unless_stopped(calls).await {
            self.mark_end();
            return Err(stop);
        }
        let after = self.seen_on(&tried.edges);
        Ok(after
            .iter()
            .zip(before)
            .all(|(after, before)| *after > before))
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

    /// How many exchanges there have been on each of these edges.
    fn seen_on(&self, edges: &[usize]) -> Vec<usize> {
        let proxies = &self.witnesses.lab.proxies;
        edges.iter().map(|edge| proxies[*edge].count()).collect()
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
