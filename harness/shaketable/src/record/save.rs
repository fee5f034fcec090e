//! A recording as a file: JSON lines, the first one the summary, then a line for each call,
//! exchange and connection, and a last one by which a file that was cut off is known. Whatever is written is read back as it was.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Call, Connection, Exchange, Recording, Seen};

/// The version of the file's form.
const VERSION: u32 = 1;

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
    End,
}

/// Writes a recording.
pub fn write(recording: &Recording, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut line = |line: &Line| -> io::Result<()> {
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
    line(&Line::End)?;
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
    let mut ended = false;
    let mut lines = 0;
    for (number, text) in file.lines().enumerate() {
        let wrong = |what: String| ReadError::Line {
            path: shown.clone(),
            line: number + 1,
            what,
        };
        let text = text.map_err(io)?;
        let line = serde_json::from_str::<Line>(&text).map_err(|e| wrong(e.to_string()))?;
        lines = number + 1;
        if ended {
            return Err(wrong("a line after the end".to_owned()));
        }
        match (line, &mut recording) {
            (
                Line::Recording {
                    version: VERSION,
                    summary,
                },
                None,
            ) => {
                let mut fresh = *summary;
                contradiction(&fresh).map_or(Ok(()), |what| Err(wrong(what)))?;
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
            (Line::End, Some(_)) => ended = true,
            (Line::Call(call), Some(recording)) => {
                if usize::from(call.class) >= recording.classes.len() {
                    return Err(wrong(format!("there is no kind of call {}", call.class)));
                }
                recording.calls.push(call);
            }
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
        }
    }
    let (line, what) = match recording {
        Some(recording) if ended => return Ok(recording),
        Some(_) => (lines, "the file is cut off behind this line"),
        None => (1, "the file is empty"),
    };
    Err(ReadError::Line {
        path: shown,
        line,
        what: what.to_owned(),
    })
}

/// What in a summary cannot be, and would mislead whoever judges it.
fn contradiction(summary: &Recording) -> Option<String> {
    let backwards = summary.phases.iter().find(|mark| mark.until < mark.from);
    if let Some(mark) = backwards {
        return Some(format!(
            "the {} phase ends before it begins",
            mark.phase.name()
        ));
    }
    let nowhere = summary
        .faults
        .iter()
        .find(|fault| fault.edge >= summary.edges.len())?;
    Some(format!("there is no edge {}", nowhere.edge))
}

fn seen(recording: &mut Recording, edge: usize) -> Option<&mut Seen> {
    recording.seen.get_mut(edge)
}

impl Recording {
    /// Everything but the calls and what was seen on the edges.
    fn clone_without_bulk(&self) -> Self {
        Self {
            suite: self.suite.clone(),
            experiment: self.experiment.clone(),
            seed: self.seed,
            trace_base: self.trace_base,
            services: self.services.clone(),
            edges: self.edges.clone(),
            seen: Vec::new(),
            classes: self.classes.clone(),
            calls: Vec::new(),
            missed: self.missed,
            phases: self.phases.clone(),
            faults: self.faults.clone(),
            deaths: self.deaths.clone(),
            hiccups: self.hiccups.clone(),
            starved: self.starved.clone(),
            end: self.end,
            interrupted: self.interrupted,
        }
    }
}
