//! `$NAME` in command lines and environments. There is no shell: a name is replaced, nothing is split.
//!
//! `$$` is a dollar. A dollar before anything that cannot begin a name stays as it is. `${NAME}` is no form
//! here: the suite language has replaced it earlier.

use thiserror::Error;

/// A `$NAME` that nobody has given a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown name `${name}`")]
pub struct UnknownName {
    /// The name, without its dollar.
    pub name: String,
}

/// One stretch of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Replaces every `$NAME` with what `lookup` gives for it.
pub fn expand<F>(text: &str, lookup: &F) -> Result<String, UnknownName>
where
    F: Fn(&str) -> Option<String> + ?Sized,
{
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name(name) => {
                let value = lookup(name).ok_or_else(|| UnknownName {
                    name: name.to_owned(),
                })?;
                out.push_str(&value);
            }
        }
    }
    Ok(out)
}

/// The names that [`expand`] would look up, in order, as often as they stand there.
pub fn names_in(text: &str) -> Vec<&str> {
    let name = |piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    };
    pieces(text).into_iter().filter_map(name).collect()
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(dollar);
        pieces.push(Piece::Text(before));
        let after = &from_dollar[1..];
        let name_len = name_len(after);
        if name_len > 0 {
            pieces.push(Piece::Name(&after[..name_len]));
            rest = &after[name_len..];
        } else {
            pieces.push(Piece::Text("$"));
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// How many bytes at the start of `text` are a name.
pub(crate) fn name_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let lookup = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "A_1" => Some("$PORT".to_owned()),
            _ => None,
        };
        let expected = expected.map(str::to_owned).map_err(|name| UnknownName {
            name: name.to_owned(),
        });
        assert_eq!(expand(text, &lookup), expected, "{text}");
    }

    #[test]
    fn names_are_replaced_once() {
        check("--port=$PORT", Ok("--port=8080"));
        check("$PORT:$PORT/x", Ok("8080:8080/x"));
        check("$A_1", Ok("$PORT"));
        check("$PORTS", Err("PORTS"));
    }

    #[test]
    fn dollars_that_name_nothing_stay() {
        check("", Ok(""));
        check("$$PORT", Ok("$PORT"));
        check("$$$PORT", Ok("$8080"));
        check("cost: 5$", Ok("cost: 5$"));
        check("$1 ${PORT} $(x) é$é", Ok("$1 ${PORT} $(x) é$é"));
    }

    #[test]
    fn names_in_order() {
        assert_eq!(names_in("$B and $$C and $A$B"), ["B", "A", "B"]);
        assert_eq!(names_in("$${HOST} $$A $$$B ${ $1 $"), ["B"]);
    }

    proptest! {
        #[test]
        fn doubled_dollars_come_back(text in "\\PC*") {
            prop_assert_eq!(expand(&text.replace('$', "$$"), &|_: &str| None), Ok(text));
        }

        #[test]
        fn exactly_the_names_are_looked_up(text in "[$A-C_1 {}]*") {
            let seen = std::cell::RefCell::new(Vec::new());
            let lookup = |name: &str| { seen.borrow_mut().push(name.to_owned()); Some(String::new()) };
            prop_assert!(expand(&text, &lookup).is_ok());
            prop_assert_eq!(seen.into_inner(), names_in(&text));
        }
    }
}
