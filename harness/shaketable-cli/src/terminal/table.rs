//! Tables that fit the terminal: the widest columns give way first, and cells break at words.

use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

use super::{text, width};

/// A table with a head, as wide as the terminal at most.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    fitting(head, rows, width())
}

/// A table with a head, as wide as this at most.
pub(super) fn fitting(head: &[&str], rows: Vec<Vec<String>>, width: usize) -> String {
    let mut all = vec![head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()];
    all.extend(rows);
    // Two spaces after each column. Lines between columns would cost words their room.
    let room = width.saturating_sub(2 * head.len());
    let widths = fit(&all, room);
    let mut builder = Builder::default();
    for row in all {
        builder.push_record(
            row.iter()
                .zip(&widths)
                .map(|(cell, width)| text::lines(cell, *width).join("\n")),
        );
    }
    let style = Style::sharp()
        .remove_vertical()
        .remove_left()
        .remove_right();
    let table = builder
        .build()
        .with(style)
        .with(Padding::new(0, 2, 0, 0))
        .to_string();
    // Blanks at the ends of lines are noise for whoever copies or compares them.
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// How wide each column may be, so that all fit into the room if their words let them.
fn fit(rows: &[Vec<String>], room: usize) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let most = |column: usize, measure: fn(&str) -> usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| measure(cell))
            .max()
            .unwrap_or_default()
    };
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| most(column, |cell| cell.chars().count()))
        .collect();
    let least: Vec<usize> = (0..columns)
        .map(|column| most(column, text::longest_word))
        .collect();
    while widths.iter().sum::<usize>() > room {
        let shrinkable = (0..columns).filter(|column| widths[*column] > least[*column]);
        let Some(widest) = shrinkable.max_by_key(|column| widths[*column]) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_the_widest_column_gives_way() {
        let rows = vec![vec![
            "pass".to_owned(),
            "no_pool_exhaustion".to_owned(),
            "a long tale of many words".to_owned(),
        ]];
        assert_eq!(fit(&rows, 100), [4, 18, 25]);
        assert_eq!(fit(&rows, 40), [4, 18, 18]);
        assert_eq!(
            fit(&rows, 10),
            [4, 18, 5],
            "words are not cut for the sake of the room"
        );
    }
}
