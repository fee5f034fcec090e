//! Who has to be up before whom: callees before their callers, as far as there is no circle.

use crate::suite::Suite;

/// The services in groups; each group can start at once when those before it are ready.
pub(super) fn levels(suite: &Suite) -> Vec<Vec<String>> {
    let mut waiting: Vec<&String> = suite.services.keys().collect();
    let mut levels = Vec::new();
    while !waiting.is_empty() {
        let needs_waiting = |service: &str| {
            suite.edges.iter().any(|edge| {
                edge.name.caller == service
                    && edge.name.callee != service
                    && waiting.iter().any(|w| **w == edge.name.callee)
            })
        };
        let mut level: Vec<String> = waiting
            .iter()
            .filter(|s| !needs_waiting(s))
            .map(|s| (*s).clone())
            .collect();
        if level.is_empty() {
            // A circle: the proxies are up already, so whoever is written first may start.
            level.push(waiting[0].clone());
        }
        waiting.retain(|service| !level.contains(service));
        levels.push(level);
    }
    levels
}
