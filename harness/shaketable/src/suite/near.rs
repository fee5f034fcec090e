//! Names that were nearly right, and lists of those that are.

/// How much of a text a message repeats.
const CLIPPED_CHARS: usize = 60;

/// The candidate that was most likely meant.
pub fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 100 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(name);
    candidates
        .into_iter()
        .map(|candidate| {
            let have = plain(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &have);
            let longest = wanted.chars().count().max(have.chars().count());
            (distance, longest, candidate)
        })
        // A third of the letters may be wrong, of a short name one.
        .filter(|(distance, longest, _)| *distance <= (longest / 3).max(1) && distance < longest)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

/// `` `a`, `b` and `c` ``; long lists are cut.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let mut names: Vec<String> = names
        .into_iter()
        .map(|name| format!("`{}`", clip(name)))
        .collect();
    if names.len() > 16 {
        let more = names.len() - 15;
        names.truncate(15);
        names.push(format!("{more} more"));
    }
    sentence(&names, last)
}

/// Like [`list`], and never cut.
pub(super) fn list_all<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    sentence(&names, last)
}

fn sentence(names: &[String], last: &str) -> String {
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// What to do about a name that is not among the candidates.
pub(super) fn advice(name: &str, candidates: &[&str], what: &str) -> String {
    match near(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!("{what}: {}", list(candidates.iter().copied(), "and")),
    }
}

/// The beginning of a text that may be long.
pub(super) fn clip(text: &str) -> String {
    let end = text.char_indices().nth(CLIPPED_CHARS).map(|(end, _)| end);
    let shown = text[..end.unwrap_or(text.len())].replace(char::is_control, " ");
    if end.is_some() { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_right_is_found_and_what_is_not_is_not() {
        let names = ["inventory", "order", "payment"];
        assert_eq!(near("inventry", names), Some("inventory"));
        assert_eq!(near("Order", names), Some("order"));
        assert_eq!(near("gateway", names), None);
        assert_eq!(near("fast-failure", ["fast_failure"]), Some("fast_failure"));
        assert_eq!(near("a", ["b"]), None);
    }

    #[test]
    fn lists_are_read_as_a_sentence() {
        assert_eq!(list(["a"], "and"), "`a`");
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
