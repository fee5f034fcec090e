//! What a suite says beside a fault: which exchanges it hits, how often, and when.

use serde_json::Value;

use crate::stage::Stage;
use crate::target::target;

/// One edge for each case: its caller, and what stands beside `status: 418`.
const CASES: [(&str, &str); 8] = [
    ("first", "times: { first: 2 }"),
    ("every", "times: { skip: 1, every: 5 }"),
    ("half", "probability: 50%"),
    ("nobody", "where: { headers: { x-tenant: nobody } }"),
    ("late", "after: 300ms"),
    ("short", "lasts: 300ms"),
    ("wave", "schedule: { wave: { on: 100ms, off: 10m } }"),
    ("early", "from: start"),
];

/// An exchange, and whether it was hit.
struct Exchange {
    start: u64,
    hit: bool,
}

/// What the recording says of each edge, and of the time in which the faults were there.
struct Seen {
    lines: Vec<Value>,
    summary: Value,
}

impl Seen {
    fn read(stage: &Stage) -> Self {
        let text = stage.read("out/shaken/recording.jsonl");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = lines[0]["recording"]["summary"].clone();
        Self { lines, summary }
    }

    fn edge(&self, caller: &str) -> usize {
        let edges = self.summary["edges"].as_array().unwrap();
        let name = format!("{caller} -> inventory");
        edges.iter().position(|edge| *edge == name).unwrap()
    }

    /// From when to when the edge's fault was there.
    fn fault(&self, caller: &str) -> (u64, u64) {
        let edge = self.edge(caller);
        let faults = self.summary["faults"].as_array().unwrap();
        let mark = faults.iter().find(|mark| mark["edge"] == edge).unwrap();
        let time = |key: &str| mark[key].as_u64().unwrap();
        (time("from"), time("until"))
    }

    /// The edge's exchanges while its fault was there, in their order.
    fn exchanges(&self, caller: &str) -> Vec<Exchange> {
        let (from, until) = self.fault(caller);
        let edge = self.edge(caller);
        let lines = self.lines.iter().filter_map(|line| line.get("exchange"));
        let own = lines.filter(|line| line[0] == edge);
        let exchanges = own.map(|line| Exchange {
            start: line[1]["start"].as_u64().unwrap(),
            hit: !line[1]["fault"].is_null(),
        });
        exchanges
            .filter(|exchange| (from..until).contains(&exchange.start))
            .collect()
    }

    fn hits(&self, caller: &str) -> Vec<u64> {
        let hit = self.exchanges(caller).into_iter().filter(|e| e.hit);
        hit.map(|exchange| exchange.start).collect()
    }
}

#[test]
fn a_suite_says_which_exchanges_are_hit_how_often_and_when() {
    let stage = Stage::new();
    let target = target();
    let services: Vec<String> = CASES
        .iter()
        .map(|(name, _)| {
            format!("  {name}: {{ run: '{target} ask env URL', ready: {{ http: /healthz }}, calls: {{ inventory: URL }} }}\n")
        })
        .collect();
    let requests: Vec<String> = CASES
        .iter()
        .map(|(name, _)| format!("    - {{ to: {name}, get: /stock/A1, name: {name} }}\n"))
        .collect();
    let faults: Vec<String> = CASES
        .iter()
        .map(|(name, beside)| {
            format!("      - {{ edge: {name} -> inventory, status: 418, {beside} }}\n")
        })
        .collect();
    let (services, requests, faults) = (services.concat(), requests.concat(), faults.concat());
    let suite = format!(
        "name: beside\nservices:\n  inventory: {{ run: $SHAKETABLE fixture inventory --port $PORT, ready: {{ http: /healthz }} }}\n{services}\
         load:\n  rate: 200/s\n  requests:\n{requests}\
         phases: {{ warm_up: 50ms, baseline: 200ms, fault: 1s, recovery: 50ms }}\n\
         experiments:\n  shaken:\n    faults:\n{faults}    expect: [process_survival]\n"
    );
    let done = stage.run(&suite);
    done.exits(0);
    let seen = Seen::read(&stage);

    assert_eq!(seen.hits("first").len(), 2);
    let every = seen.exchanges("every");
    let hit: Vec<usize> = (0..every.len()).filter(|at| every[*at].hit).collect();
    let wanted: Vec<usize> = (5..every.len()).step_by(5).collect();
    assert_eq!(hit, wanted, "the 6th, the 11th, …");
    let half = seen.exchanges("half");
    let share = seen.hits("half").len() as f64 / half.len() as f64;
    assert!((0.2..0.8).contains(&share), "{share} of {}", half.len());
    assert!(seen.hits("nobody").is_empty());
    let ms = 1_000_000;
    let late = seen.hits("late");
    assert!(!late.is_empty() && late[0] >= seen.fault("late").0 + 300 * ms);
    for (case, lasts) in [("short", 300), ("wave", 100)] {
        let (from, until) = seen.fault(case);
        let hits = seen.hits(case);
        assert!(!hits.is_empty(), "{case}");
        // Switched off late on a busy machine, but long before the phase is over.
        let last = hits.last().unwrap();
        assert!(*last < from + (lasts + 400) * ms && *last < until, "{case}");
    }
    let (from, _) = seen.fault("early");
    let baseline = seen.summary["phases"].as_array().unwrap();
    let began = baseline[0]["from"].as_u64().unwrap();
    assert!(from < began, "there before the first call");
    assert!(seen.exchanges("early").iter().all(|e| e.hit));
}

#[test]
fn a_redirected_exchange_is_answered_by_the_other_service() {
    let stage = Stage::new();
    let target = target();
    let suite = format!(
        "
name: versions
services:
  inventory: {{ run: $SHAKETABLE fixture inventory --port $PORT, ready: {{ http: /healthz }} }}
  inventory-v2: {{ stub: {{ routes: [{{ any: '/{{*rest}}', status: 410 }}] }} }}
  order: {{ run: '{target} ask env URL', ready: {{ http: /healthz }}, calls: {{ inventory: URL }} }}
load: {{ rate: 100/s, request: {{ to: order, get: /stock/A1 }} }}
phases: {{ warm_up: 50ms, baseline: 200ms, fault: 500ms, recovery: 200ms }}
experiments:
  shaken:
    faults: [{{ edge: order -> inventory, redirect: inventory-v2, probability: 50% }}]
    expect: [process_survival]
"
    );
    stage.run(&suite).exits(0);
    let seen = Seen::read(&stage);
    let (from, until) = seen.fault("order");
    let mut statuses = [0, 0];
    for exchange in seen.lines.iter().filter_map(|line| line.get("exchange")) {
        let start = exchange[1]["start"].as_u64().unwrap();
        let hit = !exchange[1]["fault"].is_null();
        let Some(status) = exchange[1]["status"].as_u64() else {
            continue;
        };
        assert!(!hit || (from..until).contains(&start));
        assert_eq!(status, if hit { 410 } else { 200 });
        statuses[usize::from(hit)] += 1;
    }
    assert!(statuses.iter().all(|count| *count > 5), "{statuses:?}");
}
