//! Every `$NAME` that a caller has by its edges: the variables that it is given, and plain names
//! that only stand for a value where they are written, such as `$INVENTORY_HOST`.

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::form::Form;

/// The name of the file with the authority that vouches for the proxies of an experiment, for callers
/// that speak TLS.
pub const CA: &str = "SHAKETABLE_CA";

/// A caller's edge, as far as names go.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The service that is called.
    pub callee: &'a str,
    /// The caller's variables for it.
    pub variables: &'a IndexMap<String, Form>,
    /// Whether the caller speaks TLS.
    pub secure: bool,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Which of the caller's edges it is about, counted from 0.
    pub edge: usize,
    /// What it holds.
    pub form: Form,
}

/// Every name that a caller has by its edges; the variables that it is given come first. A plain
/// name that would belong to two edges belongs to none.
pub fn of_caller(edges: &[Called<'_>]) -> IndexMap<String, Meaning> {
    let mut names = IndexMap::new();
    for (edge, called) in edges.iter().enumerate() {
        for (variable, form) in called.variables {
            let form = form.clone();
            names.insert(variable.clone(), Meaning { edge, form });
        }
    }
    let mut plain: IndexMap<String, Option<Meaning>> = IndexMap::new();
    for (edge, called) in edges.iter().enumerate() {
        for (name, form) in plain_names(called) {
            match plain.entry(name) {
                Entry::Vacant(slot) => {
                    slot.insert(Some(Meaning { edge, form }));
                }
                Entry::Occupied(mut slot) => {
                    slot.insert(None);
                }
            }
        }
    }
    for (name, meaning) in plain {
        if let (Entry::Vacant(slot), Some(meaning)) = (names.entry(name), meaning) {
            slot.insert(meaning);
        }
    }
    names
}

/// `STOCK_DB` for `stock-db`: how the plain names of a callee begin. `None` where no variable can
/// begin like this.
pub fn stem(callee: &str) -> Option<String> {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let stem: String = callee.chars().map(letter).collect();
    let digit = |c: char| c.is_ascii_digit();
    (!stem.is_empty() && !stem.starts_with(digit)).then_some(stem)
}

/// The plain names of an edge, by its callee.
fn plain_names(called: &Called<'_>) -> Vec<(String, Form)> {
    let Some(stem) = stem(called.callee) else {
        return Vec::new();
    };
    let forms = [
        ("URL", Form::url(String::new(), called.secure)),
        ("ADDRESS", Form::Address),
        ("HOST", Form::Host),
        ("PORT", Form::Port),
    ];
    forms
        .map(|(end, form)| (format!("{stem}_{end}"), form))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(edges: &[(&str, &[(&str, Form)])]) -> Vec<String> {
        let variables: Vec<IndexMap<String, Form>> = edges
            .iter()
            .map(|(_, variables)| {
                let owned = |(name, form): &(&str, Form)| ((*name).to_owned(), form.clone());
                variables.iter().map(owned).collect()
            })
            .collect();
        let called: Vec<Called<'_>> = edges
            .iter()
            .zip(&variables)
            .map(|((callee, _), variables)| Called {
                callee,
                variables,
                secure: false,
            })
            .collect();
        of_caller(&called)
            .into_iter()
            .map(|(name, meaning)| format!("{name} {}{}", meaning.form.name(), meaning.edge))
            .collect()
    }

    #[test]
    fn given_variables_come_first_and_plain_names_follow() {
        let given = [("STOCK", Form::Address)];
        assert_eq!(
            names(&[("stock-db", &given)]),
            [
                "STOCK address0",
                "STOCK_DB_URL URL0",
                "STOCK_DB_ADDRESS address0",
                "STOCK_DB_HOST host0",
                "STOCK_DB_PORT port0",
            ]
        );
    }

    #[test]
    fn a_given_variable_hides_a_plain_name() {
        let given = [("B_PORT", Form::Host)];
        let names = names(&[("a", &given), ("b", &[])]);
        assert!(names.contains(&"B_PORT host0".to_owned()), "{names:?}");
        assert!(!names.contains(&"B_PORT port1".to_owned()), "{names:?}");
    }

    #[test]
    fn a_name_that_could_mean_two_edges_means_none() {
        let names = names(&[("a-b", &[]), ("a.b", &[]), ("a_b", &[]), ("c", &[])]);
        assert!(names.iter().all(|name| name.starts_with("C_")), "{names:?}");
    }

    #[test]
    fn what_cannot_begin_a_variable_has_no_plain_names() {
        assert_eq!(stem("3scale"), None);
        assert_eq!(stem("lagér.2"), Some("LAG_R_2".to_owned()));
    }
}
