//! Puts a fault of an experiment in force on its edge, and marks it.

use std::sync::Arc;

use shaketable_faults::Rule;
use shaketable_faults::fault::Door;
use shaketable_faults::observe::Clock;

use super::start::Lab;
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
    let redirects_to = entry.fault.redirects_to();
    let rule = Rule {
        which: entry.which.clone(),
        times: entry.times,
        probability: entry.probability,
        schedule: entry.schedule,
        redirect: redirects_to.and_then(|service| lab.addresses.get(service).copied()),
        ..Rule::new(
            format!("{}#{same}", entry.kind.name),
            Arc::clone(&entry.fault),
        )
    };
    let injected = if redirects_to.is_some() && rule.redirect.is_none() {
        None
    } else {
        lab.proxies[edge].inject(rule).await.ok()
    };
    let (number, from) = injected.unwrap_or_else(|| (u32::MAX, clock.now()));
    let mark = FaultMark {
        edge,
        number,
        kind: entry.kind.name.to_owned(),
        says: entry.describe(),
        hang: entry.fault.hang().map(|hang| hang.name().to_owned()),
        delay: entry.fault.delay().map(nanos),
        refuses: entry.fault.door() != Door::Open,
        probability: entry.probability,
        from,
        until: None,
    };
    events.tell(Event::FaultInjected {
        fault: format!("{} on {}", mark.says, entry.edge),
    });
    Some(mark)
}
