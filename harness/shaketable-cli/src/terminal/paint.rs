//! Colour, where it is wanted: on a terminal, unless `NO_COLOR`; anywhere with `CLICOLOR_FORCE`.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Colours text, or leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// As stderr wants it.
    pub(crate) fn of_stderr() -> Self {
        Self::decide(std::io::stderr().is_terminal())
    }

    /// As stdout wants it.
    pub(crate) fn of_stdout() -> Self {
        Self::decide(std::io::stdout().is_terminal())
    }

    /// None, whatever the terminal.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self(false)
    }

    fn decide(terminal: bool) -> Self {
        let set = |name: &str| {
            std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
        };
        if set("NO_COLOR") {
            Self(false)
        } else {
            Self(terminal || set("CLICOLOR_FORCE"))
        }
    }

    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default().bold(), text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    pub(crate) fn unsure(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default().bold(), text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
}
