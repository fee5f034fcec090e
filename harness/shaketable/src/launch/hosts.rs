//! What a target's own `/etc/hosts` says: what the system's says, with some names leading elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;

/// The files of `/etc` that a target with names of its own needs, by name.
pub(super) fn files(hosts: &[(IpAddr, String)]) -> io::Result<Vec<(&'static str, String)>> {
    let read = |name: &str| fs::read(format!("/etc/{name}"));
    let system = read("hosts").map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(
            "this system has no /etc/hosts to begin with; create one, even an empty one",
        ),
        _ => error,
    })?;
    let text = hosts_text(&String::from_utf8_lossy(&system), hosts);
    let mut files = vec![("hosts", text)];
    // Without one, names are looked up in /etc/hosts first.
    if let Ok(system) = read("nsswitch.conf") {
        let text = nsswitch_text(&String::from_utf8_lossy(&system));
        files.extend(text.map(|text| ("nsswitch.conf", text)));
    }
    Ok(files)
}

/// The names lead to these addresses and to no other that the system's file may give.
fn hosts_text(system: &str, hosts: &[(IpAddr, String)]) -> String {
    let mut by_address: BTreeMap<IpAddr, Vec<&str>> = BTreeMap::new();
    for (address, name) in hosts {
        by_address.entry(*address).or_default().push(name);
    }
    let ours = by_address
        .into_iter()
        .map(|(address, names)| format!("{address} {}", names.join(" ")));
    let is_ours = |word: &str| {
        hosts
            .iter()
            .any(|(_, name)| name.eq_ignore_ascii_case(word))
    };
    let theirs = system.lines().filter_map(|line| {
        let entry = line.split('#').next().unwrap_or_default();
        if !entry.split_whitespace().skip(1).any(is_ours) {
            return Some(line.to_owned());
        }
        let words: Vec<&str> = entry
            .split_whitespace()
            .filter(|word| !is_ours(word))
            .collect();
        (words.len() > 1).then(|| words.join(" "))
    });
    let lines: Vec<String> = ours.chain(theirs).collect();
    lines.join("\n") + "\n"
}

/// The order in which names are looked up, with `/etc/hosts` first; `None` where it is already.
/// Some systems ask a service first that reads the system's own file.
fn nsswitch_text(system: &str) -> Option<String> {
    let sources = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let (database, sources) = line.split_once(':')?;
        (database.trim() == "hosts").then(|| sources.trim().to_owned())
    };
    let found = system.lines().find_map(sources);
    if found
        .as_deref()
        .is_some_and(|found| found.split_whitespace().next() == Some("files"))
    {
        return None;
    }
    let others = system.lines().filter(|line| sources(line).is_none());
    let mut text: String = others.flat_map(|line| [line, "\n"]).collect();
    text.push_str("hosts: files ");
    text.push_str(found.as_deref().unwrap_or("dns"));
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[(&str, &str)]) -> Vec<(IpAddr, String)> {
        let entry = |(address, name): &(&str, &str)| (address.parse().unwrap(), (*name).to_owned());
        entries.iter().map(entry).collect()
    }

    #[test]
    fn names_lead_to_the_given_address_alone() {
        let system =
            "127.0.0.1 localhost\n# notes\n10.0.0.7 api.prod db.prod # two\n10.0.0.8\tAPI.prod\n";
        let own = hosts(&[
            ("127.0.0.7", "api.prod"),
            ("::1", "new"),
            ("127.0.0.7", "b"),
        ]);
        assert_eq!(
            hosts_text(system, &own),
            "127.0.0.7 api.prod b\n::1 new\n127.0.0.1 localhost\n# notes\n10.0.0.7 db.prod\n"
        );
    }

    #[test]
    fn a_name_is_not_taken_for_a_part_of_another() {
        let own = hosts(&[("127.0.0.7", "prod")]);
        assert_eq!(
            hosts_text("10.0.0.7 api.prod", &own),
            "127.0.0.7 prod\n10.0.0.7 api.prod\n"
        );
        assert_eq!(hosts_text("", &own), "127.0.0.7 prod\n");
    }

    #[test]
    fn files_are_asked_first() {
        assert_eq!(nsswitch_text("passwd: files\nhosts:   files dns\n"), None);
        assert_eq!(
            nsswitch_text("hosts: resolve [!UNAVAIL=return] files dns # x\npasswd: files\n")
                .as_deref(),
            Some("passwd: files\nhosts: files resolve [!UNAVAIL=return] files dns\n")
        );
        assert_eq!(
            nsswitch_text("passwd: files").as_deref(),
            Some("passwd: files\nhosts: files dns\n")
        );
    }
}
