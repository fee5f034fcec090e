//! `host=db port=5432 user=u` as libpq has it, and `Host=db;Port=5432;Username=u` as .NET has it.

use std::ops::Range;

use super::authority::{is_host, is_port};
use super::{Put, Spot};

/// What says a host in libpq's form.
const HOST_KEYS: [&str; 2] = ["host", "hostaddr"];
/// What says a host in .NET's, in lower case.
const HOST_KEYS_OF_DOTNET: [&str; 7] = [
    "host",
    "server",
    "data source",
    "datasource",
    "address",
    "addr",
    "network address",
];

/// Which of the two forms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Blanks between the pairs.
    Libpq,
    /// Semicolons between the pairs.
    DotNet,
}

/// One `key=value`; the value without its quotes.
struct Pair {
    key: String,
    value: Range<usize>,
    /// Where the value ends with its quotes.
    end: usize,
}

/// The hosts and ports of the text; `None` where it is of another form.
pub(super) fn spots(text: &str) -> Result<Option<Vec<Spot>>, String> {
    let found = hosts_and_ports(text, Style::Libpq, &HOST_KEYS)
        // A semicolon is part of no host.
        .filter(|(hosts, _)| {
            !hosts
                .iter()
                .any(|host| text[host.value.clone()].contains(';'))
        })
        .map(|found| (found, Style::Libpq))
        .or_else(|| {
            hosts_and_ports(text, Style::DotNet, &HOST_KEYS_OF_DOTNET)
                .map(|found| (found, Style::DotNet))
        });
    let Some(((hosts, ports), style)) = found else {
        return Ok(None);
    };
    let mut spots = Vec::new();
    let mut has_port = !ports.is_empty();
    for host in &hosts {
        has_port |= host_spots(text, host, &mut spots)?;
    }
    for port in &ports {
        port_spots(text, port, &mut spots)?;
    }
    match (has_port, style, hosts.last()) {
        (false, Style::Libpq, Some(last)) => spots.push(Spot {
            place: last.end..last.end,
            put: Put::PortKeyword,
        }),
        (false, ..) => {
            return Err(
                "it names no port; write it out, as in `Port=5432` or `Server=host,1433`"
                    .to_owned(),
            );
        }
        _ => {}
    }
    Ok(Some(spots))
}

/// What says hosts, which is at least one, and what says ports.
fn hosts_and_ports(text: &str, style: Style, keys: &[&str]) -> Option<(Vec<Pair>, Vec<Pair>)> {
    let (hosts, others): (Vec<Pair>, Vec<Pair>) = pairs(text, style)?
        .into_iter()
        .partition(|pair| keys.contains(&pair.key.as_str()));
    let ports = others.into_iter().filter(|pair| pair.key == "port");
    (!hosts.is_empty()).then(|| (hosts, ports.collect()))
}

/// The hosts of a value, and whether there is a port among them: `db`, `db1,db2`, `tcp:db,1433`,
/// `db1:5432,db2:5432`.
fn host_spots(text: &str, pair: &Pair, spots: &mut Vec<Spot>) -> Result<bool, String> {
    let value = &text[pair.value.clone()];
    let scheme = if value.starts_with("tcp:") { 4 } else { 0 };
    let mut from = pair.value.start + scheme;
    let mut has_port = false;
    for (number, host) in value[scheme..].split(',').enumerate() {
        let until = from + host.len();
        let blank = host.len() - host.trim_start().len();
        let place = from + blank..from + blank + host.trim().len();
        from = until + 1;
        let host = &text[place.clone()];
        let put = if number > 0 && is_port(host) {
            has_port = true;
            Put::Port
        } else if let Some((name, port)) = host.split_once(':')
            && is_port(port)
        {
            is_host(name)?;
            has_port = true;
            Put::Address
        } else {
            is_host(host)?;
            Put::Host
        };
        spots.push(Spot { place, put });
    }
    Ok(has_port)
}

/// The ports of a value, one for each host. One that is left out means the default, and is filled
/// in.
fn port_spots(text: &str, pair: &Pair, spots: &mut Vec<Spot>) -> Result<(), String> {
    let mut from = pair.value.start;
    for port in text[pair.value.clone()].split(',') {
        let until = from + port.len();
        if !port.is_empty() && !is_port(port) {
            return Err("its `port` is no number; write one, as in `port=5432`".to_owned());
        }
        spots.push(Spot {
            place: from..until,
            put: Put::Port,
        });
        from = until + 1;
    }
    Ok(())
}

/// The pairs of a text; `None` where it does not consist of such.
fn pairs(text: &str, style: Style) -> Option<Vec<Pair>> {
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        let between = |c: char| c.is_whitespace() || style == Style::DotNet && c == ';';
        at += text[at..].len() - text[at..].trim_start_matches(between).len();
        if at == text.len() {
            return Some(pairs);
        }
        let equals = at + text[at..].find('=')?;
        let key = text[at..equals].trim().to_ascii_lowercase();
        if key.is_empty() || style == Style::Libpq && key.contains(char::is_whitespace) {
            return None;
        }
        let after = &text[equals + 1..];
        let from = equals + 1 + (after.len() - after.trim_start().len());
        let quote = text[from..].chars().next();
        let quote = quote.filter(|c| *c == '\'' || style == Style::DotNet && *c == '"');
        let (value, end) = if let Some(quote) = quote {
            let until = closing_quote(text, from + 1, quote, style)?;
            (from + 1..until, until + 1)
        } else {
            let until = bare_end(text, from, style);
            (from..from + text[from..until].trim_end().len(), until)
        };
        pairs.push(Pair { key, value, end });
        at = end;
    }
}

/// Where a value without quotes ends.
fn bare_end(text: &str, from: usize, style: Style) -> usize {
    let mut escaped = false;
    for (at, c) in text[from..].char_indices() {
        let ends = match style {
            Style::Libpq => c.is_whitespace() && !escaped,
            Style::DotNet => c == ';',
        };
        if ends {
            return from + at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Where the quote is that closes a value: .NET doubles one that does not, libpq has a backslash
/// before it.
fn closing_quote(text: &str, from: usize, quote: char, style: Style) -> Option<usize> {
    let mut escaped = false;
    let mut chars = text[from..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let doubled = chars.peek().is_some_and(|(_, next)| *next == quote);
        match (c == quote, style) {
            (true, Style::Libpq) if !escaped => return Some(from + at),
            (true, Style::DotNet) if !doubled => return Some(from + at),
            (true, Style::DotNet) => _ = chars.next(),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    None
}
