//! Tables that fit the terminal.

use tabled::builder::Builder;
use tabled::settings::peaker::Priority;
use tabled::settings::{Padding, Style, Width};

use super::width;

/// A table with a head; cells wrap at words until it fits.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut builder = Builder::default();
    builder.push_record(head.iter().copied());
    for row in rows {
        builder.push_record(row);
    }
    let mut table = builder.build();
    table.with(Style::sharp()).with(Padding::new(1, 1, 0, 0));
    table.with(
        Width::wrap(width())
            .keep_words(true)
            .priority(Priority::max(true)),
    );
    table.to_string()
}
