//! Exit codes that no report stands behind; the others are [`shaketable::report::RunOutcome`]'s.

use std::process::ExitCode;

/// An exit code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

/// All is well.
pub(crate) const OK: Exit = Exit(0);
/// The demonstration did not come out as it should.
pub(crate) const FAILED: Exit = Exit(1);
/// The command line or the suite is wrong.
pub(crate) const USAGE: Exit = Exit(2);
/// The environment is.
pub(crate) const ENVIRONMENT: Exit = Exit(3);
/// What was measured decides nothing.
pub(crate) const INCONCLUSIVE: Exit = Exit(5);
/// Nothing was selected.
pub(crate) const NOTHING: Exit = Exit(4);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
