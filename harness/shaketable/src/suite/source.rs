//! A file's text, and places in it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::model::Position;

/// One file of a suite.
pub(super) struct Source {
    /// Its path, as it was given or as `extend` led to it.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
    /// What relative paths in it are relative to.
    pub(super) dir: PathBuf,
    /// How many files were read before it.
    pub(super) number: usize,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: String, text: String, dir: PathBuf, number: usize) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name,
            text,
            dir,
            number,
            lines,
        }
    }

    /// The line, from 1, that holds the byte, and the byte at which it begins.
    fn line(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        (line, self.lines[line - 1])
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A stretch of a file.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The file.
    pub(super) source: Arc<Source>,
    /// Its first byte; always between two characters.
    pub(super) offset: usize,
    /// How many bytes.
    pub(super) len: usize,
}

impl Span {
    /// A stretch between two bytes, moved to where characters begin and into the file.
    pub(super) fn new(source: &Arc<Source>, from: usize, until: usize) -> Self {
        let text = &source.text;
        let settle = |at: usize| text.floor_char_boundary(at.min(text.len()));
        let offset = settle(from);
        let len = settle(until).saturating_sub(offset);
        Self {
            source: Arc::clone(source),
            offset,
            len,
        }
    }

    /// The place of a word in it; all of it where the word does not stand there as it is.
    pub(super) fn narrow(&self, word: &str) -> Self {
        let here = self.source.text.get(self.offset..self.offset + self.len);
        match here.and_then(|text| text.find(word)) {
            Some(at) => Self {
                offset: self.offset + at,
                len: word.len(),
                ..self.clone()
            },
            None => self.clone(),
        }
    }

    /// The line in which it begins, from 1.
    pub(super) fn line_number(&self) -> usize {
        self.source.line(self.offset).0
    }

    /// Where it begins.
    pub(super) fn position(&self) -> Position {
        let (line, start) = self.source.line(self.offset);
        let column = self.source.text[start..self.offset].chars().count() + 1;
        Position {
            file: self.source.name.clone(),
            line,
            column,
        }
    }

    /// The line in which it begins without its end, and the byte in it at which it begins.
    pub(super) fn line(&self) -> (&str, usize) {
        let (_, start) = self.source.line(self.offset);
        let line = &self.source.text[start..];
        let line = line.split('\n').next().unwrap_or_default();
        (line.trim_end_matches('\r'), self.offset - start)
    }

    /// What orders errors: file, then place.
    pub(super) fn order(&self) -> (usize, usize) {
        (self.source.number, self.offset)
    }
}
