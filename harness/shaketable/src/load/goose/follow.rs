//! A file that grows, line by line.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A line that is longer is left out.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 16;

/// A file, from its beginning on; it may come into being later.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    file: Option<File>,
    /// The beginning of a line whose end is still to come.
    held: Vec<u8>,
    /// Whether the line that is going on is too long to be held.
    too_long: bool,
}

impl Follow {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            held: Vec::new(),
            too_long: false,
        }
    }

    /// Whether the file is there.
    pub(super) fn is_there(&mut self) -> io::Result<bool> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        Ok(self.file.is_some())
    }

    /// Hands over every line that has been ended since the last time; nothing for one that is longer
    /// than 1 MiB.
    pub(super) fn lines(&mut self, mut each: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        if !self.is_there()? {
            return Ok(());
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for part in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
                if self.held.len() + part.len() > LINE_BYTES_MAX {
                    (self.too_long, self.held) = (true, Vec::new());
                } else if !self.too_long {
                    self.held.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    let whole = Some(self.held.trim_ascii_end());
                    each(whole.filter(|_| !self.too_long));
                    self.held.clear();
                    self.too_long = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_come_when_they_are_whole_and_a_huge_one_never() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut follow = Follow::new(&path);
        let mut take = || {
            let mut lines = Vec::new();
            follow
                .lines(|line| {
                    let line = line.map_or("too long".into(), String::from_utf8_lossy);
                    lines.push(line.into_owned());
                })
                .unwrap();
            lines
        };
        assert!(take().is_empty(), "there is no file");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(take(), ["one"]);
        file.write_all(b"o\r\n\n").unwrap();
        assert_eq!(take(), ["two", ""]);
        let huge = vec![b'x'; 3 * LINE_BYTES_MAX];
        file.write_all(&huge).unwrap();
        assert!(take().is_empty());
        file.write_all(b"\nthree\n").unwrap();
        assert_eq!(take(), ["too long", "three"]);
        assert!(follow.held.capacity() <= 2 * LINE_BYTES_MAX, "it grows");
    }
}
