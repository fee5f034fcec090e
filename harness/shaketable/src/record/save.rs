//! A recording as a file: JSON lines, the first one the summary, then a line for each call,
//! exchange, connection and sample, and last how many they were. Whatever is written is read back as it was;
//! a file that is not whole or contradicts itself is not read at all.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Call, Connection, Exchange, Nanos, Outcome, Phase, Recording, Sample, Seen, ServiceSamples,
};

/// The version of the file's form.
const VERSION: u32 = 2;

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("read {path}, line {line}: {what}")]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Its parts do not fit together.
    #[error("read {path}: {what}")]
    Contradiction {
        /// The file.
        path: String,
        /// What does not fit.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Recording {
        version: u32,
        summary: Box<Recording>,
    },
    Call(Call),
    Exchange(usize, Exchange),
    Connection(usize, Connection),
    Operations(usize, Vec<String>, u64),
    /// Of a service, by its place among those that were looked at.
    Sample(usize, Sample),
    /// The last line: how many there are before it.
    End(usize),
}

/// Writes a recording.
pub fn write(recording: &Recording, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut lines = 0;
    let mut line = |line: &Line| -> io::Result<()> {
        lines += 1;
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")
    };
    let summary = recording.clone_without_bulk();
    line(&Line::Recording {
        version: VERSION,
        summary: Box::new(summary),
    })?;
    for call in &recording.calls {
        line(&Line::Call(call.clone()))?;
    }
    for (edge, seen) in recording.seen.iter().enumerate() {
        line(&Line::Operations(
            edge,
            seen.operations.clone(),
            seen.dropped,
        ))?;
        for exchange in &seen.exchanges {
            line(&Line::Exchange(edge, exchange.clone()))?;
        }
        for connection in &seen.connections {
            line(&Line::Connection(edge, connection.clone()))?;
        }
    }
    for (place, of_service) in recording.samples.iter().enumerate() {
        for sample in &of_service.samples {
            line(&Line::Sample(place, *sample))?;
        }
    }
    serde_json::to_writer(&mut file, &Line::End(lines))?;
    file.write_all(b"\n")?;
    file.flush()
}

/// Reads a recording.
pub fn read(path: &Path) -> Result<Recording, ReadError> {
    let shown = path.display().to_string();
    let io = |source| ReadError::Io {
        path: shown.clone(),
        source,
    };
    let file = BufReader::new(File::open(path).map_err(io)?);
    let mut recording: Option<Recording> = None;
    let mut lines = 0;
    let mut whole = false;
    for (number, text) in file.lines().enumerate() {
        let wrong = |what: String| ReadError::Line {
            path: shown.clone(),
            line: number + 1,
            what,
        };
        lines = number + 1;
        let text = text.map_err(io)?;
        if whole {
            return Err(wrong("there is more after the last line".to_owned()));
        }
        let line = serde_json::from_str::<Line>(&text).map_err(|e| wrong(e.to_string()))?;
        match (line, &mut recording) {
            (
                Line::Recording {
                    version: VERSION,
                    summary,
                },
                None,
            ) => {
                let mut fresh = *summary;
                fresh.seen = vec![Seen::default(); fresh.edges.len()];
                recording = Some(fresh);
            }
            (Line::Recording { version, .. }, None) => {
                return Err(wrong(format!(
                    "the file is of version {version}, this program reads {VERSION}"
                )));
            }
            (Line::Recording { .. }, Some(_)) => return Err(wrong("a second summary".to_owned())),
            (_, None) => return Err(wrong("the summary is missing".to_owned())),
            (Line::End(count), Some(_)) if count == number => whole = true,
            (Line::End(count), Some(_)) => {
                return Err(wrong(format!(
                    "{count} lines were written, {number} are here"
                )));
            }
            (Line::Call(call), Some(recording)) => recording.calls.push(call),
            (Line::Exchange(edge, exchange), Some(recording)) => {
                seen(recording, edge)
                    .ok_or_else(|| wrong(format!("there is no edge {edge}")))?
                    .exchanges
                    .push(exchange);
            }
            (Line::Connection(edge, connection), Some(recording)) => {
                let seen = seen(recording, edge)
                    .ok_or_else(|| wrong(format!("there is no edge {edge}")))?;
                seen.connections.push(connection);
            }
            (Line::Operations(edge, operations, dropped), Some(recording)) => {
                let seen = seen(recording, edge)
                    .ok_or_else(|| wrong(format!("there is no edge {edge}")))?;
                (seen.operations, seen.dropped) = (operations, dropped);
            }
            (Line::Sample(place, sample), Some(recording)) => {
                let of_service = recording.samples.get_mut(place);
                let of_service = of_service
                    .ok_or_else(|| wrong(format!("there is no sampled service {place}")))?;
                of_service.samples.push(sample);
            }
        }
    }
    let wrong = |line, what: &str| ReadError::Line {
        path: shown.clone(),
        line,
        what: what.to_owned(),
    };
    let recording = recording.ok_or_else(|| wrong(1, "the file is empty"))?;
    if !whole {
        return Err(wrong(lines, "the file ends early"));
    }
    match recording.contradiction() {
        None => Ok(recording),
        Some(what) => Err(ReadError::Contradiction { path: shown, what }),
    }
}

fn seen(recording: &mut Recording, edge: usize) -> Option<&mut Seen> {
    recording.seen.get_mut(edge)
}

/// No experiment takes longer than this, 30 days.
const END_MAX: Nanos = 30 * 24 * 3_600 * 1_000_000_000;

impl Recording {
    /// What no experiment can have recorded, if there is such a thing.
    fn contradiction(&self) -> Option<String> {
        if self.end > END_MAX {
            return Some("it is longer than 30 days".to_owned());
        }
        let wrongs = [
            self.wrong_phases(),
            self.wrong_faults(),
            self.wrong_calls(),
            self.wrong_edges(),
            self.wrong_samples(),
        ];
        wrongs.into_iter().flatten().next()
    }

    fn wrong_phases(&self) -> Option<String> {
        for mark in &self.phases {
            if mark.until < mark.from {
                return Some(format!(
                    "the {} phase ends before it begins",
                    mark.phase.name()
                ));
            }
        }
        // One may begin a few nanoseconds before the last is marked as ended.
        let follows = |pair: &[super::PhaseMark]| {
            let again = (pair[0].phase, pair[1].phase) == (Phase::Recovery, Phase::Fault);
            (again || pair[0].phase < pair[1].phase) && pair[0].from <= pair[1].from
        };
        let wrong = self.phases.windows(2).find(|pair| !follows(pair))?;
        let (before, after) = (wrong[0].phase.name(), wrong[1].phase.name());
        Some(format!(
            "the {after} phase does not follow the {before} phase"
        ))
    }

    fn wrong_faults(&self) -> Option<String> {
        for fault in &self.faults {
            let says = &fault.says;
            if fault.edge >= self.edges.len() {
                return Some(format!(
                    "the fault `{says}` is on edge {}, which there is not",
                    fault.edge
                ));
            }
            if fault.until.is_some_and(|until| until < fault.from) {
                return Some(format!("the fault `{says}` ends before it begins"));
            }
            if !(0.0..=1.0).contains(&fault.probability) {
                return Some(format!(
                    "the fault `{says}` has the probability {}",
                    fault.probability
                ));
            }
        }
        None
    }

    fn wrong_calls(&self) -> Option<String> {
        for (number, call) in (1..).zip(&self.calls) {
            if usize::from(call.class) >= self.classes.len() {
                return Some(format!(
                    "call {number} is of class {}, which there is not",
                    call.class
                ));
            }
            if call.sent < call.intended || call.end.is_some_and(|end| end < call.sent) {
                return Some(format!("call {number} ends before it begins"));
            }
            if call.end.is_none() != (call.outcome == Outcome::Open) {
                return Some(format!("call {number} is open and has ended"));
            }
        }
        None
    }

    fn wrong_edges(&self) -> Option<String> {
        for (edge, seen) in self.edges.iter().zip(&self.seen) {
            for (number, exchange) in (1..).zip(&seen.exchanges) {
                if exchange.end.is_some_and(|end| end < exchange.start) {
                    return Some(format!("exchange {number} on {edge} ends before it begins"));
                }
                if exchange.operation as usize >= seen.operations.len() {
                    return Some(format!(
                        "exchange {number} on {edge} has an unknown operation"
                    ));
                }
                let noted = exchange.noted.iter().flat_map(|noted| &noted.0);
                if noted.map(|(place, _)| usize::from(*place)).max() >= Some(self.noted.len()) {
                    return Some(format!(
                        "exchange {number} on {edge} notes an unknown header"
                    ));
                }
            }
            for (number, connection) in (1..).zip(&seen.connections) {
                if connection
                    .close
                    .is_some_and(|close| close < connection.open)
                {
                    return Some(format!(
                        "connection {number} on {edge} closes before it opens"
                    ));
                }
            }
        }
        None
    }

    fn wrong_samples(&self) -> Option<String> {
        for of_service in &self.samples {
            let service = &of_service.service;
            if !self.services.iter().any(|known| known.name == *service) {
                return Some(format!(
                    "there are samples of `{service}`, which is no service"
                ));
            }
            let ordered = of_service.samples.is_sorted_by_key(|sample| sample.at);
            if !ordered {
                return Some(format!("the samples of `{service}` are not in order"));
            }
            let backwards = |life: &&super::Life| life.gone.is_some_and(|gone| gone < life.seen);
            if let Some(life) = of_service.lives.iter().find(backwards) {
                return Some(format!(
                    "process {} of `{service}` is gone before it was seen",
                    life.pid
                ));
            }
        }
        None
    }

    /// Everything but the calls, what was seen on the edges, and the samples.
    fn clone_without_bulk(&self) -> Self {
        Self {
            suite: self.suite.clone(),
            experiment: self.experiment.clone(),
            seed: self.seed,
            trace_base: self.trace_base,
            services: self.services.clone(),
            edges: self.edges.clone(),
            facts: self.facts.clone(),
            noted: self.noted.clone(),
            seen: Vec::new(),
            classes: self.classes.clone(),
            calls: Vec::new(),
            missed: self.missed,
            errors: self.errors.clone(),
            phases: self.phases.clone(),
            faults: self.faults.clone(),
            deaths: self.deaths.clone(),
            hiccups: self.hiccups.clone(),
            starved: self.starved.clone(),
            samples: self
                .samples
                .iter()
                .map(ServiceSamples::without_bulk)
                .collect(),
            end: self.end,
            interrupted: self.interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::hand_made::{
        BASELINE, FAULT, HandMade, MS, RECOVERY, S, bad, good, listener,
    };
    use crate::check::{self, Check};
    use crate::judge::judge;
    use crate::record::{
        Class, Death, Ended, FaultMark, Hiccup, Life, ListenQueue, Noted, Phase, PhaseMark,
        ServiceSeen, Sockets,
    };

    fn written(recording: &Recording) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(recording, file.path()).unwrap();
        std::fs::read_to_string(file.path()).unwrap()
    }

    fn read_text(text: &[u8]) -> Result<Recording, ReadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    /// A little of everything.
    fn sample() -> HandMade {
        HandMade::order()
            .service("order", true)
            .hang(0)
            .calls(0, BASELINE, 100 * MS, good(MS))
            .calls(1, FAULT, 100 * MS, bad(MS))
            .exchanges(0, FAULT, 100 * MS, S, Ended::Caller)
            .all_hit(0, &FAULT, 0)
            .traced(0)
            .noted(0, "x-deadline-ms", "250")
            .hiccup(25 * S, 9 * MS)
            .death("order", 39 * S)
            .sampled("order", BASELINE, 100 * MS, full_sample)
            .lives(
                "order",
                vec![listener(10, S, Some(2 * S)), listener(11, 2 * S, None)],
            )
            .calls(1, RECOVERY, 100 * MS, good(MS))
    }

    fn full_sample(at: Nanos) -> Sample {
        let sockets = Sockets {
            established: 2,
            close_wait: 3,
            ..Sockets::default()
        };
        let queue = ListenQueue {
            sockets: 1,
            length: 0,
            limit: 128,
        };
        Sample {
            at,
            processes: 1,
            threads: 4,
            fds: Some(20),
            rss: 1 << 20,
            cpu: at / 10,
            queue: Some(queue),
            // Not counted every time.
            sockets: at.is_multiple_of(200 * MS).then_some(sockets),
        }
    }

    /// What reading says of a recording that was changed after the fact.
    fn refused(change: impl FnOnce(&mut Recording)) -> String {
        let text = written(&sample().with(change).done());
        read_text(text.as_bytes()).unwrap_err().to_string()
    }

    /// Every check, with parameters that it accepts.
    fn every_check() -> Vec<std::sync::Arc<dyn Check>> {
        let slo = r#"{"phase": "fault", "p50": "1s", "p99": "1s", "max": "1s", "success": "99%"}"#;
        let build = |kind: &check::Kind| {
            let params = if kind.name == "slo" { slo } else { "{}" };
            (kind.build)(&serde_json::from_str(params).unwrap()).unwrap()
        };
        check::CATALOGUE.iter().map(build).collect()
    }

    fn judge_by_all(recording: &Recording) {
        let checks = every_check();
        for verdict in judge(checks.iter().map(AsRef::as_ref), recording) {
            assert_eq!(
                verdict.reason.is_some(),
                verdict.state != check::State::Pass,
                "{verdict:#?}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for recording in [sample().done(), Recording::default()] {
            assert_eq!(
                read_text(written(&recording).as_bytes()).unwrap(),
                recording
            );
        }
    }

    /// As this program wrote them before it looked at processes.
    #[test]
    fn a_recording_without_samples_is_read() {
        let made = sample().with(|recording| recording.samples.clear());
        let recording = made.done();
        let text = written(&recording);
        let older = text.replacen("\"samples\":[],", "", 1);
        assert_ne!(older, text);
        assert_eq!(read_text(older.as_bytes()).unwrap(), recording);
    }

    /// A figure that is added later does not make older recordings unreadable.
    #[test]
    fn a_sample_that_tells_less_is_read() {
        let text = written(&sample().done());
        let line = text
            .lines()
            .find(|line| line.contains("\"sample\""))
            .unwrap();
        let text = text.replacen(line, r#"{"sample":[0,{"at":5}]}"#, 1);
        let read = read_text(text.as_bytes()).unwrap();
        let bare = Sample {
            at: 5,
            ..Sample::default()
        };
        assert_eq!(read.samples[0].samples[0], bare);
    }

    #[test]
    fn a_file_that_breaks_off_is_not_read_wherever_it_does() {
        let text = written(&sample().done());
        let lines: Vec<&str> = text.lines().collect();
        for kept in 0..lines.len() {
            let whole_lines = lines[..kept].join("\n");
            let why = read_text(whole_lines.as_bytes()).unwrap_err().to_string();
            assert!(why.contains("ends early") || why.contains("empty"), "{why}");
        }
        let in_mid_line = &text[..text.len() / 2];
        let why = read_text(in_mid_line.as_bytes()).unwrap_err().to_string();
        assert!(why.contains("line "), "{why}");
    }

    #[test]
    fn lines_that_were_lost_or_added_are_noticed() {
        let text = written(&sample().done());
        let mut lines: Vec<&str> = text.lines().collect();
        let lost = lines.remove(3);
        let why = read_text(lines.join("\n").as_bytes())
            .unwrap_err()
            .to_string();
        assert!(why.contains("lines were written"), "{why}");
        let more = format!("{text}{lost}\n");
        let why = read_text(more.as_bytes()).unwrap_err().to_string();
        assert!(why.contains("more after the last line"), "{why}");
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        let summary = written(&Recording::default());
        let summary = summary.lines().next().unwrap();
        let end = r#"{"end":1}"#;
        for (text, why) in [
            (String::new(), "the file is empty"),
            ("nonsense".to_owned(), "line 1"),
            (end.to_owned(), "the summary is missing"),
            (
                format!("{summary}\n{summary}\n"),
                "line 2: a second summary",
            ),
            (
                summary.replace("\"version\":2", "\"version\":1"),
                "version 1",
            ),
            (
                format!("{summary}\n{{\"operations\":[0,[],0]}}\n"),
                "line 2: there is no edge 0",
            ),
            (
                format!("{summary}\n{{\"sample\":[0,{{\"at\":1}}]}}\n"),
                "line 2: there is no sampled service 0",
            ),
            (
                format!("{summary}\n{{\"end\":7}}\n"),
                "7 lines were written, 1 are here",
            ),
        ] {
            let found = read_text(text.as_bytes()).unwrap_err().to_string();
            assert!(found.contains(why), "{found}");
        }
        assert!(read_text(&[0xff, 0xfe, b'\n']).is_err());
        assert!(read(Path::new("/no/such/recording")).is_err());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        type Change = fn(&mut Recording);
        let changes: [(&str, Change); 18] = [
            ("the fault `hang (accept then silence)` is on edge 9", |r| {
                r.faults[0].edge = 9;
            }),
            ("ends before it begins", |r| r.faults[0].until = Some(0)),
            ("has the probability 2", |r| r.faults[0].probability = 2.0),
            ("call 1 is of class 7", |r| r.calls[0].class = 7),
            ("call 20 ends before it begins", |r| {
                r.calls[19].end = Some(0);
            }),
            ("call 20 ends before it begins", |r| r.calls[19].sent = 0),
            ("call 20 is open and has ended", |r| {
                r.calls[19].outcome = Outcome::Open;
            }),
            ("exchange 4 on order -> inventory ends", |r| {
                r.seen[0].exchanges[3].end = Some(0);
            }),
            ("has an unknown operation", |r| {
                r.seen[0].exchanges[3].operation = 1;
            }),
            ("notes an unknown header", |r| r.noted.clear()),
            ("the fault phase ends before it begins", |r| {
                r.phases[2].until = 0;
            }),
            ("the fault phase does not follow the recovery phase", |r| {
                r.phases.reverse();
            }),
            ("does not follow the warm-up phase", |r| {
                r.phases[0].from = u64::MAX - 1;
            }),
            ("longer than 30 days", |r| r.end = u64::MAX),
            ("samples of `nobody`, which is no service", |r| {
                r.samples[0].service = "nobody".to_owned();
            }),
            ("the samples of `order` are not in order", |r| {
                r.samples[0].samples[1].at = 0;
            }),
            ("process 10 of `order` is gone before it was seen", |r| {
                r.samples[0].lives[0].gone = Some(0);
            }),
            ("closes before it opens", |r| {
                r.seen[0].connections.push(Connection {
                    open: 5,
                    close: Some(4),
                    ended: Ended::Callee,
                });
            }),
        ];
        for (why, change) in changes {
            let found = refused(|recording| {
                recording.phases[0].until = u64::MAX;
                change(recording);
            });
            assert!(found.contains(why), "{found} is not: {why}");
        }
    }

    prop_compose! {
        fn call()(
            class in 0..3_u16,
            serial: bool,
            intended in moment(),
            late in 0..S,
            lasts in prop::option::of(moment()),
            status in prop::option::of(100..600_u16),
            outcome in prop::sample::select(vec![Outcome::Answered, Outcome::TimedOut, Outcome::Refused, Outcome::Broken]),
        ) -> Call {
            let sent = intended.saturating_add(late);
            let end = lasts.map(|lasts| sent.saturating_add(lasts));
            let outcome = if end.is_some() { outcome } else { Outcome::Open };
            Call { class, serial, intended, sent, queued: 0, end, status, outcome, worth: None }
        }
    }

    prop_compose! {
        fn exchange()(
            start in moment(),
            lasts in prop::option::of(moment()),
            ended in prop::sample::select(vec![Ended::Open, Ended::Answered, Ended::Caller, Ended::Callee, Ended::Fault]),
            fault in prop::option::of(0..3_u32),
            trace in prop::option::of(prop_oneof![any::<u128>(), (0..40_u128).prop_map(|call| (7 << 64) | call)]),
            noted in prop::option::of(any::<String>().prop_map(|value| Box::new(Noted(vec![(0, value)])))),
            (connection, executed, bytes_up, bytes_down) in any::<(u32, bool, u64, u64)>(),
        ) -> Exchange {
            let end = lasts.map(|lasts| start.saturating_add(lasts));
            Exchange {
                connection, start, first_byte: end, end, ended, operation: 0, status: None,
                executed, fault, trace, noted, bytes_up, bytes_down,
            }
        }
    }

    prop_compose! {
        fn fault()(
            edge in 0..2_usize,
            number in 0..3_u32,
            says: String,
            hang in prop::option::of(any::<String>()),
            delay in prop::option::of(moment()),
            refuses: bool,
            thousandths in 0..=1000_u16,
            from in moment(),
            lasts in prop::option::of(moment()),
        ) -> FaultMark {
            FaultMark {
                edge, number, kind: "hang".to_owned(), says, hang, delay, refuses, retry_after: delay,
                probability: f64::from(thousandths) / 1000.0,
                from,
                until: lasts.map(|lasts| from.saturating_add(lasts)),
            }
        }
    }

    prop_compose! {
        fn samples()(
            at in prop::collection::vec(moment(), 0..20),
            lives in prop::collection::vec((moment(), prop::option::of(moment()), 0..4_i32, any::<bool>()), 0..8),
            figures in any::<(u32, u32, Option<u32>, u64, u64)>(),
            queue in prop::option::of(any::<(u32, u32, u32)>()),
            open in prop::option::of(any::<(u32, u32)>()),
            passing: u64,
        ) -> ServiceSamples {
            let mut at = at;
            at.sort_unstable();
            let (processes, threads, fds, rss, cpu) = figures;
            let queue = queue.map(|(sockets, length, limit)| ListenQueue { sockets, length, limit });
            let sockets = open.map(|(established, close_wait)| Sockets { established, close_wait, ..Sockets::default() });
            let sample = |at| Sample { at, processes, threads, fds, rss, cpu, queue, sockets };
            let life = |(seen, lasts, pid, listens): (Nanos, Option<Nanos>, i32, bool)| Life {
                pid, parent: pid / 2, name: "worker".to_owned(), started: seen, seen, listens,
                gone: lasts.map(|lasts| seen.saturating_add(lasts)),
            };
            ServiceSamples {
                service: "b".to_owned(),
                lives: lives.into_iter().map(life).collect(),
                passing,
                samples: at.into_iter().map(sample).collect(),
            }
        }
    }

    /// Mostly within an experiment, sometimes at the end of time.
    fn moment() -> impl Strategy<Value = Nanos> {
        prop_oneof![20 => 0..60 * S, 1 => Just(0), 1 => (0..=2 * S).prop_map(|back| u64::MAX - back)]
    }

    fn phases() -> impl Strategy<Value = Vec<PhaseMark>> {
        prop::collection::vec(moment(), 5).prop_flat_map(|mut at| {
            at.sort_unstable();
            let all = [
                Phase::WarmUp,
                Phase::Baseline,
                Phase::Fault,
                Phase::Recovery,
            ];
            let marks = all.into_iter().zip(at.windows(2));
            let marks: Vec<PhaseMark> = marks
                .map(|(phase, at)| PhaseMark {
                    load_cpu: 0,
                    phase,
                    from: at[0],
                    until: at[1],
                })
                .collect();
            prop::sample::subsequence(marks, 0..=4)
        })
    }

    prop_compose! {
        fn any_recording()(
            (suite, experiment, seed, missed, interrupted) in any::<(String, String, u64, u64, bool)>(),
            calls in prop::collection::vec(call(), 0..60),
            seen in prop::collection::vec(prop::collection::vec(exchange(), 0..40), 2),
            faults in prop::collection::vec(fault(), 0..4),
            phases in phases(),
            hiccups in prop::collection::vec((moment(), moment()), 0..5),
            dead in prop::option::of((moment(), any::<String>())),
            (end, samples) in (0..60 * S, prop::collection::vec(samples(), 0..=1)),
        ) -> Recording {
            let class = |to: &str| Class { name: format!("GET /{to}"), to: to.to_owned() };
            let seen = seen.into_iter().map(|mut exchanges| {
                exchanges.sort_by_key(|exchange| exchange.start);
                Seen { exchanges, operations: vec!["GET /".to_owned()], ..Seen::default() }
            });
            Recording {
                suite, experiment, seed, missed, errors: Vec::new(), interrupted, calls, faults, phases, end, samples,
                facts: Vec::new(),
                noted: vec!["x-deadline-ms".to_owned()],
                trace_base: 7,
                services: vec![ServiceSeen { name: "b".to_owned(), ours: true, stub: false, ready_after: seed }],
                edges: vec!["a -> b".parse().unwrap(), "b -> c".parse().unwrap()],
                seen: seen.collect(),
                classes: vec![class("a"), class("b"), class("c")],
                deaths: dead
                    .into_iter()
                    .map(|(at, how)| Death { service: "b".to_owned(), at, log_tail: vec![how.clone()], how })
                    .collect(),
                starved: hiccups.iter().map(|&(at, late)| Hiccup { at, late }).collect(),
                hiccups: hiccups.into_iter().map(|(at, late)| Hiccup { at, late }).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn any_recording_is_read_back_and_can_be_judged(recording in any_recording()) {
            let read = read_text(written(&recording).as_bytes());
            let read = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&read, &recording);
            judge_by_all(&read);
        }

        #[test]
        fn a_file_with_a_changed_byte_is_refused_or_can_be_judged(at: prop::sample::Index, byte: u8) {
            let mut text = written(&sample().done()).into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(recording) = read_text(&text) {
                judge_by_all(&recording);
            }
        }
    }
}
