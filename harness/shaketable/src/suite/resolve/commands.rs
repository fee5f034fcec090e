//! Command lines: splitting them, and the variables in them.

use std::path::PathBuf;

use super::Reader;
use crate::expand::names_in;
use crate::suite::model::Command;
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::source::Span;
use crate::suite::tree::Kind;
use crate::suite::written::{CommandLine, Commands};

/// The path of the running binary.
pub(super) const SHAKETABLE: &str = "SHAKETABLE";

/// What every service's command line can use beside the variables of its edges.
pub(super) const FOR_SERVICES: [&str; 2] = ["PORT", SHAKETABLE];

impl Reader<'_> {
    /// The commands under `setup`, `reset` or `teardown`.
    pub(super) fn commands(&mut self, key: &str) -> Vec<Command> {
        let all = steps![key];
        let Some(Commands(lines)) = self.part(&all) else {
            return Vec::new();
        };
        let one = self
            .root
            .at(&all)
            .is_some_and(|node| !matches!(node.kind, Kind::List(_)));
        let mut commands = Vec::new();
        for (index, line) in lines.into_iter().enumerate() {
            let path = if one { all.clone() } else { all.then(index) };
            let cwd = self.dir(&path);
            if let Some(argv) = self.argv(&path, line, &[SHAKETABLE]) {
                commands.push(Command { argv, cwd });
            }
        }
        commands
    }

    /// The directory of the file in which something is written.
    pub(super) fn dir(&self, path: &Path) -> PathBuf {
        self.at(path).source.dir.clone()
    }

    /// A program and its arguments.
    pub(super) fn argv(
        &mut self,
        path: &Path,
        line: CommandLine,
        known: &[&str],
    ) -> Option<Vec<String>> {
        let argv = self.words(path, line, known)?;
        if argv.first().is_none_or(String::is_empty) {
            self.complain(
                path,
                "the command line is empty",
                "write the program and its arguments",
            );
            return None;
        }
        Some(argv)
    }

    /// The words of a command line; may be none.
    pub(super) fn words(
        &mut self,
        path: &Path,
        line: CommandLine,
        known: &[&str],
    ) -> Option<Vec<String>> {
        let words = match line {
            CommandLine::Line(line) => {
                self.variables(path, &line, known);
                let Ok(words) = shell_words::split(&line) else {
                    self.complain(
                        path,
                        "a quote in this command line is left open",
                        "close it, or write the words as a list",
                    );
                    return None;
                };
                words
            }
            CommandLine::Words(words) => {
                for (index, word) in words.iter().enumerate() {
                    self.variables(&path.then(index), word, known);
                }
                words
            }
        };
        if words.iter().any(|word| word.contains('\0')) {
            self.complain(path, "a command line cannot hold a zero byte", "");
            return None;
        }
        Some(words)
    }

    /// Reports every `$NAME` that will not be known when something starts.
    pub(super) fn variables(&mut self, path: &Path, text: &str, known: &[&str]) {
        for name in names_in(text) {
            if known.contains(&name) {
                continue;
            }
            let at = self.at(path).narrow(&format!("${name}"));
            self.unknown_variable(&at, path, name, known);
            if self.errors.many() {
                break;
            }
        }
    }

    /// Says that nobody knows a `$NAME`, and what there is.
    pub(super) fn unknown_variable(&mut self, at: &Span, path: &Path, name: &str, known: &[&str]) {
        let name = near::clip(name);
        let written: Vec<String> = known.iter().map(|known| format!("${known}")).collect();
        let meant = match near::near(&name, known.iter().copied()) {
            Some(near) => format!("did you mean `${near}`?"),
            None => format!(
                "known here: {};",
                near::list(written.iter().map(String::as_str), "and")
            ),
        };
        let help = format!(
            "{meant} a value from the environment is written `${{{name}}}`, a plain dollar `$$`"
        );
        let message = format!("unknown variable `${name}`");
        self.errors.add(at, path, message, help);
    }
}
