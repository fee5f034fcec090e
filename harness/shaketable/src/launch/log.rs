//! The last lines of a log, and reading one as it grows. Neither holds more than a bounded part of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How much of the end of a log is looked at.
const TAIL_BYTES_MAX: u64 = 64 * 1024;
/// How much of an unfinished line is remembered.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The last `n` lines of a log, from its last 64 KiB. Empty when it cannot be read.
pub fn last_lines(path: &Path, n: usize) -> Vec<String> {
    last_lines_from(path, 0, n)
}

/// The same, but nothing from before the byte `from`.
pub(super) fn last_lines_from(path: &Path, from: u64, n: usize) -> Vec<String> {
    let (tail, whole) = read_tail(path, from).unwrap_or_default();
    let text = String::from_utf8_lossy(&tail);
    // The first line of a tail has lost its beginning, unless it is all there is.
    let skip = usize::from(!whole && text.lines().count() > 1);
    let lines: Vec<&str> = text.lines().skip(skip).collect();
    lines[lines.len().saturating_sub(n)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// The end of a log, and whether it is all of it.
fn read_tail(path: &Path, from: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut file = File::open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    let start = end.saturating_sub(TAIL_BYTES_MAX).max(from.min(end));
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
    Ok((tail, start <= from))
}

/// Looks for a text in the lines of a log as they are written.
#[derive(Debug)]
pub(super) struct LogSearch {
    path: PathBuf,
    /// Up to where the log has been read.
    offset: u64,
    /// The line that has no end yet.
    line: Vec<u8>,
    needle: Vec<u8>,
}

impl LogSearch {
    /// Searches from the byte `from` on.
    pub(super) fn new(path: &Path, from: u64, needle: &str) -> Self {
        Self {
            path: path.to_owned(),
            offset: from,
            line: Vec::new(),
            needle: needle.as_bytes().to_owned(),
        }
    }

    /// Whether a line written since the last look, finished or not, holds the text.
    pub(super) fn found(&mut self) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read(&mut chunk)?;
            if count == 0 {
                return Ok(false);
            }
            self.offset += count as u64;
            if self.take(&chunk[..count]) {
                return Ok(true);
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) -> bool {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let finished = part.ends_with(b"\n");
            self.line.extend_from_slice(part);
            if contains(&self.line, &self.needle) {
                return true;
            }
            if finished {
                self.line.clear();
            } else if self.line.len() > LINE_BYTES_MAX {
                // The text may still straddle what comes next.
                let keep = self.needle.len().min(self.line.len());
                self.line.drain(..self.line.len() - keep);
            }
        }
        false
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty()
        || haystack
            .windows(needle.len())
            .any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn log_with(text: &[u8]) -> io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text)?;
        Ok(file)
    }

    #[test]
    fn last_lines_are_the_last() -> io::Result<()> {
        let log = log_with(b"one\ntwo\nthree")?;
        assert_eq!(last_lines(log.path(), 2), ["two", "three"]);
        assert_eq!(last_lines(log.path(), 9), ["one", "two", "three"]);
        assert_eq!(last_lines_from(log.path(), 4, 9), ["two", "three"]);
        assert_eq!(last_lines(Path::new("/nowhere"), 9), Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn a_long_log_loses_its_beginning_and_no_half_line_shows() -> io::Result<()> {
        let log = log_with("0123456789\n".repeat(20_000).as_bytes())?;
        let lines = last_lines(log.path(), usize::MAX);
        assert!(lines.len() < 6_000 && lines.iter().all(|line| line == "0123456789"));
        Ok(())
    }

    #[test]
    fn a_text_is_found_across_reads_but_not_across_lines() -> io::Result<()> {
        let mut log = log_with(b"listening soon\nlist")?;
        let mut search = LogSearch::new(log.path(), 0, "listening on");
        assert!(!search.found()?);
        log.write_all(b"ening\non nothing\nnow listen")?;
        assert!(!search.found()?);
        log.write_all(b"ing on 80")?;
        assert!(search.found()?);
        Ok(())
    }

    #[test]
    fn a_line_without_end_stays_bounded() -> io::Result<()> {
        let mut log = log_with("x".repeat(1_000_000).as_bytes())?;
        let mut search = LogSearch::new(log.path(), 0, "ready");
        assert!(!search.found()?);
        assert!(search.line.len() <= LINE_BYTES_MAX + CHUNK_BYTES);
        log.write_all(b"ready")?;
        assert!(search.found()?);
        Ok(())
    }
}
