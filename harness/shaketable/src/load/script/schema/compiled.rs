//! The schema in the hands of `boon`, which checks every draft and needs nothing but the document.

use std::error::Error;

use boon::{
    CompileError, Compiler, Draft, ErrorKind, SchemaIndex, Schemas, UrlLoader, ValidationError,
};
use serde_json::Value;

use super::WrongSchema;
use crate::load::script::answer::clip;

/// What the document is called, so that what it refers to within itself is found. Nobody can mean it.
const HERE: &str = "json-schema:///here";

/// The keys that refer to a schema.
const REFERENCES: [&str; 4] = ["$schema", "$ref", "$dynamicRef", "$recursiveRef"];

/// A schema that was compiled.
pub(super) struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

/// Whoever asks for another document gets none: a verdict must not depend on what is out there. (The
/// drafts' own schemas are part of `boon`.)
struct NothingElse;

impl UrlLoader for NothingElse {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("only this document is read".into())
    }
}

impl Compiled {
    pub(super) fn of(document: &Value) -> Result<Self, WrongSchema> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(NothingElse));
        let mut schemas = Schemas::new();
        let of_ours = |error| wrong(&error, document);
        compiler
            .add_resource(HERE, document.clone())
            .map_err(of_ours)?;
        let index = compiler.compile(HERE, &mut schemas).map_err(of_ours)?;
        Ok(Self { schemas, index })
    }

    pub(super) fn violation(&self, body: &Value) -> Option<String> {
        let error = self.schemas.validate(body, self.index).err()?;
        Some(told(first(&error)))
    }
}

/// Where and what, for a person.
fn told(error: &ValidationError<'_, '_>) -> String {
    let what = clip(&error.kind.to_string());
    match error.instance_location.to_string().as_str() {
        "" => what,
        pointer => format!("at {}: {what}", clip(pointer)),
    }
}

/// The first thing that is wrong. Of several shapes, none of which fits, it is that of the one that
/// fits best: what is wrong lies deepest in it, and is no mere matter of the type.
fn first<'e, 's, 'v>(error: &'e ValidationError<'s, 'v>) -> &'e ValidationError<'s, 'v> {
    let leaves = error.causes.iter().map(first);
    let fits_better = |a: &ValidationError<'_, '_>, b: &ValidationError<'_, '_>| fit(a) > fit(b);
    let found = match error.kind {
        ErrorKind::AnyOf | ErrorKind::OneOf(None) => {
            leaves.reduce(|best, next| if fits_better(next, best) { next } else { best })
        }
        _ => leaves.into_iter().next(),
    };
    found.unwrap_or(error)
}

/// How well a shape fits of which this is the first violation.
fn fit(error: &ValidationError<'_, '_>) -> (usize, bool) {
    let depth = error.instance_location.tokens.len();
    (depth, !matches!(error.kind, ErrorKind::Type { .. }))
}

/// What is wrong with a schema, and where in it.
fn wrong(error: &CompileError, document: &Value) -> WrongSchema {
    let at = |url: &str| pointer_of(url).to_owned();
    let (pointer, reason, help) = match error {
        CompileError::LoadUrlError { url, .. } | CompileError::UnsupportedUrlScheme { url } => {
            let (pointer, names) = who_means(document, url);
            let reason = format!("`{}` is another document, and none is read", clip(&names));
            let help = "put what it holds below `$defs`, and refer to `#/$defs/NAME`";
            (pointer, reason, help)
        }
        CompileError::JsonPointerNotFound(url) => {
            let (pointer, names) = who_means(document, url);
            (pointer, format!("`{}` leads nowhere", clip(&names)), "")
        }
        CompileError::AnchorNotFound { reference, .. } => {
            let (pointer, names) = who_means(document, reference);
            (pointer, format!("`{}` leads nowhere", clip(&names)), "")
        }
        CompileError::ValidationError { url, src } => {
            let found = first(src);
            let pointer = format!("{}{}", pointer_of(url), found.instance_location);
            (pointer, clip(&found.kind.to_string()), "")
        }
        CompileError::InvalidRegex { url, regex, .. } => {
            let reason = format!("`{}` is no regular expression", clip(regex));
            (at(url), reason, "")
        }
        CompileError::UnsupportedDraft { url } => {
            let reason = format!("`{}` is no draft of JSON Schema that is known", clip(url));
            ("/$schema".to_owned(), reason, "")
        }
        other => (String::new(), clip(&other.to_string()), ""),
    };
    WrongSchema {
        pointer,
        reason,
        help: help.to_owned(),
    }
}

/// The part of a URL that points into the document.
fn pointer_of(url: &str) -> &str {
    url.split_once('#').map_or("", |(_, pointer)| pointer)
}

/// Who in a document refers to another one, or to a part of it that is not there: a JSON pointer to it,
/// and how it writes that.
fn who_means(document: &Value, url: &str) -> (String, String) {
    let (other, part) = url.split_once('#').unwrap_or((url, ""));
    let mut found = None;
    search(document, "", &mut |pointer, written| {
        let (its_other, its_part) = written.split_once('#').unwrap_or((written, ""));
        // What is written may be relative to where it stands.
        let its_other = its_other.trim_start_matches(['.', '/']);
        let means = if part.is_empty() {
            !its_other.is_empty() && other.ends_with(its_other)
        } else {
            part == its_part
        };
        if found.is_none() && means {
            found = Some((pointer, written.to_owned()));
        }
    });
    found.unwrap_or_else(|| (String::new(), url.trim_start_matches(HERE).to_owned()))
}

/// Every reference in a document, in order.
fn search(value: &Value, pointer: &str, found: &mut impl FnMut(String, &str)) {
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match below {
                    Value::String(text) if REFERENCES.contains(&key.as_str()) => {
                        found(pointer, text);
                    }
                    _ => search(below, &pointer, found),
                }
            }
        }
        Value::Array(list) => {
            for (index, below) in list.iter().enumerate() {
                search(below, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}
