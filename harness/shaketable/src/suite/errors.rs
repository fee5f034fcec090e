//! What is wrong with a suite: every error with its place, and what to do about it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::model::Position;
use super::path::Path;
use super::plain;
use super::source::Span;

/// How many errors are told in full; more are only counted.
pub const ERRORS_TOLD_MAX: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct SuiteError {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) path: String,
    pub(super) at: Option<Span>,
    /// The file, where there is no place in it.
    pub(super) file: String,
    pub(super) source: Option<plain::Code>,
}

impl SuiteError {
    /// What is wrong: a lowercase fragment.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Where in the suite: `services.order.calls.inventory`; empty at the top.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where in the file; none when the file could not be read.
    pub fn position(&self) -> Option<Position> {
        self.at.as_ref().map(Span::position)
    }

    /// The error for a reader without a terminal: place and message, the line, the path, the help.
    pub fn to_plain(&self) -> String {
        plain::render(self)
    }
}

impl fmt::Display for SuiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.at.is_none() {
            return Ok(());
        }
        match self.path.as_str() {
            "" => Ok(()),
            path => write!(f, " (at {path})"),
        }
    }
}

impl std::error::Error for SuiteError {}

impl Diagnostic for SuiteError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|code| code as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.at.as_ref()?;
        let here = LabeledSpan::new_primary_with_span(None, (at.offset, at.len));
        Some(Box::new(std::iter::once(here)))
    }
}

/// Everything that is wrong with a suite, in the order of its files and lines. Never empty.
#[derive(Clone, Debug)]
pub struct SuiteErrors {
    file: String,
    errors: Vec<SuiteError>,
    more: usize,
}

impl SuiteErrors {
    /// The errors; at most [`ERRORS_TOLD_MAX`].
    pub fn errors(&self) -> &[SuiteError] {
        &self.errors
    }

    /// How many there are, with those that are not told.
    pub fn count(&self) -> usize {
        self.errors.len() + self.more
    }

    /// Every error for a reader without a terminal, with an empty line between them.
    pub fn to_plain(&self) -> String {
        let mut text: Vec<String> = self.errors.iter().map(SuiteError::to_plain).collect();
        if self.more > 0 {
            text.push(format!("… and {} more\n", self.more));
        }
        text.join("\n")
    }
}

impl fmt::Display for SuiteErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count() == 1 { "" } else { "s" };
        write!(
            f,
            "read suite {}: {} error{plural}",
            self.file,
            self.count()
        )?;
        if self.more > 0 {
            write!(f, ", the first {} of them told", self.errors.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for SuiteErrors {}

impl Diagnostic for SuiteErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.errors.iter().map(|error| error as &dyn Diagnostic),
        ))
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Errors {
    list: Vec<SuiteError>,
    more: usize,
    /// What was said already: a node that is used twice complains once.
    said: HashSet<(usize, usize, String)>,
    broken: BTreeSet<Path>,
}

impl Errors {
    /// Adds an error with its place.
    pub(super) fn add(
        &mut self,
        at: &Span,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (message, help) = (message.into(), help.into());
        self.broken.insert(path.clone());
        let (file, offset) = at.order();
        if !self.said.insert((file, offset, message.clone())) {
            return;
        }
        self.push(SuiteError {
            message,
            help: (!help.is_empty()).then_some(help),
            path: path.text(),
            at: Some(at.clone()),
            file: at.source.name.clone(),
            source: Some(plain::Code(at.source.clone())),
        });
    }

    /// Adds an error of a whole file.
    pub(super) fn add_file(&mut self, file: &str, message: String, help: &str) {
        self.push(SuiteError {
            message,
            help: (!help.is_empty()).then(|| help.to_owned()),
            path: String::new(),
            at: None,
            file: file.to_owned(),
            source: None,
        });
    }

    fn push(&mut self, error: SuiteError) {
        // More are held than told, because those of the first lines are told and come in any order.
        if self.list.len() < 10 * ERRORS_TOLD_MAX {
            self.list.push(error);
        } else {
            self.more += 1;
        }
    }

    /// Whether there are so many that no more work should go into the next one's wording.
    pub(super) fn many(&self) -> bool {
        self.list.len() >= ERRORS_TOLD_MAX
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether nothing is wrong.
    pub(super) fn none(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something is wrong with what stands at the path or below it.
    pub(super) fn under(&self, path: &Path) -> bool {
        self.broken
            .range(path..)
            .next()
            .is_some_and(|first| first.0.starts_with(&path.0))
    }

    /// All of them in order.
    pub(super) fn finish(mut self, file: &str) -> SuiteErrors {
        let order = |error: &SuiteError| error.at.as_ref().map_or((0, 0), Span::order);
        self.list.sort_by_key(order);
        self.more += self.list.len().saturating_sub(ERRORS_TOLD_MAX);
        self.list.truncate(ERRORS_TOLD_MAX);
        SuiteErrors {
            file: file.to_owned(),
            errors: self.list,
            more: self.more,
        }
    }
}
