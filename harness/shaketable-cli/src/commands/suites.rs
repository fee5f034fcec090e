//! Reads suites for the commands, and shows what is wrong with them.

use std::path::Path;

use shaketable::plan::Plan;
use shaketable::suite::{self, Disk, Files, Suite};

use crate::args::SelectArgs;
use crate::exit::{self, Exit};
use crate::terminal::{complain, render_errors};

/// Reads a suite from the disk; what is wrong has been shown when it is an error.
pub(super) fn load(path: &Path) -> Result<Suite, Exit> {
    load_from(&path.display().to_string(), &Disk)
}

/// Reads a suite from wherever its files are.
pub(super) fn load_from(path: &str, files: &dyn Files) -> Result<Suite, Exit> {
    suite::load(path, files, &|name| std::env::var(name).ok()).map_err(|errors| {
        render_errors(errors);
        exit::USAGE
    })
}

/// Makes a plan of a suite.
pub(super) fn plan(suite: Suite, file: &str, select: &SelectArgs) -> Result<Plan, Exit> {
    Plan::resolve(suite, file, select.seed, select.filter.as_deref()).map_err(|nothing| {
        complain(&nothing.to_string());
        exit::NOTHING
    })
}
