//! Who carries the faults out, and whether they can.

use std::net::SocketAddr;

use indexmap::IndexMap;
use shaketable_faults::Protocol;
use shaketable_faults::times::{Shape, Times};
use shaketable_faults::which::Which;

use super::Reader;
use crate::backend;
use crate::suite::model::{Edge, Experiment, FaultEntry};
use crate::suite::path::{Path, steps};
use crate::suite::written::Backend;

impl Reader<'_> {
    /// The server that carries the faults out.
    pub(super) fn backend(&mut self) -> Option<SocketAddr> {
        let path = steps!["backend"];
        let Backend { toxiproxy } = self.part(&path)?;
        if !backend::IS_BUILT {
            self.complain_of_key(
                &path,
                "this build cannot drive a Toxiproxy server",
                "build it with `cargo install --path harness/shaketable-cli --features toxiproxy`, or remove `backend`",
            );
        }
        toxiproxy.0.parse().ok()
    }

    /// Every fault can be said in the backend's own words.
    pub(super) fn fits_backend(
        &mut self,
        experiments: &IndexMap<String, Experiment>,
        edges: &[Edge],
    ) {
        for (name, experiment) in experiments {
            let list = steps!["experiments", name.as_str(), "faults"];
            for (index, entry) in experiment.faults.iter().enumerate() {
                self.fits_toxiproxy(&list.then(index), entry, edges);
            }
        }
    }

    fn fits_toxiproxy(&mut self, path: &Path, entry: &FaultEntry, edges: &[Edge]) {
        let kind = entry.kind;
        if let Err(why) = backend::toxics(kind, &entry.value) {
            let (message, help) = why.split_once("; ").unwrap_or((&why, ""));
            self.complain(&path.then(kind.name), message, help);
        }
        let help = "remove it, or remove `backend`";
        let given = [
            ("where", entry.which != Which::default()),
            ("times", entry.times != Times::default()),
            ("probability", entry.probability < 1.0),
            ("after", !entry.schedule.after.is_zero()),
            ("lasts", entry.schedule.lasts.is_some()),
            ("schedule", entry.schedule.shape != Shape::default()),
            ("from", entry.from_start),
        ];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            let message = format!("Toxiproxy knows no exchanges, and cannot do `{key}`");
            self.complain_of_key(&path.then(*key), &message, help);
        }
        // Toxiproxy delays and cuts bytes, whatever they say; on an HTTP edge a fault's value means
        // the body, or the answer.
        let http = edges
            .iter()
            .any(|edge| edge.name == entry.edge && edge.protocol == Protocol::Http);
        if http && matches!(kind.name, "limit_data" | "slicer" | "bandwidth") {
            let message = format!(
                "`{}` means the bodies here, and Toxiproxy knows none",
                kind.name
            );
            self.complain_of_key(&path.then(kind.name), &message, help);
        }
    }
}
