//! `shaketable checks` and `shaketable faults`: what exists, from the catalogues themselves.

use shaketable::{check, fault};

use crate::exit::{self, Exit};
use crate::terminal::{say, table};

pub(super) fn checks() -> Exit {
    let rows = check::CATALOGUE.iter().map(|kind| {
        vec![
            kind.name.to_owned(),
            kind.holds_when.to_owned(),
            kind.example.to_owned(),
        ]
    });
    say(&table(&["check", "holds when", "example"], rows.collect()));
    exit::OK
}

pub(super) fn faults() -> Exit {
    let rows = fault::CATALOGUE.iter().map(|kind| {
        vec![
            kind.name.to_owned(),
            kind.summary.to_owned(),
            kind.speaks.name().to_owned(),
            kind.example.to_owned(),
        ]
    });
    say(&table(
        &["fault", "what it does", "edges", "example"],
        rows.collect(),
    ));
    exit::OK
}
