//! Text broken at words.

/// The lines of a text, none longer than `width` unless a single word is.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut length = 0;
    for word in text.split_whitespace() {
        let chars = word.chars().count();
        if length > 0 && length + 1 + chars > width {
            lines.push(String::new());
            length = 0;
        }
        if let Some(line) = lines.last_mut() {
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += chars;
        }
    }
    lines
}

/// A paragraph whose further lines stand under the first one's beginning, after `lead`.
pub(super) fn paragraph(lead: &str, text: &str, width: usize) -> String {
    let indent = visible(lead);
    let glue = format!("\n{}", " ".repeat(indent));
    format!(
        "{lead}{}",
        lines(text, width.saturating_sub(indent)).join(&glue)
    )
}

/// How wide a text is on the screen: without the codes that colour it.
fn visible(text: &str) -> usize {
    let mut coded = false;
    let seen = text.chars().filter(|&c| {
        let code = coded || c == '\x1b';
        coded = code && c != 'm';
        !code
    });
    seen.count()
}

/// The length of the longest word.
pub(super) fn longest_word(text: &str) -> usize {
    text.split_whitespace()
        .map(|word| word.chars().count())
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words() {
        assert_eq!(
            lines("a tired person reads", 8),
            ["a tired", "person", "reads"]
        );
        assert_eq!(lines("", 8), [""]);
        assert_eq!(visible("\x1b[1m\x1b[31m✗\x1b[0m "), 2);
        assert_eq!(
            paragraph("  - ", "one two three", 11),
            "  - one two\n    three"
        );
    }
}
