//! What a person reads at the end: a table for each row, and one of the targets.

use std::fmt::Write;

use tabled::builder::Builder;
use tabled::settings::object::{Columns, Object, Rows};
use tabled::settings::{Alignment, Padding, Style};

use super::alternate::Measured;
use super::judge::{self, Judged};
use super::ratio::Spread;
use super::row::label;

/// The table of a row: for each contestant the medians, and ours in proportion to it.
pub(crate) fn row(measured: &Measured) -> String {
    let about = &measured.about;
    let compared: Vec<usize> = (0..about.metrics.len())
        .filter(|metric| about.metrics[*metric].compared)
        .collect();
    let mut head = vec![about.name.to_owned()];
    head.extend(about.metrics.iter().map(|metric| metric.name.to_owned()));
    head.extend(
        compared
            .iter()
            .map(|metric| format!("ours / it: {}", about.metrics[*metric].name)),
    );
    let mut lines = vec![head];
    for contestant in &measured.contestants {
        let mut line = vec![label(&contestant.peer, contestant.way)];
        for (at, metric) in about.metrics.iter().enumerate() {
            let spread = Spread::of(contestant.values(at));
            line.push(match (spread, metric.compared) {
                (None, _) => "-".to_owned(),
                (Some(spread), true) => format!("{:.*}", metric.decimals, spread.median),
                // Where no ratio shows how far the rounds lie apart, the value itself does.
                (Some(spread), false) => show(spread, metric.decimals),
            });
        }
        let ours = judge::ours_beside(measured, contestant);
        for metric in &compared {
            let ratio = ours
                .filter(|ours| ours.peer != contestant.peer)
                .and_then(|ours| judge::ratio(ours, contestant, *metric));
            line.push(ratio.map_or_else(|| "-".to_owned(), |ratio| show(ratio, 2)));
        }
        lines.push(line);
    }
    let mut text = format!("{}\n{}\n", about.title, draw(lines));
    for out in &measured.left_out {
        let _ = writeln!(text, "{} is left out: failed to {}", out.name, out.why);
    }
    if !about.wants_calm {
        return text;
    }
    let calm = measured.calm;
    let _ = write!(text, "{}", calm.others());
    if calm.repeated > 0 {
        let _ = write!(
            text,
            "; {} disturbed measurements were made again",
            calm.repeated
        );
    }
    if calm.disturbed > 0 {
        let _ = write!(
            text,
            "; {} DISTURBED measurements are in the table",
            calm.disturbed
        );
    }
    text.push('\n');
    text
}

/// The table of targets.
pub(crate) fn targets(judged: &[Judged]) -> String {
    let mut lines = vec![
        ["target", "asked", "measured", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    for target in judged {
        let verdict = match target.met {
            Some(true) if target.disturbed => "met, but disturbed",
            Some(true) => "met",
            Some(false) if target.disturbed => "MISSED, but disturbed",
            Some(false) => "MISSED",
            None => "not measured",
        };
        lines.push(vec![
            target.what.clone(),
            target.asked.clone(),
            target
                .measured
                .map_or_else(|| "-".to_owned(), |spread| show(spread, 3)),
            verdict.to_owned(),
        ]);
    }
    draw(lines)
}

/// `0.96 (0.93..1.01)`: the median, and how far the rounds lie apart.
fn show(spread: Spread, decimals: usize) -> String {
    let Spread { median, min, max } = spread;
    // Of one round there is nothing more to say.
    if (max - min).abs() < f64::EPSILON {
        return format!("{median:.decimals$}");
    }
    format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
}

/// Names to the left, numbers to the right.
pub(crate) fn draw(lines: Vec<Vec<String>>) -> String {
    let mut builder = Builder::default();
    for line in lines {
        builder.push_record(line);
    }
    let style = Style::sharp()
        .remove_vertical()
        .remove_left()
        .remove_right();
    let mut table = builder.build();
    table.with(style).with(Padding::new(0, 2, 0, 0)).modify(
        Columns::new(1..).intersect(Rows::new(0..)),
        Alignment::right(),
    );
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_reads_as_its_median_and_how_far_the_rounds_lie_apart() {
        let spread = Spread::of([0.934, 0.96, 1.0]).unwrap();
        assert_eq!(show(spread, 2), "0.96 (0.93..1.00)");
    }

    #[test]
    fn names_stand_left_and_numbers_right() {
        let lines = [["row", "MB/s"], ["ours", "9"], ["haproxy", "1000"]];
        let text = draw(lines.map(|line| line.map(str::to_owned).to_vec()).to_vec());
        assert_eq!(
            text,
            "───────────────\nrow      MB/s\n───────────────\n\
             ours        9\nhaproxy  1000\n───────────────"
        );
    }
}
