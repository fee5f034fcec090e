//! The stubs of a lab: played by ourselves, beside the services that are processes.

use std::path::Path;
use std::sync::Arc;

use shaketable_faults::stub::Spec;

use super::setting::Setting;
use super::start::{Lab, LabError, file_name};
use crate::event::Event;
use crate::launch::{self, Played};
use crate::plan::Plan;
use crate::suite::Service;

impl Lab {
    /// Plays a service that is a stub; it is ready at once.
    pub(super) async fn play(
        &mut self,
        service: &Service,
        spec: &Arc<Spec>,
        plan: &Plan,
        setting: &Setting,
    ) -> Result<(), LabError> {
        let played = launch::play(&service.name, spec, plan.seed, service.port)?;
        let after = played.ready_after();
        setting.events.tell(Event::ServiceReady {
            service: service.name.clone(),
            after,
        });
        self.ready_after.insert(service.name.clone(), after);
        self.at(&plan.suite.edges, &service.name, played.address())
            .await?;
        self.stubs.push(played);
        Ok(())
    }
}

/// Ends stubs, and writes down beside the logs what has become of each: `payment.stub.json`.
pub(super) async fn end(stubs: Vec<Played>, dir: &Path, setting: &Setting) -> Result<(), LabError> {
    for played in &stubs {
        for limit in played.stub().limits_met() {
            let service = played.name().to_owned();
            setting.events.tell(Event::LimitMet { service, limit });
        }
    }
    let dir = dir.to_owned();
    // Writes files and joins threads: short, but not for the runtime's own threads.
    let ended = tokio::task::spawn_blocking(move || {
        stubs.into_iter().try_for_each(|played| {
            let path = dir.join(format!("{}.stub.json", file_name(played.name())));
            let text = format!("{:#}\n", played.stub().summary());
            std::fs::write(&path, text).map_err(|source| LabError::Own {
                what: format!("write {}", path.display()),
                source,
            })
        })
    });
    ended.await.unwrap_or_else(|panicked| {
        Err(LabError::Own {
            what: "end the stubs".to_owned(),
            source: std::io::Error::other(panicked),
        })
    })
}
