//! Reading a suite and the files that it extends, into one tree.

use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use super::errors::Errors;
use super::files::{Files, Unreadable, read_text};
use super::near;
use super::parse;
use super::path::steps;
use super::schema::Shape;
use super::source::{Source, Span};
use super::tree::{Kind, Node, meaning};
use super::variables::Environment;

/// How many files may extend one another.
const FILES_MAX: usize = 16;

/// Reads the file and those that it extends. `None` where one cannot be read or is not YAML: what
/// it would have said is then unknown, and errors about it would be untrue.
pub(super) fn read(
    name: &str,
    files: &dyn Files,
    environment: &Environment<'_>,
    errors: &mut Errors,
) -> Option<Node> {
    let mut trees: Vec<Node> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut next = Some((name.to_owned(), None));
    while let Some((name, asked)) = next {
        let tree = read_one(&name, trees.len(), asked.as_ref(), files, errors)?;
        names.push(name);
        next = base_of(&tree, &names, environment, errors).ok()?;
        trees.push(tree);
    }
    let mut trees = trees.into_iter().rev();
    let base = trees.next()?;
    Some(trees.fold(base, |base, over| merge(base, over, Shape::suite())))
}

/// Reads one file. `asked` is the `extend` that leads to it.
fn read_one(
    name: &str,
    number: usize,
    asked: Option<&Span>,
    files: &dyn Files,
    errors: &mut Errors,
) -> Option<Node> {
    let mut refuse = |message: String, help: &str| match asked {
        Some(at) => errors.add(
            at,
            &steps!["extend"],
            format!("`{}` {message}", near::clip(name)),
            help,
        ),
        None => errors.add_file(name, message, help),
    };
    let text = match read_text(files, name) {
        Ok(text) => text,
        Err(Unreadable {
            missing: true,
            reason,
            ..
        }) => {
            refuse(reason, missing_help(asked));
            return None;
        }
        Err(unreadable) => {
            refuse(unreadable.reason, unreadable.help);
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let source = Arc::new(Source::new(
        name.to_owned(),
        text,
        files.dir_of(name),
        number,
    ));
    let before = errors.count();
    let tree = parse::parse(&source, errors);
    match tree {
        Some(tree) if matches!(tree.kind, Kind::Map(_)) => Some(tree),
        _ if errors.count() > before => None,
        Some(tree) if !matches!(&tree.kind, Kind::Scalar { text, plain: true } if text.is_empty()) =>
        {
            let help =
                "write `name: …`, `services: …` and `experiments: …`, each on a line of its own";
            errors.add(&tree.at, &steps![], "a suite is a map", help);
            None
        }
        _ => {
            let help = "a suite needs `name`, `services` and `experiments`";
            errors.add(
                &Span::new(&source, 0, 0),
                &steps![],
                "the file is empty",
                help,
            );
            None
        }
    }
}

fn missing_help(asked: Option<&Span>) -> &'static str {
    if asked.is_some() {
        "the path is relative to the file that extends"
    } else {
        ""
    }
}

/// Something was wrong, and was told.
struct Told;

/// The file that a tree extends, and where it says so; an error where that is wrong, which was told.
fn base_of(
    tree: &Node,
    names: &[String],
    environment: &Environment<'_>,
    errors: &mut Errors,
) -> Result<Option<(String, Option<Span>)>, Told> {
    let Some(node) = tree.get("extend") else {
        return Ok(None);
    };
    let mut refuse = |message: String, help: String| {
        errors.add(&node.at, &steps!["extend"], message, help);
        Err(Told)
    };
    let Kind::Scalar { text, plain } = &node.kind else {
        return refuse(
            "expected one file, found several values".to_owned(),
            "a suite extends one file, which can extend another".to_owned(),
        );
    };
    let text = match environment.fill(text, false) {
        Ok(text) => text,
        Err(complaint) => return refuse(complaint.message, complaint.help),
    };
    if !meaning(&text, *plain).is_string() || text.is_empty() || text.contains('\0') {
        return refuse(
            "expected the path of a file".to_owned(),
            "as in `extend: base.yaml`, relative to this file".to_owned(),
        );
    }
    let name = beside(&node.at.source.name, &text);
    if let Some(first) = names
        .iter()
        .position(|known| beside("", known) == beside("", &name))
    {
        let circle: Vec<&str> = names[first..].iter().map(String::as_str).collect();
        return refuse(
            "a suite cannot extend itself".to_owned(),
            format!("this goes in a circle: {} -> {name}", circle.join(" -> ")),
        );
    }
    if names.len() >= FILES_MAX {
        return refuse(
            format!("more than {FILES_MAX} files extend one another"),
            String::new(),
        );
    }
    Ok(Some((name, Some(node.at.clone()))))
}

/// A path relative to a file's directory, without detours.
pub(super) fn beside(file: &str, relative: &str) -> String {
    let mut path = FilePath::new(file)
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default();
    for component in FilePath::new(relative).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(path.components().next_back(), Some(Component::Normal(_))) =>
            {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path.to_string_lossy().into_owned()
}

/// Lays one tree over another: maps merge, everything else is replaced. Of keys that exclude each
/// other, those of the tree above stay; so a stub takes the place of a process with all its keys.
pub(super) fn merge(base: Node, over: Node, shape: Shape<'_>) -> Node {
    let (Kind::Map(mut merged), true) = (base.kind, matches!(over.kind, Kind::Map(_))) else {
        return over;
    };
    let Kind::Map(entries) = over.kind else {
        return Node {
            at: over.at,
            kind: Kind::Map(merged),
        };
    };
    let shape = shape.as_map();
    for group in [shape.exactly_one(), shape.not_together()] {
        if group.iter().any(|key| entries.contains_key(*key)) {
            merged.retain(|key, _| !group.contains(&key.as_str()) || entries.contains_key(key));
        }
    }
    for alone in entries.keys().flat_map(|key| shape.not_beside(key)) {
        merged.shift_remove(alone);
    }
    for (key, mut entry) in entries {
        if let Some(below) = merged.get_mut(&key) {
            if let Some(shape) = shape.property(&key) {
                let vacant = Node {
                    at: below.value.at.clone(),
                    kind: Kind::List(Vec::new()),
                };
                let value = std::mem::replace(&mut below.value, vacant);
                entry.value = merge(value, entry.value, shape);
            }
            *below = entry;
        } else {
            merged.insert(key, entry);
        }
    }
    Node {
        at: over.at,
        kind: Kind::Map(merged),
    }
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        assert_eq!(beside("suites/a.yaml", "base.yaml"), "suites/base.yaml");
        assert_eq!(beside("suites/a.yaml", "../base.yaml"), "base.yaml");
        assert_eq!(beside("a.yaml", "./common/base.yaml"), "common/base.yaml");
        assert_eq!(beside("a.yaml", "../base.yaml"), "../base.yaml");
        assert_eq!(beside("suites/a.yaml", "/etc/base.yaml"), "/etc/base.yaml");
    }
}
