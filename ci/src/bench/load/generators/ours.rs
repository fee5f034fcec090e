//! Our own engine: the one place that knows the command line and the JSON of `shaketable load`.

use std::path::Path;

use super::Generator;
use super::json::Document;
use crate::bench::Bench;
use crate::bench::builds::Build;
use crate::bench::error::BenchError;
use crate::bench::load::task::{Pace, Pacing, Task, Told};
use crate::bench::nginx::{Speaks, certificate};

/// Our engine, this build or another.
pub(super) struct Ours(pub(super) Build);

impl Generator for Ours {
    fn name(&self) -> &str {
        self.0.name
    }

    fn version(&self) -> String {
        self.0.version.clone()
    }

    fn program(&self) -> &Path {
        &self.0.program
    }

    fn args(&self, bench: &Bench, task: &Task) -> Result<Vec<String>, BenchError> {
        let mut args = vec![
            "load".to_owned(),
            task.url(),
            format!("--for={}s", task.seconds),
            "--format=json".to_owned(),
            "--quiet".to_owned(),
            "--timeout=30s".to_owned(),
        ];
        match task.pace {
            Pace::Closed(users) => args.push(format!("--users={users}")),
            Pace::Open(per_second) => {
                // Twice what the rows want: a stall of two seconds, while more calls come in.
                let in_flight = per_second.saturating_mul(4);
                args.extend([
                    format!("--rate={per_second}/s"),
                    format!("--in-flight={in_flight}"),
                ]);
            }
        }
        if let Some(pacing) = task.pacing {
            let name = match pacing {
                Pacing::Precise => "precise",
                Pacing::LowCpu => "lowcpu",
            };
            args.push(format!("--pacing={name}"));
        }
        args.extend(task.connections.map(|cap| format!("--connections={cap}")));
        match task.speaks {
            Speaks::Http1 => {}
            Speaks::Http2 => args.push("--http2".to_owned()),
            Speaks::Tls => args.push(format!("--ca={}", certificate(bench).display())),
        }
        Ok(args)
    }

    fn told(&self, said: &str) -> Result<Told, BenchError> {
        let document = Document::find(said)
            .ok_or_else(|| BenchError::Measure(format!("ours printed no JSON: {said}")))?;
        Ok(read(&document))
    }
}

fn read(document: &Document) -> Told {
    let errors = document.members("/errors");
    Told {
        answered: document.number("/answered"),
        failed: errors
            .map(|(_, class)| class["count"].as_f64().unwrap_or(f64::NAN))
            .sum(),
        per_second: document.number("/throughput"),
        p50_ms: document.number("/latency_ms/p50"),
        p95_ms: document.number("/latency_ms/p95"),
        p99_ms: document.number("/latency_ms/p99"),
        max_ms: document.number("/latency_ms/max"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_understood() {
        let said = r#"{ "seconds": 10.0, "scheduled": 20000, "sent": 20000, "missed": 0, "answered": 19990,
            "errors": { "reset": { "count": 7, "example": "reset by peer" }, "timeout": { "count": 3, "example": "" } },
            "throughput": 999.5, "latency_ms": { "mean": 1.0, "p50": 0.1, "p95": 1000.2, "p99": 1800.5, "max": 2000.9 } }"#;
        let told = read(&Document::find(said).unwrap());
        assert_eq!((told.answered, told.failed), (19_990.0, 10.0));
        assert!((told.p95_ms - 1000.2).abs() < 1e-9);
        assert!((told.max_ms - 2000.9).abs() < 1e-9);
    }
}
