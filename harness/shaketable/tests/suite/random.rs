//! Nothing makes the suite language panic: neither arbitrary bytes nor a right suite with mistakes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shaketable::suite::{self, Files, InMemory};

/// Loads a text that stands for every file, and renders what is wrong with it.
fn load(text: &[u8]) {
    struct Everywhere<'a>(&'a [u8], InMemory);

    impl Files for Everywhere<'_> {
        fn read(&self, _: &str) -> std::io::Result<Vec<u8>> {
            Ok(self.0.to_vec())
        }

        fn dir_of(&self, path: &str) -> std::path::PathBuf {
            self.1.dir_of(path)
        }

        fn is_dir(&self, path: &std::path::Path) -> bool {
            path.as_os_str().len().is_multiple_of(2)
        }
    }

    let env = |name: &str| name.len().is_multiple_of(2).then(|| name.to_lowercase());
    let files = Everywhere(
        text,
        InMemory {
            dir: ".".into(),
            texts: BTreeMap::new(),
        },
    );
    if let Err(errors) = suite::load("random.yaml", &files, &env) {
        assert!(errors.count() > 0);
        assert!(!errors.to_plain().is_empty());
    }
}

const EVERYTHING: &str = include_str!("../right-suites/everything.yaml");
const ANCHORS: &str = include_str!("../right-suites/anchors.yaml");
const REQUESTS: &str = include_str!("../right-suites/requests.yaml");

/// Pieces that mean something in YAML or in the language.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "'",
    "\"",
    "|\n",
    "&a ",
    "*a",
    "<<: *service",
    "!x ",
    "!!str ",
    "---\n",
    "${",
    "${HOME}",
    "{{",
    "}}",
    "{{data.sku}}",
    "{{order}}",
    "$PORT",
    "$${",
    "~",
    "null",
    "-1",
    "1e999",
    ".inf",
    "0x",
    "-> ",
    "%",
    "\u{feff}",
    "\u{0}",
    "é漢",
    "? ",
    "# ",
    "\r",
    "extend: a.yaml\n",
    "99999999999999999999999",
];

fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0_usize..12,
        prop::sample::select(PIECES),
    );
    let edits = prop::collection::vec(edit, 1..6);
    (
        prop::sample::select(&[EVERYTHING, ANCHORS, REQUESTS][..]),
        edits,
    )
        .prop_map(|(text, edits)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, cut, piece) in edits {
                let from = at.index(chars.len() + 1);
                let until = (from + cut).min(chars.len());
                chars.splice(from..until, piece.chars());
            }
            chars.into_iter().collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn mistakes_in_a_right_suite_do_not_panic(text in mutated()) {
        load(text.as_bytes());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        load(&bytes);
    }

    #[test]
    fn pieces_of_yaml_do_not_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        load(pieces.concat().as_bytes());
    }
}

/// What is large in one way or another ends within seconds, even unoptimised.
#[test]
fn what_is_large_is_bounded() {
    let wide = |open: &str, item: &str, close: &str| {
        let room = suite::FILE_BYTES_MAX - open.len() - close.len();
        format!("{open}{}{close}", item.repeat(room / item.len()))
    };
    let numbered = |head: &str, line: fn(usize) -> String, tail: &str| {
        head.to_owned() + &(0..20_000).map(line).collect::<String>() + tail
    };
    for text in [
        wide("", "[", ""),
        wide("", "{", ""),
        wide("", "{a: ", ""),
        wide("a: ", "- ", ""),
        wide("", "? ", ""),
        wide("{", "a: 1, ", "}"),
        wide("name: \"", "${HOME}", "\""),
        wide("name: a\nsetup: \"", "$HOME ", "\""),
        wide("name: ", "x", ""),
        wide("", "k: &a [x]\n", ""),
        wide(
            "a: &a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nb: [",
            "*a, ",
            "]",
        ),
        numbered(
            "services:\n",
            |n| format!("  s{n}: {{ run: ./{n} $A{n}, calls: {{ s: A }} }}\n"),
            "",
        ),
        numbered(
            "load:\n  requests:\n",
            |n| format!("    - {{ to: a{n}, get: /{n} }}\n"),
            "",
        ),
        numbered(
            "services: { a: { run: a, calls: { b: A } } }\nexperiments:\n  e:\n    faults:\n",
            |n| format!("      - {{ edge: a -> b{n}, latncy: 1 }}\n"),
            "",
        ),
        // The text is its own template.
        wide(
            "services: { a: { run: $FILES, files: { x: y } } }\n# ",
            "$A ",
            "",
        ),
        wide(
            &format!(
                "services: {{ a: {{ calls: {{ {} }}, run: \"",
                (0..200)
                    .map(|n| format!("b{n}: {{}}, "))
                    .collect::<Vec<_>>()
                    .concat()
            ),
            "$B199_PORT ",
            "\" } }",
        ),
        numbered(
            "services:\n  a:\n    calls: {",
            |n| format!("b{n}: A{n},"),
            "}\n",
        ),
    ] {
        let start = std::time::Instant::now();
        load(text.as_bytes());
        let took = start.elapsed();
        assert!(
            took.as_secs() < 20,
            "{took:?} for {:?}",
            text.chars().take(80).collect::<String>()
        );
    }
}
