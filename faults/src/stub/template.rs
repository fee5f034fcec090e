//! Texts with `{{…}}` in them: reading them, and filling them in.

use serde_json::Value;

use super::answer::Refusal;
use super::problem::Problem;
use super::scene::Scene;
use super::source::{Known, Source};

/// A text, split where something is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Filled(Source),
}

impl Template {
    /// Reads a text; what is wrong with it is added to the problems.
    pub(super) fn parse(text: &str, known: &Known<'_>, problems: &mut Vec<Problem>) -> Self {
        Self::parse_at(text, known, problems, 0)
    }

    /// The same, in a template that stands so deep in others.
    pub(super) fn parse_at(
        text: &str,
        known: &Known<'_>,
        problems: &mut Vec<Problem>,
        depth: usize,
    ) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, inside) = (&rest[..open], &rest[open + 2..]);
            if let Some(before) = before.strip_suffix('\\') {
                plain.push_str(before);
                plain.push_str("{{");
                rest = inside;
                continue;
            }
            plain.push_str(before);
            let Some(length) = length(inside) else {
                let help = "write `}}` behind it, or `\\{{` for two braces";
                problems.push(Problem::new("a `{{` without its `}}`", help).of_word("{{"));
                rest = "";
                break;
            };
            let written = &inside[..length];
            match Source::parse(written.trim(), known, problems, depth) {
                Ok(source) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Filled(source));
                }
                Err(problem) => {
                    let word = format!("{{{{{written}}}}}");
                    problems.push(problem.of_word(word));
                }
            }
            rest = &inside[length + 2..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    /// The one source that it consists of.
    pub(super) fn whole(&self) -> Option<&Source> {
        match &self.0[..] {
            [Part::Filled(source)] => Some(source),
            _ => None,
        }
    }

    /// The text, where nothing is filled in.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with everything filled in; what is not there leaves nothing.
    pub(super) fn fill(&self, scene: &mut Scene<'_>) -> Result<String, Refusal> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => {
                    scene.spend(part.len())?;
                    text.push_str(part);
                }
                Part::Filled(source) => match source.value(scene)? {
                    None | Some(Value::Null) => {}
                    Some(Value::String(value)) => text.push_str(&value),
                    Some(value) => text.push_str(&value.to_string()),
                },
            }
        }
        Ok(text)
    }
}

/// Where the `}}` stands that closes what has been opened just before.
fn length(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    // For each brace that is open, whether it is a pair.
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"{{") {
            open.push(true);
            at += 2;
        } else if rest.starts_with(b"{") {
            open.push(false);
            at += 1;
        } else if rest.starts_with(b"}") && open.last() == Some(&false) {
            open.pop();
            at += 1;
        } else if rest.starts_with(b"}}") {
            if open.pop().is_none() {
                return Some(at);
            }
            at += 2;
        } else {
            at += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> (Template, Vec<Problem>) {
        let counters = BTreeSet::from(["charges".to_owned(), "GET /a/{id}".to_owned()]);
        let known = Known {
            captures: Some(vec!["id"]),
            counters: Some(&counters),
        };
        let mut problems = Vec::new();
        let template = Template::parse(text, &known, &mut problems);
        (template, problems)
    }

    fn parts(text: &str) -> Vec<Part> {
        let (template, problems) = parse(text);
        assert_eq!(problems, [], "{text}");
        template.0
    }

    fn path() -> Part {
        Part::Filled(Source::Path("id".to_owned()))
    }

    #[test]
    fn a_text_is_split_where_something_is_filled_in() {
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parts(""), []);
        assert_eq!(parts("a } b {c}"), [text("a } b {c}")]);
        assert_eq!(parts("{{ path.id }}"), [path()]);
        assert_eq!(parts("<{{path.id}}>"), [text("<"), path(), text(">")]);
        assert_eq!(parts("a\\{{path.id}}"), [text("a{{path.id}}")]);
        let counter = Part::Filled(Source::Counter("GET /a/{id}".to_owned()));
        assert_eq!(parts("{{counter.GET /a/{id}}}}"), [counter, text("}")]);
        let key = Template(vec![text("a/"), path()]);
        assert_eq!(
            parts("{{state.a/{{path.id}}}}!"),
            [Part::Filled(Source::State(key)), text("!")]
        );
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        for (text, message, word) in [
            ("x {{path.id", "a `{{` without its `}}`", "{{"),
            ("{{}}", "nothing is called ``", "{{}}"),
            ("{{pth.id}}", "nothing is called `pth`", "{{pth.id}}"),
            ("{{path.ix}}", "no segment `ix`", "{{path.ix}}"),
            ("{{ path }}", "`path` needs a name", "{{ path }}"),
            ("{{counter.x}}", "nothing counts `x`", "{{counter.x}}"),
            ("{{body.amount}}", "not a JSON pointer", "{{body.amount}}"),
            ("{{body./a~2}}", "not a JSON pointer", "{{body./a~2}}"),
            ("{{state.{{path.x}}}}", "no segment `x`", "{{path.x}}"),
            (
                "{{{path.id}}}",
                "nothing is called `{path`",
                "{{{path.id}}}",
            ),
            (
                "{{state.{{state.{{state.{{state.x}}}}}}}}",
                "more than 4",
                "{{state.x}}",
            ),
        ] {
            let (_, problems) = parse(text);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].message.contains(message), "{problems:?}");
            assert_eq!(problems[0].word, word);
        }
        let (_, problems) = parse("{{countr.charges}}");
        let unknown = problems[0].unknown.as_ref().unwrap();
        assert_eq!((unknown.name.as_str(), unknown.known.len()), ("countr", 8));
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "[{}a.\\\\/ ~]{0,40}|\\PC*") {
            parse(&text);
        }

        #[test]
        fn what_holds_no_braces_is_itself(text in "[^{]*") {
            let (template, _) = parse(&text);
            prop_assert_eq!(template.plain(), Some(text.as_str()));
        }
    }
}
