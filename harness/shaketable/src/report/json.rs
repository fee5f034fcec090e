//! `report.json`: the report for programs, in a form with a schema and a version.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Report;

/// The file's name in a run's directory.
pub const FILE: &str = "report.json";

/// Writes the report.
pub fn write(report: &Report, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, report)?;
    file.write_all(b"\n")?;
    file.flush()
}

/// The JSON Schema of the file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
