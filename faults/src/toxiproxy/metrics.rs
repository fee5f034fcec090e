//! `/metrics`: what Prometheus reads.

use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::observe::Traffic;

/// The content type of Prometheus' text format, version 0.0.4.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The most proxies that have been, whose bytes are remembered; the oldest make room.
const REMEMBERED_MAX: usize = 10_000;

/// What a counter is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Labels {
    pub(super) proxy: String,
    pub(super) listener: String,
    pub(super) upstream: String,
}

/// Bytes of proxies that ran before, since counters never go back.
#[derive(Debug, Default)]
pub(super) struct Past(IndexMap<Labels, Traffic>);

impl Past {
    pub(super) fn add(&mut self, labels: Labels, traffic: Traffic) {
        let before = self.0.entry(labels).or_default();
        *before = sum(*before, traffic);
        while self.0.len() > REMEMBERED_MAX {
            self.0.shift_remove_index(0);
        }
    }

    /// The counters of all proxies that ran or run, in Prometheus' format.
    pub(super) fn write(&self, running: impl Iterator<Item = (Labels, Traffic)>) -> String {
        let mut all: IndexMap<Labels, Traffic> = self.0.clone();
        for (labels, traffic) in running {
            let before = all.entry(labels).or_default();
            *before = sum(*before, traffic);
        }
        all.sort_unstable_keys();
        let mut text = String::new();
        let mut family = |verb: &str, of: fn(&Traffic) -> (u64, u64)| {
            let name = format!("toxiproxy_proxy_{verb}_bytes_total");
            let _ = writeln!(
                text,
                "# HELP {name} Bytes {verb} on a proxy's link in this direction."
            );
            let _ = writeln!(text, "# TYPE {name} counter");
            for (labels, traffic) in &all {
                let (up, down) = of(traffic);
                for (direction, bytes) in [("upstream", up), ("downstream", down)] {
                    let _ = writeln!(
                        text,
                        "{name}{{direction=\"{direction}\",listener=\"{}\",proxy=\"{}\",upstream=\"{}\"}} {bytes}",
                        escaped(&labels.listener),
                        escaped(&labels.proxy),
                        escaped(&labels.upstream),
                    );
                }
            }
        };
        family("received", |t| (t.from_callers, t.from_callee));
        family("sent", |t| (t.to_callee, t.to_callers));
        text
    }
}

fn sum(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        from_callers: a.from_callers + b.from_callers,
        to_callee: a.to_callee + b.to_callee,
        from_callee: a.from_callee + b.from_callee,
        to_callers: a.to_callers + b.to_callers,
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// What is known of this process, in Prometheus' format and under its names. Where the system
/// does not tell, there is less.
pub(super) fn process() -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, kind: &str, value: f64| {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    let build = concat!(
        "shaketable_build_info{version=\"",
        env!("CARGO_PKG_VERSION"),
        "\"}"
    );
    if let Some(stat) = Stat::read() {
        let names = [
            (
                "process_cpu_seconds_total",
                "CPU time spent.",
                "counter",
                stat.cpu_seconds,
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory.",
                "gauge",
                stat.resident,
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory.",
                "gauge",
                stat.virtual_bytes,
            ),
            ("process_threads", "Threads.", "gauge", stat.threads),
        ];
        for (name, help, kind, value) in names {
            gauge(name, help, kind, value);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = open.count() as f64;
        gauge("process_open_fds", "Open file descriptors.", "gauge", open);
    }
    let _ = writeln!(
        text,
        "# HELP shaketable_build_info What runs here.\n# TYPE shaketable_build_info gauge\n{build} 1"
    );
    text
}

/// What the kernel says of this process (Linux: proc(5)).
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    virtual_bytes: f64,
    resident: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        // Ticks are 1/100 s and pages 4 KiB on every Linux that this is built for.
        const TICKS: f64 = 100.0;
        const PAGE: f64 = 4096.0;
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program stands in brackets and may contain anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<f64> = rest
            .split(' ')
            .map(|field| field.trim().parse().unwrap_or(0.0))
            .collect();
        let field = |n: usize| fields.get(n).copied();
        Some(Self {
            cpu_seconds: (field(11)? + field(12)?) / TICKS,
            threads: field(17)?,
            virtual_bytes: field(20)?,
            resident: field(21)? * PAGE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(proxy: &str) -> Labels {
        Labels {
            proxy: proxy.to_owned(),
            listener: "127.0.0.1:1".to_owned(),
            upstream: "db:1".to_owned(),
        }
    }

    #[test]
    fn counters_go_on_where_a_proxy_was_stopped() {
        let traffic = Traffic {
            from_callers: 1,
            to_callee: 2,
            from_callee: 3,
            to_callers: 4,
        };
        let mut past = Past::default();
        past.add(labels("a\"b"), traffic);
        past.add(labels("a\"b"), traffic);
        let text = past.write([(labels("a\"b"), traffic)].into_iter());
        let line = "toxiproxy_proxy_received_bytes_total{direction=\"upstream\",listener=\"127.0.0.1:1\",proxy=\"a\\\"b\",upstream=\"db:1\"} 3\n";
        assert!(text.contains(line), "{text}");
        for wanted in ["} 6\n", "} 9\n", "} 12\n"] {
            assert!(text.contains(wanted), "{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut past = Past::default();
        for n in 0..REMEMBERED_MAX + 5 {
            past.add(labels(&n.to_string()), Traffic::default());
        }
        assert_eq!(past.0.len(), REMEMBERED_MAX);
        assert!(!past.0.contains_key(&labels("4")));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_threads() {
        let text = process();
        for name in [
            "process_resident_memory_bytes ",
            "process_threads ",
            "process_open_fds ",
        ] {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            assert!(value.parse::<f64>().unwrap() > 0.0, "{name}{value}");
        }
    }
}
