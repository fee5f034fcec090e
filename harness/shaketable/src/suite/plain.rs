//! Errors as plain text, and their source code as miette wants it.

use std::fmt::Write as _;
use std::sync::Arc;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::errors::SuiteError;
use super::source::{Source, Span};

/// How many characters of a line are shown on either side of what is wrong.
const SHOWN_AROUND: usize = 90;

/// A file as the source code of an error.
#[derive(Clone, Debug)]
pub(super) struct Code(pub(super) Arc<Source>);

impl SourceCode for Code {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.0.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// `file:line:column: message`, the line with a mark under what is wrong, the path, the help.
pub(super) fn render(error: &SuiteError) -> String {
    let mut text = String::new();
    match &error.at {
        Some(at) => {
            let position = at.position();
            let _ = writeln!(text, "{position}: {}", error.message);
            let number = position.line.to_string();
            let (line, mark) = excerpt(at);
            let margin = " ".repeat(number.len());
            let _ = writeln!(text, " {number} | {line}");
            let _ = writeln!(text, " {margin} | {mark}");
        }
        None => {
            let _ = writeln!(text, "{}: {}", error.file, error.message);
        }
    }
    if !error.path.is_empty() {
        let _ = writeln!(text, "  at {}", error.path);
    }
    if let Some(help) = &error.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

/// The line, cut where it is very long, and the carets that go below it.
fn excerpt(at: &Span) -> (String, String) {
    let (line, offset) = at.line();
    let offset = offset.min(line.len());
    let before: Vec<char> = line[..offset].chars().collect();
    let after: Vec<char> = line[offset..].chars().collect();
    let marked = line[offset..]
        .char_indices()
        .take_while(|(index, _)| *index < at.len)
        .count()
        .clamp(1, SHOWN_AROUND);
    let cut = before.len().saturating_sub(SHOWN_AROUND);
    let mut shown = String::new();
    if cut > 0 {
        shown.push('…');
    }
    shown.extend(&before[cut..]);
    // A tab stays a tab, so that the mark stands below what it marks.
    let mut mark: String = shown
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    shown.extend(after.iter().take(SHOWN_AROUND));
    if after.len() > SHOWN_AROUND {
        shown.push('…');
    }
    mark.push_str(&"^".repeat(marked));
    let visible = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    (shown.chars().map(visible).collect(), mark)
}
