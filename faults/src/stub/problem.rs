//! What is wrong with a stub as it is written, and where.

use std::fmt;

/// One step down into what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One thing that is wrong with a stub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Where: the way down from the stub.
    pub at: Vec<Step>,
    /// Whether the last key on the way is wrong, and not the value behind it.
    pub at_key: bool,
    /// The piece of the text that is wrong; empty where it is all of it.
    pub word: String,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// A name that is not known and those that are, where that is what is wrong.
    pub unknown: Option<Box<Unknown>>,
}

/// A name that is not known, for whoever can tell which one was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The name.
    pub name: String,
    /// What is known.
    pub known: Vec<String>,
}

impl Problem {
    /// Something wrong with a text.
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
            ..Self::default()
        }
    }

    /// The same, and which piece of the text is meant.
    pub(super) fn of_word(mut self, word: impl Into<String>) -> Self {
        self.word = word.into();
        self
    }

    /// The same, and which names there are.
    pub(super) fn with_known(
        mut self,
        name: &str,
        known: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.unknown = Some(Box::new(Unknown {
            name: name.to_owned(),
            known: known.into_iter().map(Into::into).collect(),
        }));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.at.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.at.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        match &self.unknown {
            Some(unknown) if !unknown.known.is_empty() => {
                write!(f, "; known here: {}", unknown.known.join(", "))
            }
            _ if !self.help.is_empty() => write!(f, "; {}", self.help),
            _ => Ok(()),
        }
    }
}

/// The beginning of a text that may be long, on one line, as a message repeats it.
pub(super) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut shown: String = text.chars().take(CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, " ")
}
