//! What a run needs to know beside its plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::event::Events;
use crate::launch::KeeperCommand;

/// What a run needs to know beside its plan.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How a keeper is started.
    pub keeper: KeeperCommand,
    /// What `$SHAKETABLE` stands for: the running program.
    pub program: PathBuf,
    /// The binaries that were built for the services that are started by `cargo`, by service.
    pub built: BTreeMap<String, PathBuf>,
    /// Where the run's files go.
    pub out: PathBuf,
    /// Where the story is told.
    pub events: Events,
    /// Ends the run early; everything is reverted.
    pub cancel: CancellationToken,
}

impl Setting {
    /// What `$NAME` stands for in every command of a suite.
    pub(super) fn vars(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("SHAKETABLE".to_owned(), self.program.display().to_string())])
    }
}
