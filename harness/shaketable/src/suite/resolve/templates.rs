//! The files that are written for a service: their templates are read and checked here.

use std::ops::Range;
use std::path::{Component, Path as FilePath};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Reader;
use crate::between::template::{Known, Template, Written};
use crate::suite::extend::beside;
use crate::suite::files::{FILE_BYTES_MAX, read_text};
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::source::{Source, Span};

impl Reader<'_> {
    /// The files of a service, with all that can be filled in now.
    pub(super) fn templates(&mut self, path: &Path, known: &[&str]) -> IndexMap<String, Template> {
        let mut files: IndexMap<String, Template> = IndexMap::new();
        for to in self.keys(path) {
            let path = path.then(to.as_str());
            self.stays_below(&path, &to, &files);
            let Some(from) = self.part::<String>(&path) else {
                continue;
            };
            if let Some(template) = self.template(&path, &from, known) {
                files.insert(to, template);
            }
        }
        files
    }

    /// The path of a file leads to a place of its own below `$FILES`.
    fn stays_below(&mut self, path: &Path, to: &str, others: &IndexMap<String, Template>) {
        let normal = |component| matches!(component, Component::Normal(_));
        let plain = FilePath::new(to).components().all(normal)
            && !to.is_empty()
            && !to.ends_with('/')
            && !to.contains("//")
            && !to.contains("/./")
            && !to.contains('\0');
        if !plain {
            let message = format!("`{}` cannot be a path below `$FILES`", near::clip(to));
            let help = "write the name of a file, or a path to it, as in `conf.d/app.toml`";
            self.complain_of_key(path, &message, help);
            return;
        }
        let within = |one: &str, other: &str| FilePath::new(one).starts_with(other);
        let clash = others
            .keys()
            .find(|other| within(to, other) || within(other, to));
        if let Some(other) = clash {
            let message = format!(
                "`{}` and `{}` cannot both be: one is the other's directory",
                near::clip(to),
                near::clip(other)
            );
            self.complain_of_key(path, &message, "rename one of them");
        }
    }

    fn template(&mut self, path: &Path, from: &str, known: &[&str]) -> Option<Template> {
        let at = self.at(path);
        let name = beside(&at.source.name, from);
        let text = if from.is_empty() || from.contains('\0') {
            Err("is no path".to_owned())
        } else {
            read_text(self.files, &name).map_err(|unreadable| unreadable.reason)
        };
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                let message = format!("the template `{}` {reason}", near::clip(from));
                self.complain(path, &message, "the path is relative to this file");
                return None;
            }
        };
        // Behind the suite's own files, each in a place of its own.
        let (file, offset) = at.order();
        let number = (file + 1) * 2 * FILE_BYTES_MAX + offset;
        let dir = at.source.dir.clone();
        let source = Arc::new(Source::new(name, text, dir, number));
        let before = self.errors.count();
        let template = Template::parse(&source.text, |written, place| {
            self.name_in_template(path, &source, written, place, known)
        });
        (self.errors.count() == before).then_some(template)
    }

    fn name_in_template(
        &mut self,
        path: &Path,
        source: &Arc<Source>,
        written: Written<'_>,
        place: Range<usize>,
        known: &[&str],
    ) -> Known {
        if known.contains(&written.name) {
            return Known::Later;
        }
        if self.errors.many() {
            return Known::Unknown;
        }
        let at = Span::new(source, place.start, place.end);
        if !written.braces {
            self.unknown_variable(&at, path, written.name, known);
            return Known::Unknown;
        }
        match self.environment.fill(written.whole, false) {
            Ok(value) => Known::Now(value),
            Err(complaint) => {
                let help = match near::near(written.name, known.iter().copied()) {
                    Some(near) => {
                        format!("did you mean `${{{near}}}`? otherwise, {}", complaint.help)
                    }
                    None => complaint.help,
                };
                self.errors.add(&at, path, complaint.message, help);
                Known::Unknown
            }
        }
    }
}
