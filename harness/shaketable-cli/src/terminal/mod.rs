//! What people see. Humans read stderr, machines read stdout.

mod calls;
mod follow;
pub(crate) mod load;
mod paint;
mod parameters;
pub(crate) mod report;
mod table;
pub(crate) mod text;

use std::io::{self, Write};

pub(crate) use follow::follow;
pub(crate) use paint::Paint;
pub(crate) use parameters::parameters;
use shaketable::suite::SuiteErrors;
pub(crate) use table::table;

/// An answer that was asked for, on stdout.
pub(crate) fn say(text: &str) {
    // Whoever closes the pipe has read enough.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line for the person who watches, on stderr.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Something is wrong.
pub(crate) fn complain(text: &str) {
    tell(&format!("{} {text}", Paint::of_stderr().bad("error:")));
}

/// A paragraph that tells what comes.
pub(crate) fn narrate(text: &str) {
    tell(&format!("\n{}", Paint::of_stderr().strong(text)));
}

/// Shows all errors of a suite.
pub(crate) fn render_errors(errors: SuiteErrors) {
    let count = errors.count();
    if Paint::of_stderr().is_on() {
        tell(&format!("{:?}", miette::Report::new(errors)));
    } else {
        tell(&errors.to_plain());
    }
    complain(&format!(
        "{} in the suite; nothing was started",
        counted(count, "error")
    ));
}

/// `1 edge`, `2 edges`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The width to write for: the terminal's, or a page's where there is none.
pub(crate) fn width() -> usize {
    let terminal =
        terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
    terminal.unwrap_or(100).clamp(60, 140)
}
