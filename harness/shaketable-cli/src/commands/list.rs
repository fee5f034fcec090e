//! `shaketable checks` and `shaketable faults`: what exists, from the catalogues themselves.

use shaketable::fault::Speaks;
use shaketable::suite::near;
use shaketable::{check, fault};

use crate::exit::{self, Exit};
use crate::terminal::{complain, parameters, say, table, text, width};

pub(super) fn checks(name: Option<&str>) -> Exit {
    if let Some(name) = name {
        return one_check(name);
    }
    let rows = check::CATALOGUE.iter().map(|kind| {
        vec![
            kind.name.to_owned(),
            kind.holds_when.to_owned(),
            kind.example.to_owned(),
        ]
    });
    say(&table(&["check", "holds when", "example"], rows.collect()));
    for bundle in check::bundle::BUNDLES {
        say(&format!(
            "\n{} stands for {}: {}",
            bundle.name, bundle.stands_for, bundle.example
        ));
    }
    say("\nshaketable checks NAME tells all of one.");
    exit::OK
}

fn one_check(name: &str) -> Exit {
    let Some(kind) = check::find(name) else {
        return unknown("check", name, check::CATALOGUE.iter().map(|kind| kind.name));
    };
    let paragraph = |says: &str| {
        let lines = text::lines(says, width().saturating_sub(4));
        let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
        lines.join("\n")
    };
    say(&format!("{name}\n{}", paragraph(kind.holds_when)));
    for (head, says) in [
        ("What is measured", kind.page.measures),
        (
            "What it brings, where the suite names no fault",
            kind.page.recipe,
        ),
        ("Defaults", kind.page.defaults),
        ("Inconclusive when", kind.page.inconclusive),
    ] {
        say(&format!("\n{head}\n{}", paragraph(says)));
    }
    say(&format!("\nExample\n  {}\n\nTo be set", kind.example));
    say(parameters(name, &kind.whole_schema()).trim_end());
    exit::OK
}

pub(super) fn faults(name: Option<&str>) -> Exit {
    if let Some(name) = name {
        return one_fault(name);
    }
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
    say("\nshaketable faults NAME tells what can be set.");
    exit::OK
}

fn one_fault(name: &str) -> Exit {
    let Some(kind) = fault::find(name) else {
        return unknown("fault", name, fault::CATALOGUE.iter().map(|kind| kind.name));
    };
    let edges = match kind.speaks {
        Speaks::Any => "any edge",
        Speaks::Http => "edges that speak HTTP",
        Speaks::Bytes => "edges that carry plain bytes (`protocol: tcp`)",
    };
    say(&format!("{name}, on {edges}"));
    say(&text::lines(kind.summary, width().saturating_sub(2)).join("\n"));
    say(&format!("\nExample\n  {}\n\nTo be set", kind.example));
    say(parameters(name, &kind.whole_schema()).trim_end());
    let beside = "where, times, probability, after, lasts, schedule, from";
    say(&format!("\nBeside it, as with every fault\n  {beside}"));
    exit::OK
}

/// There is no such thing; perhaps one that is called nearly so.
fn unknown<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Exit {
    let near = near(name, names);
    let near = near.map_or_else(String::new, |near| format!("; is it `{near}`?"));
    complain(&format!("there is no {what} `{name}`{near}"));
    exit::USAGE
}
