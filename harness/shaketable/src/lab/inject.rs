//! Puts a fault of an experiment in force on its edge, and marks it.

use std::sync::Arc;

use shaketable_faults::Rule;
use shaketable_faults::fault::{Door, Fault};
use shaketable_faults::observe::{Clock, Nanos};

use super::start::Lab;
use crate::backend::{Mark, toxics};
use crate::check::view::nanos;
use crate::event::{Event, Events};
use crate::record::FaultMark;
use crate::suite::FaultEntry;

/// Injects a fault; `None` where its edge has no proxy. One that could not be injected gets a
/// number that nothing will have met.
pub(super) async fn inject(
    lab: &Lab,
    entry: &FaultEntry,
    marks: &[FaultMark],
    clock: Clock,
    events: &Events,
) -> Option<FaultMark> {
    let name = entry.edge.to_string();
    let edge = lab.proxies.iter().position(|proxy| proxy.name() == name)?;
    let same = marks
        .iter()
        .filter(|mark| mark.edge == edge && mark.kind == entry.kind.name)
        .count();
    let fault: Arc<dyn Fault> = match &lab.backend {
        Some(_) => Arc::new(Mark(Arc::clone(&entry.fault))),
        None => Arc::clone(&entry.fault),
    };
    let rule = Rule {
        which: entry.which.clone(),
        times: entry.times,
        probability: entry.probability,
        schedule: entry.schedule,
        redirect: entry
            .fault
            .redirects_to()
            .and_then(|service| lab.addresses.get(service).copied()),
        ..Rule::new(format!("{}#{same}", entry.kind.name), fault)
    };
    let injected = put_in_force(lab, edge, rule, (entry, marks.len())).await;
    let (number, from) = match &injected {
        Ok(injected) => *injected,
        Err(_) => (u32::MAX, clock.now()),
    };
    let mark = FaultMark {
        edge,
        number,
        kind: entry.kind.name.to_owned(),
        says: entry.describe(),
        hang: entry.fault.hang().map(|hang| hang.name().to_owned()),
        delay: entry.fault.delay().map(nanos),
        retry_after: entry.fault.retry_after().map(nanos),
        refuses: entry.fault.door() != Door::Open,
        probability: entry.probability,
        from,
        until: None,
    };
    let fault = format!("{} on {}", mark.says, entry.edge);
    events.tell(match injected {
        Ok(_) => Event::FaultInjected { fault },
        Err(why) => Event::FaultFailed { fault, why },
    });
    Some(mark)
}

/// Injects into our own proxy, and where somebody else carries the faults out, there too.
async fn put_in_force(
    lab: &Lab,
    edge: usize,
    rule: Rule,
    (entry, key): (&FaultEntry, usize),
) -> Result<(u32, Nanos), String> {
    let proxy = &lab.proxies[edge];
    if rule.redirect.is_none()
        && let Some(service) = entry.fault.redirects_to()
    {
        return Err(format!("nobody knows where `{service}` is"));
    }
    // First there, then the mark: what is marked has been hit.
    if let Some(backend) = &lab.backend {
        let toxics = toxics(entry.kind, &entry.value)?;
        let injected = backend.inject(proxy.name(), key, toxics).await;
        injected.map_err(|error| error.to_string())?;
    }
    proxy.inject(rule).await.map_err(|error| error.to_string())
}
