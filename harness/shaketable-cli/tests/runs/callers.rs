//! Callers that are told in one way or another where their dependency is, and what is known of them after
//! a run.

use std::net::TcpListener;

use serde_json::Value;

use crate::stage::{Done, Stage};
use crate::target::target;

/// A port that is free at an address.
pub(crate) fn free_port(ip: &str) -> u16 {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A caller that is told where its dependency is: what its command line says of it, and how its
/// edge is declared.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    pub(crate) ask: String,
    pub(crate) call: String,
    pub(crate) more: &'static str,
    pub(crate) path: &'static str,
}

pub(crate) fn caller(
    name: &'static str,
    ask: impl Into<String>,
    call: impl Into<String>,
) -> Caller {
    Caller {
        name,
        ask: ask.into(),
        call: call.into(),
        more: "",
        path: "/stock/A1",
    }
}

/// A suite with these callers of one service, a fault on the edge of each.
pub(crate) fn suite(callers: &[Caller], fault_phase: &str) -> String {
    let target = target();
    let service = |caller: &Caller| {
        let Caller {
            name,
            ask,
            call,
            more,
            ..
        } = caller;
        format!(
            "  {name}: {{ run: '{target} ask {ask}', ready: {{ http: /healthz }}, {more} calls: {{ inventory: {call} }} }}\n"
        )
    };
    let request = |Caller { name, path, .. }: &Caller| {
        format!("    - {{ to: {name}, get: {path}, name: {name} }}\n")
    };
    let fault = |Caller { name, .. }: &Caller| {
        format!("      - {{ edge: {name} -> inventory, status: 418 }}\n")
    };
    let services: Vec<String> = callers.iter().map(service).collect();
    let requests: Vec<String> = callers.iter().map(request).collect();
    let faults: Vec<String> = callers.iter().map(fault).collect();
    format!(
        "
name: between
services:
  inventory:
    run: [sh, -c, cat /etc/hosts; exec $SHAKETABLE fixture inventory --port $PORT]
    ready: {{ http: /healthz }}
{}load:
  rate: 200/s
  requests:
{}phases: {{ warm_up: 50ms, baseline: 400ms, fault: {fault_phase}, recovery: 50ms }}
experiments:
  shaken:
    faults:
{}    expect: [process_survival]
",
        services.concat(),
        requests.concat(),
        faults.concat()
    )
}

/// How long a fault may take to be in force everywhere.
const MARGIN_NS: u64 = 50_000_000;

/// What is known of a run, from its recording.
pub(crate) struct Seen {
    lines: Vec<Value>,
    summary: Value,
}

impl Seen {
    pub(crate) fn read(stage: &Stage) -> Self {
        let text = stage.read("out/shaken/recording.jsonl");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = lines[0]["recording"]["summary"].clone();
        Self { lines, summary }
    }

    fn number(&self, list: &str, key: Option<&str>, name: &str) -> usize {
        let entries = self.summary[list].as_array().unwrap();
        let is_it = |entry: &Value| key.map_or(entry, |key| &entry[key]) == name;
        entries.iter().position(is_it).unwrap()
    }

    /// The statuses of a caller's answers to calls of the baseline, or of the time in which all the
    /// faults were in force.
    fn statuses(&self, caller: &str, with_faults: bool) -> Vec<u64> {
        let class = self.number("classes", Some("name"), caller);
        let faults = self.summary["faults"].as_array().unwrap();
        let times =
            |key: &'static str| faults.iter().map(move |fault| fault[key].as_u64().unwrap());
        let (from, until) = if with_faults {
            (times("from").max().unwrap(), times("until").min().unwrap())
        } else {
            // They held everywhere at the moments that were noted, and somewhere a little before.
            (0, times("from").min().unwrap().saturating_sub(MARGIN_NS))
        };
        let calls = self.lines.iter().filter_map(|line| line.get("call"));
        calls
            .filter(|call| call["class"] == class)
            .filter(|call| call["intended"].as_u64() > Some(from))
            .filter(|call| call["end"].as_u64().is_some_and(|end| end < until))
            .map(|call| call["status"].as_u64().unwrap_or_default())
            .collect()
    }

    /// The statuses of a caller's answers, without faults and with them.
    pub(crate) fn of(&self, caller: &str) -> (Vec<u64>, Vec<u64>) {
        (self.statuses(caller, false), self.statuses(caller, true))
    }

    /// How many exchanges an edge has seen.
    fn exchanges(&self, edge: &str) -> usize {
        let edge = self.number("edges", None, edge);
        let exchanges = self.lines.iter().filter_map(|line| line.get("exchange"));
        exchanges.filter(|exchange| exchange[0] == edge).count()
    }

    /// The caller got what it asked for, by its edge; and its faults.
    #[track_caller]
    pub(crate) fn goes_through(&self, caller: &str, done: &Done) {
        let baseline = self.statuses(caller, false);
        let fault = self.statuses(caller, true);
        assert!(
            !baseline.is_empty() && baseline.iter().all(|status| *status == 200),
            "{caller}: {baseline:?}\n{done}"
        );
        assert!(
            !fault.is_empty() && fault.iter().all(|status| *status == 418),
            "{caller}: {fault:?}\n{done}"
        );
        let exchanges = self.exchanges(&format!("{caller} -> inventory"));
        assert!(
            exchanges >= baseline.len() + fault.len(),
            "{caller}: {exchanges} exchanges\n{done}"
        );
    }
}
