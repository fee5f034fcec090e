//! What is done to one exchange, and until when.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::edge::Active;
use crate::fault::Treatment;
use crate::fault::flow::Delay;
use crate::timer;

/// What is done to one exchange. Most are left alone, and own nothing.
#[derive(Debug, Default)]
pub(crate) struct Decision(Option<Box<Hit>>);

#[derive(Debug)]
struct Hit {
    treatment: Treatment,
    fault: u32,
    lifted: Vec<CancellationToken>,
    dice: Dice,
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
    /// One more fault hits.
    pub(crate) fn add(&mut self, active: &Active, mut dice: Dice) {
        let hit = self.0.get_or_insert_with(|| {
            Box::new(Hit {
                treatment: Treatment::default(),
                fault: active.number,
                lifted: Vec::new(),
                dice: dice.clone(),
            })
        });
        active.rule.fault.treat(&mut dice, &mut hit.treatment);
        if active.rule.redirect.is_some() {
            hit.treatment.request.to = active.rule.redirect;
        }
        hit.lifted.push(active.lifted.clone());
    }

    /// What is done; `None`: nothing.
    pub(crate) fn treatment(&self) -> Option<&Treatment> {
        self.0.as_deref().map(|hit| &hit.treatment)
    }

    /// The first fault that hit.
    pub(crate) fn fault(&self) -> Option<u32> {
        self.0.as_deref().map(|hit| hit.fault)
    }

    /// The dice for what varies within the exchange.
    pub(crate) fn dice(&self) -> Dice {
        self.0
            .as_deref()
            .map_or_else(|| Dice::of(0, "", "", 0), |hit| hit.dice.clone())
    }

    /// Waits until one of the faults that hit is lifted; for ever where none did.
    pub(crate) async fn lifted(&self) {
        let Some(hit) = &self.0 else {
            return std::future::pending().await;
        };
        let waits = hit.lifted.iter().map(|token| Box::pin(token.cancelled()));
        let mut waits: Vec<_> = waits.collect();
        std::future::poll_fn(|cx| {
            let ready = waits.iter_mut().any(|w| w.as_mut().poll(cx).is_ready());
            if ready {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    /// Whether a fault that hit has been lifted since.
    pub(crate) fn is_lifted(&self) -> bool {
        self.0
            .as_deref()
            .is_some_and(|hit| hit.lifted.iter().any(CancellationToken::is_cancelled))
    }

    /// Waits as long as the delays say, but not beyond the faults' end.
    pub(crate) async fn hold(&self, delays: &[Delay]) -> Held {
        if delays.is_empty() {
            return Held::Released;
        }
        let mut dice = self.dice();
        let delay: Duration = delays.iter().map(|delay| delay.sample(&mut dice)).sum();
        let in_time = self.hold_until(Instant::now() + delay).await;
        if !in_time && delays.iter().any(|delay| delay.dropped_when_lifted) {
            Held::Dropped
        } else {
            Held::Released
        }
    }

    /// Waits until then, but not beyond the faults' end; says whether the time came first.
    pub(crate) async fn hold_until(&self, due: Instant) -> bool {
        tokio::select! {
            biased;
            () = self.lifted() => false,
            () = timer::sleep_until(due) => true,
        }
    }
}
