//! Where in a suite something stands: `services.order.calls.inventory`.

use std::fmt::Write as _;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
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

/// The way down from the top.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// One step further.
    pub(super) fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// As a person writes it; a key that is more than a word stands in quotes.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                    if !key.is_empty() && key.chars().all(word) {
                        text.push_str(key);
                    } else {
                        let _ = write!(text, "{key:?}");
                    }
                }
                Step::Index(index) => {
                    let _ = write!(text, "[{index}]");
                }
            }
        }
        text
    }
}

/// A path from words and numbers: `steps!["experiments", name, "faults", 0]`.
macro_rules! steps {
    ($($step:expr),* $(,)?) => {
        $crate::suite::path::Path(vec![$($crate::suite::path::Step::from($step)),*])
    };
}
pub(super) use steps;
