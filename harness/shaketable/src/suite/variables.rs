//! The two kinds of variables in a suite's values.
//!
//! `${NAME}` and `${NAME:-default}` are replaced from the environment when the suite is read, in
//! every value. `$NAME` is replaced when a service or a command starts, where a command line or an
//! environment is written. `$${` is `${` as text; `$$`, in what is replaced at the start, is `$`.

use std::cell::Cell;

/// How many bytes all values from the environment may have together.
const BYTES_MAX: usize = 8 << 20;

/// The environment while a suite is read.
pub(super) struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    spent: Cell<usize>,
}

/// Why a value could not be completed, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The piece of the text that is wrong.
    pub(super) word: String,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
}

fn complaint(word: String, message: String, help: String) -> Complaint {
    Complaint {
        word,
        message,
        help,
    }
}

/// Whether a variable can have this name.
pub(super) fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(word) && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            spent: Cell::new(0),
        }
    }

    /// Replaces every `${…}`. In a text that is `expanded` again at the start, dollars that came
    /// from the environment, and the one of `$${`, are doubled, so that they stay what they are.
    pub(super) fn fill(&self, text: &str, expanded: bool) -> Result<String, Complaint> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            filled.push_str(&rest[..dollar]);
            rest = &rest[dollar..];
            if let Some(after) = rest.strip_prefix("$${") {
                filled.push_str(if expanded { "$${" } else { "${" });
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let Some((inside, after)) = after.split_once('}') else {
                    return Err(complaint(
                        "${".to_owned(),
                        "a `${` without its `}`".to_owned(),
                        "write `${NAME}` for a value from the environment, `$${` for the text `${`"
                            .to_owned(),
                    ));
                };
                let value = self.value(inside)?;
                if expanded {
                    filled.push_str(&value.replace('$', "$$"));
                } else {
                    filled.push_str(&value);
                }
                rest = after;
            } else if let (true, Some(after)) = (expanded, rest.strip_prefix("$$")) {
                // A dollar that stays: what follows it does not begin a variable.
                filled.push_str("$$");
                rest = after;
            } else {
                filled.push('$');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, inside: &str) -> Result<String, Complaint> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let word = || format!("${{{inside}}}");
        if !is_name(name) {
            return Err(complaint(
                word(),
                format!(
                    "`${{{}}}` does not name an environment variable",
                    super::near::clip(inside)
                ),
                "write `${NAME}` or `${NAME:-default}`, `$${` for the text `${`".to_owned(),
            ));
        }
        // As in a shell, a variable that is set to nothing counts as not set where there is a default.
        let value = match ((self.lookup)(name), default) {
            (Some(value), None) => value,
            (Some(value), Some(_)) if !value.is_empty() => value,
            (_, Some(default)) => default.to_owned(),
            (None, None) => {
                return Err(complaint(
                    word(),
                    format!(
                        "the environment variable `{}` is not set",
                        super::near::clip(name)
                    ),
                    "set it, or give a default as in `${NAME:-default}`"
                        .replace("NAME", &super::near::clip(name)),
                ));
            }
        };
        self.spent.set(self.spent.get() + value.len());
        if self.spent.get() > BYTES_MAX {
            return Err(complaint(
                word(),
                format!(
                    "the values from the environment have more than {} MiB",
                    BYTES_MAX >> 20
                ),
                String::new(),
            ));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, expanded: bool) -> Result<String, Complaint> {
        let lookup = |name: &str| match name {
            "HOST" => Some("db.local".to_owned()),
            "PASSWORD" => Some("pa$word".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Environment::new(&lookup).fill(text, expanded)
    }

    #[test]
    fn values_come_from_the_environment_or_the_default() {
        assert_eq!(
            fill("http://${HOST}/x", false).unwrap(),
            "http://db.local/x"
        );
        assert_eq!(fill("${NOPE:-8080}", false).unwrap(), "8080");
        assert_eq!(fill("${EMPTY:-8080}", false).unwrap(), "8080");
        assert_eq!(fill("${EMPTY}", false).unwrap(), "");
        assert_eq!(fill("a $PORT $$ b", false).unwrap(), "a $PORT $$ b");
        assert_eq!(fill("$${HOST}", false).unwrap(), "${HOST}");
    }

    #[test]
    fn dollars_from_the_environment_survive_the_start() {
        assert_eq!(fill("${PASSWORD} $PORT", true).unwrap(), "pa$$word $PORT");
        assert_eq!(fill("$${HOST}", true).unwrap(), "$${HOST}");
        assert_eq!(fill("$$$PORT", true).unwrap(), "$$$PORT");
    }

    #[test]
    fn what_is_missing_or_malformed_is_said() {
        assert_eq!(
            fill("${NOPE}", false).unwrap_err().message,
            "the environment variable `NOPE` is not set"
        );
        assert!(fill("${HOST", false).is_err());
        assert!(fill("${}", false).is_err());
        assert!(fill("${A B}", false).is_err());
    }
}
