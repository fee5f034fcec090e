//! The rows that templates draw on, one for each arrival.

use serde_json::Value;

/// The most rows that a load can draw on.
const ROWS_MAX: usize = 100_000;
/// The most columns.
const COLUMNS_MAX: usize = 256;

/// Rows with named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows; never none, and each has all columns.
    rows: Vec<Vec<Value>>,
}

/// Why a text is no data: the line, from 1, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoData {
    /// The line; that of the row's beginning.
    pub line: usize,
    /// A lowercase fragment.
    pub reason: String,
}

impl Table {
    /// The row of an arrival: they are given in order, and from the first one again.
    pub fn row(&self, index: u64) -> Option<&[Value]> {
        let place = usize::try_from(index % (self.rows.len().max(1) as u64)).ok()?;
        self.rows.get(place).map(Vec::as_slice)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads CSV (RFC 4180): the first line names the columns. What stands in quotes is text; else a
    /// number, `true`, `false` and `null` are what they are in JSON.
    pub fn of_csv(text: &str) -> Result<Self, NoData> {
        let mut records = Records::of(text.strip_prefix('\u{feff}').unwrap_or(text));
        let Some(first) = records.next()? else {
            return Err(no_data(1, "is empty"));
        };
        let names: Vec<String> = first.cells.into_iter().map(|cell| cell.text).collect();
        let columns = columns(names.into_iter().map(|name| name.trim().to_owned()), 1)?;
        let mut rows = Vec::new();
        while let Some(record) = records.next()? {
            if record.cells.len() != columns.len() {
                let reason = format!(
                    "has {} values in this row, and {} columns",
                    record.cells.len(),
                    columns.len()
                );
                return Err(no_data(record.line, &reason));
            }
            rows.push(record.cells.into_iter().map(Cell::value).collect());
            bounded(rows.len(), record.line)?;
        }
        Self { columns, rows }.not_empty()
    }

    /// Reads a JSON list of objects. A column that an object does not have is null in its row.
    pub fn of_json(text: &str) -> Result<Self, NoData> {
        let list: Value = serde_json::from_str(text)
            .map_err(|error| no_data(error.line().max(1), &format!("is not JSON: {error}")))?;
        let wrong = || no_data(1, "is not a list of objects");
        let objects = list.as_array().ok_or_else(wrong)?;
        bounded(objects.len(), 1)?;
        let objects: Option<Vec<_>> = objects.iter().map(Value::as_object).collect();
        let objects = objects.ok_or_else(wrong)?;
        let mut names: indexmap::IndexSet<&String> = indexmap::IndexSet::new();
        names.extend(objects.iter().flat_map(|object| object.keys()));
        let columns = columns(names.into_iter().cloned(), 1)?;
        let cell = |object: &serde_json::Map<String, Value>, column: &String| {
            object.get(column).cloned().unwrap_or(Value::Null)
        };
        let row = |object| columns.iter().map(|column| cell(object, column)).collect();
        let rows = objects.into_iter().map(row).collect();
        Self { columns, rows }.not_empty()
    }

    fn not_empty(self) -> Result<Self, NoData> {
        if self.rows.is_empty() {
            return Err(no_data(1, "has no rows"));
        }
        Ok(self)
    }
}

/// What a word without quotes means: a number, `true`, `false` or `null` as in JSON, else itself.
pub(super) fn plain_value(word: &str) -> Value {
    match serde_json::from_str(word) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => word.into(),
    }
}

fn no_data(line: usize, reason: &str) -> NoData {
    NoData {
        line,
        reason: reason.to_owned(),
    }
}

fn bounded(rows: usize, line: usize) -> Result<(), NoData> {
    if rows > ROWS_MAX {
        return Err(no_data(line, &format!("has more than {ROWS_MAX} rows")));
    }
    Ok(())
}

/// Names that are there, differ, and are not too many.
fn columns(names: impl Iterator<Item = String>, line: usize) -> Result<Vec<String>, NoData> {
    let mut columns: Vec<String> = Vec::new();
    for name in names {
        if name.is_empty() {
            return Err(no_data(line, "has a column without a name"));
        }
        if columns.contains(&name) {
            return Err(no_data(line, &format!("has two columns `{name}`")));
        }
        columns.push(name);
        if columns.len() > COLUMNS_MAX {
            return Err(no_data(
                line,
                &format!("has more than {COLUMNS_MAX} columns"),
            ));
        }
    }
    Ok(columns)
}

struct Cell {
    text: String,
    quoted: bool,
}

impl Cell {
    fn value(self) -> Value {
        if self.quoted {
            self.text.into()
        } else {
            plain_value(&self.text)
        }
    }
}

struct Record {
    line: usize,
    cells: Vec<Cell>,
}

/// The records of a CSV text, one after the other.
struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Records<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    /// The next one; empty lines are none.
    fn next(&mut self) -> Result<Option<Record>, NoData> {
        while let Some(rest) = self
            .rest
            .strip_prefix("\r\n")
            .or(self.rest.strip_prefix('\n'))
        {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut record = Record {
            line: self.line,
            cells: Vec::new(),
        };
        loop {
            let cell = self.cell()?;
            record.cells.push(cell);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            // The cell ended where the line or the text does.
            self.rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
            if let Some(rest) = self.rest.strip_prefix('\n') {
                self.rest = rest;
                self.line += 1;
            }
            return Ok(Some(record));
        }
    }

    fn cell(&mut self) -> Result<Cell, NoData> {
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            let text = if rest.starts_with(',') {
                text
            } else {
                text.strip_suffix('\r').unwrap_or(text)
            };
            return Ok(Cell {
                text: text.to_owned(),
                quoted: false,
            });
        };
        let mut text = String::new();
        let begun = self.line;
        loop {
            let Some(quote) = rest.find('"') else {
                return Err(no_data(begun, "leaves a quote open"));
            };
            text.push_str(&rest[..quote]);
            self.line += rest[..quote].matches('\n').count();
            rest = &rest[quote + 1..];
            if let Some(after) = rest.strip_prefix('"') {
                text.push('"');
                rest = after;
                continue;
            }
            if !(rest.is_empty() || rest.starts_with([',', '\n']) || rest.starts_with("\r\n")) {
                return Err(no_data(self.line, "has something behind a closing quote"));
            }
            self.rest = rest;
            return Ok(Cell { text, quoted: true });
        }
    }
}

#[cfg(test)]
mod tests;
