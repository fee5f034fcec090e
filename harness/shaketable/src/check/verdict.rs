//! What a check says: pass, fail or inconclusive, with the evidence that decided it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Phase;

/// The three things that can be said.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Pass,
    /// It cannot be known from this recording.
    Inconclusive,
    /// It does not hold.
    Fail,
}

/// What one check says of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The check's name in the catalogue.
    pub check: String,
    /// What it is said of: an edge, a service, a kind of call.
    pub about: String,
    /// What should hold, in words: `the caller gives up on a hung edge by itself`.
    pub claim: String,
    /// What was said.
    pub state: State,
    /// What was measured, with its unit.
    pub measured: String,
    /// What it was held against.
    pub bound: String,
    /// How often what is judged was exercised.
    pub exercised: u64,
    /// What was counted for that: `calls`, `hung exchanges`.
    pub exercised_what: String,
    /// Why it failed or is inconclusive, in a sentence that a tired person understands.
    pub reason: Option<String>,
    /// What decided it, a fact a line.
    pub evidence: Vec<String>,
    /// What to look at next.
    pub next: Option<String>,
    /// The phase whose lengthening could decide an inconclusive verdict.
    pub wants_more: Option<Phase>,
}

impl Verdict {
    /// A verdict about something, inconclusive until it is decided.
    pub fn about(check: &str, about: impl Into<String>, claim: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            about: about.into(),
            claim: claim.into(),
            state: State::Inconclusive,
            measured: "-".to_owned(),
            bound: "-".to_owned(),
            exercised: 0,
            exercised_what: String::new(),
            reason: None,
            evidence: Vec::new(),
            next: None,
            wants_more: None,
        }
    }

    /// States what was measured against what.
    #[must_use]
    pub fn measured(mut self, measured: impl Into<String>, bound: impl Into<String>) -> Self {
        self.measured = measured.into();
        self.bound = bound.into();
        self
    }

    /// States how often it was exercised.
    #[must_use]
    pub fn exercised(mut self, count: usize, what: &str) -> Self {
        self.exercised = count as u64;
        what.clone_into(&mut self.exercised_what);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn evidence(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(fact.into());
        self
    }

    /// It holds.
    #[must_use]
    pub fn pass(mut self) -> Self {
        self.state = State::Pass;
        self
    }

    /// It does not hold.
    #[must_use]
    pub fn fail(mut self, reason: impl Into<String>, next: impl Into<String>) -> Self {
        self.state = State::Fail;
        self.reason = Some(reason.into());
        self.next = Some(next.into());
        self
    }

    /// It cannot be known.
    #[must_use]
    pub fn inconclusive(mut self, reason: impl Into<String>) -> Self {
        self.state = State::Inconclusive;
        self.reason = Some(reason.into());
        self
    }

    /// It could be known from a longer phase.
    #[must_use]
    pub fn wants_more(mut self, phase: Phase) -> Self {
        self.wants_more = Some(phase);
        self
    }
}
