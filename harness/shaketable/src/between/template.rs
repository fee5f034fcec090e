//! Configuration files with names in them: `$NAME` and `${NAME}` are replaced, `$$` is a dollar.
//!
//! A dollar before anything that cannot begin a name stays as it is, as in a command line. Unlike
//! there, `${NAME}` is a name too, because in a file it often touches what comes after it.

use std::ops::Range;

use crate::expand::{UnknownName, name_len};

/// The name of the directory in which a service's files are.
pub const FILES: &str = "FILES";

/// A file's text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// One stretch of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

/// A name as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// The name. Between braces it is whatever stands before a `:-`, so that it may be none.
    pub name: &'a str,
    /// The whole of it, with dollar and braces; a `${` alone where its `}` is missing.
    pub whole: &'a str,
    /// Whether it stands in braces.
    pub braces: bool,
}

/// What a name becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is replaced when the service starts.
    Later,
    /// It has this value already.
    Now(String),
    /// Nobody knows it; what is wrong was told.
    Unknown,
}

impl Template {
    /// Reads a text. `look` is asked about each name, with its place in bytes; what is wrong with
    /// one is told by it.
    pub fn parse(text: &str, mut look: impl FnMut(Written<'_>, Range<usize>) -> Known) -> Self {
        let mut template = Self::default();
        let mut at = 0;
        while let Some(found) = text[at..].find('$') {
            let dollar = at + found;
            template.push_text(&text[at..dollar]);
            let after = &text[dollar + 1..];
            let (name, len, braces) = if let Some(inside) = after.strip_prefix('{') {
                // A brace that is closed in another line was not meant to be.
                match inside.find(['}', '\n']) {
                    Some(end) if inside[end..].starts_with('}') => {
                        let name = inside[..end].split(":-").next().unwrap_or_default();
                        (name, end + 3, true)
                    }
                    _ => ("", 2, true),
                }
            } else {
                let len = name_len(after);
                (&after[..len], len + 1, false)
            };
            if name.is_empty() && !braces {
                template.push_text("$");
                at = dollar + if after.starts_with('$') { 2 } else { 1 };
                continue;
            }
            let place = dollar..dollar + len;
            let whole = &text[place.clone()];
            let written = Written {
                name,
                whole,
                braces,
            };
            match look(written, place) {
                Known::Later => template.pieces.push(Piece::Name(name.to_owned())),
                Known::Now(value) => template.push_text(&value),
                Known::Unknown => {}
            }
            at = dollar + len;
        }
        template.push_text(&text[at..]);
        template
    }

    fn push_text(&mut self, more: &str) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push_str(more);
        } else if !more.is_empty() {
            self.pieces.push(Piece::Text(more.to_owned()));
        }
    }

    /// The names that are replaced when the service starts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with every name replaced.
    pub fn fill(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, UnknownName> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name) => {
                    let name = name.clone();
                    let value = lookup(&name).ok_or(UnknownName { name })?;
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> (Template, Vec<String>) {
        let mut wrong = Vec::new();
        let template = Template::parse(text, |written, place| {
            assert_eq!(&text[place], written.whole);
            match written.name {
                "PORT" | "HOST" => Known::Later,
                "HOME" if written.braces => Known::Now("/home/$a".to_owned()),
                _ => {
                    wrong.push(written.whole.to_owned());
                    Known::Unknown
                }
            }
        });
        (template, wrong)
    }

    fn fill(text: &str) -> String {
        let (template, wrong) = parse(text);
        assert_eq!(wrong, [] as [&str; 0]);
        template
            .fill(&|name| {
                (name == "PORT")
                    .then(|| "80".to_owned())
                    .or(Some("h".to_owned()))
            })
            .unwrap()
    }

    #[test]
    fn names_are_replaced_with_and_without_braces() {
        assert_eq!(fill("a $HOST:$PORT/x\n"), "a h:80/x\n");
        assert_eq!(fill("${HOST}x${PORT}"), "hx80");
        assert_eq!(fill("${HOST:-other}"), "h");
        assert_eq!(fill("${HOME}/x"), "/home/$a/x", "a value is not read again");
        assert_eq!(fill(""), "");
    }

    #[test]
    fn dollars_that_name_nothing_stay() {
        assert_eq!(fill("^a$\n$1 $ $( 5$"), "^a$\n$1 $ $( 5$");
        assert_eq!(fill("$$PORT $${HOST} $$$PORT"), "$PORT ${HOST} $80");
    }

    #[test]
    fn what_is_wrong_is_given_with_its_place() {
        assert_eq!(
            parse("$NO ${a.b} ${} ${NO:-x}").1,
            ["$NO", "${a.b}", "${}", "${NO:-x}"]
        );
        assert_eq!(parse("a ${PORT\n}").1, ["${"]);
        assert_eq!(parse("é${").1, ["${"]);
    }

    proptest! {
        #[test]
        fn doubled_dollars_come_back(text in "\\PC*") {
            let (template, wrong) = parse(&text.replace('$', "$$"));
            prop_assert_eq!(wrong, Vec::<String>::new());
            prop_assert_eq!(template.fill(&|_| None), Ok(text));
        }

        #[test]
        fn nothing_panics(text in "[$A-C{}:\n é-]*") {
            parse(&text);
        }
    }
}
