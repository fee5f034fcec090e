//! The suite language from outside: what is accepted, what is refused and how, and that nothing
//! makes it panic.

#![expect(
    clippy::unwrap_used,
    reason = "what is wrong ends a test, in its helpers too"
)]

mod body_schema;
mod goose;
mod random;
mod requests;
mod right;
mod schema;
mod wrong;

use shaketable::suite::{self, InMemory, Suite, SuiteErrors};

/// Loads a text in which nothing is taken from the environment.
fn load_text(text: &str) -> Result<Suite, SuiteErrors> {
    suite::load("suite.yaml", &InMemory::one("suite.yaml", text), &|_| None)
}
