//! Proxies and toxics as they are shown: a table for people, Toxiproxy's tabs for programs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::terminal::table;

/// `true` or `false` in Toxiproxy's words.
pub(super) fn enabled(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn toxics(proxy: &Value) -> &[Value] {
    proxy["toxics"].as_array().map_or(&[], Vec::as_slice)
}

/// All proxies.
pub(super) fn list(proxies: &Value, for_people: bool) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for proxy in proxies.as_object().into_iter().flat_map(|all| all.values()) {
        let count = toxics(proxy).len();
        rows.push(vec![
            text(proxy, "name").to_owned(),
            text(proxy, "listen").to_owned(),
            text(proxy, "upstream").to_owned(),
            enabled(proxy["enabled"] == Value::Bool(true)).to_owned(),
            count.to_string(),
        ]);
    }
    rows.sort();
    if !for_people {
        let lines: Vec<String> = rows.iter().map(|row| row.join("\t")).collect();
        return lines.join("\n");
    }
    if rows.is_empty() {
        return "no proxies; create one with `shaketable toxiproxy create`".to_owned();
    }
    table(&["name", "listen", "upstream", "", "toxics"], rows)
}

/// One proxy and its toxics.
pub(super) fn inspect(proxy: &Value, for_people: bool) -> String {
    if !for_people {
        let lines: Vec<String> = toxics(proxy).iter().map(line).collect();
        return lines.join("\n");
    }
    let mut shown = format!(
        "{}: {} leads to {}, {}",
        text(proxy, "name"),
        text(proxy, "listen"),
        text(proxy, "upstream"),
        enabled(proxy["enabled"] == Value::Bool(true)),
    );
    if let Some(protocol) = proxy["protocol"].as_str() {
        let _ = write!(shown, ", speaks {protocol}");
    }
    if toxics(proxy).is_empty() {
        shown.push_str("\nno toxics; add one with `shaketable toxiproxy toxic add`");
        return shown;
    }
    let row = |toxic: &Value| {
        vec![
            text(toxic, "name").to_owned(),
            text(toxic, "type").to_owned(),
            text(toxic, "stream").to_owned(),
            toxic["toxicity"].to_string(),
            attributes(toxic, ", "),
        ]
    };
    let rows = toxics(proxy).iter().map(row).collect();
    let head = ["toxic", "type", "stream", "toxicity", "attributes"];
    format!("{shown}\n{}", table(&head, rows))
}

/// One toxic on a line, as Toxiproxy's client writes it.
fn line(toxic: &Value) -> String {
    let toxicity = toxic["toxicity"].as_f64().unwrap_or(1.0);
    format!(
        "{}\ttype={}\tstream={}\ttoxicity={toxicity:.2}\tattributes=[\t{}\t]",
        text(toxic, "name"),
        text(toxic, "type"),
        text(toxic, "stream"),
        attributes(toxic, "\t"),
    )
}

/// The attributes by name; text without quotes.
fn attributes(toxic: &Value, between: &str) -> String {
    let mut all: Vec<(&String, &Value)> = toxic["attributes"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    all.sort_by_key(|(name, _)| *name);
    let shown = all.into_iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    shown.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proxy() -> Value {
        json!({
            "name": "redis", "listen": "127.0.0.1:26379", "upstream": "localhost:6379", "enabled": true,
            "toxics": [{
                "name": "slow", "type": "latency", "stream": "downstream", "toxicity": 0.5,
                "attributes": { "latency": 1000, "jitter": 0 },
            }],
        })
    }

    #[test]
    fn programs_get_toxiproxys_lines() {
        let all = json!({ "redis": proxy(), "a": { "name": "a", "listen": "x", "upstream": "y", "enabled": false, "toxics": [] } });
        assert_eq!(
            list(&all, false),
            "a\tx\ty\tdisabled\t0\nredis\t127.0.0.1:26379\tlocalhost:6379\tenabled\t1"
        );
        assert_eq!(
            inspect(&proxy(), false),
            "slow\ttype=latency\tstream=downstream\ttoxicity=0.50\tattributes=[\tjitter=0\tlatency=1000\t]"
        );
    }

    #[test]
    fn people_get_a_table() {
        insta::assert_snapshot!(list(&json!({ "redis": proxy() }), true));
        insta::assert_snapshot!(inspect(&proxy(), true));
        assert!(list(&json!({}), true).contains("no proxies"));
    }
}
