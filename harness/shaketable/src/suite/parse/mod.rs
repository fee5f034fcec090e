//! YAML text to a tree: anchors, aliases and merges resolved, within bounds.

mod maps;
mod wording;

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as Range, StrInput, Tag};

use super::errors::Errors;
use super::path::{Path, Step};
use super::source::{Source, Span};
use super::tree::{Kind, Node};

/// How deep lists and maps may nest.
const DEPTH_MAX: usize = 64;
/// How many values a file may have after its aliases are resolved.
const NODES_MAX: usize = 100_000;
/// How many bytes of text they may have together.
const TEXT_BYTES_MAX: usize = 2 << 20;

/// Reads one file; `None` where nothing can be made of it, and the errors say why.
pub(super) fn parse(source: &Arc<Source>, errors: &mut Errors) -> Option<Node> {
    let mut builder = Builder {
        source,
        offsets: char_offsets(&source.text),
        parser: Parser::new_from_str(&source.text),
        anchors: HashMap::new(),
        path: Path::default(),
        end: 0,
        nodes: 0,
        text_bytes: 0,
        errors,
    };
    match builder.document() {
        Ok(node) => node,
        Err(stop) => {
            errors.add(&stop.at, &stop.path, stop.message, stop.help);
            None
        }
    }
}

/// Where each character begins; empty where every character is one byte.
fn char_offsets(text: &str) -> Vec<usize> {
    if text.is_ascii() {
        Vec::new()
    } else {
        text.char_indices().map(|(offset, _)| offset).collect()
    }
}

/// What ends the reading of a file.
struct Stop {
    at: Span,
    path: Path,
    message: String,
    help: String,
}

/// A finished value, and how many levels it has below it.
struct Built {
    node: Node,
    height: usize,
}

/// A finished value that an alias can stand for, and what each use of it costs.
struct Anchored {
    node: Node,
    height: usize,
    nodes: usize,
    text_bytes: usize,
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    offsets: Vec<usize>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    path: Path,
    /// Where the last event ended.
    end: usize,
    nodes: usize,
    text_bytes: usize,
    errors: &'a mut Errors,
}

impl<'a> Builder<'a> {
    fn offset(&self, marker: &Marker) -> usize {
        if self.offsets.is_empty() {
            marker.index()
        } else {
            let end = self.source.text.len();
            self.offsets.get(marker.index()).copied().unwrap_or(end)
        }
    }

    fn span(&self, range: Range) -> Span {
        let (from, until) = (self.offset(&range.start), self.offset(&range.end));
        let text = self.source.text.get(from..until).unwrap_or_default();
        Span::new(self.source, from, from + text.trim_end().len())
    }

    /// The stretch of a list or a map: with its brackets, or its first key.
    fn whole(&self, at: Span, kind: &Kind) -> Span {
        match kind {
            Kind::Scalar { .. } => at,
            _ if self.source.text[at.offset..].starts_with(['{', '[']) => {
                Span::new(self.source, at.offset, self.end)
            }
            Kind::Map(entries) => {
                let first = entries.values().next().map(|entry| &entry.key_at);
                first
                    .filter(|first| first.offset == at.offset)
                    .cloned()
                    .unwrap_or(at)
            }
            Kind::List(_) => at,
        }
    }

    fn stop(&self, at: Span, message: String, help: &str) -> Stop {
        Stop {
            at,
            path: self.path.clone(),
            message,
            help: help.to_owned(),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Range), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, range))) => {
                self.end = self.offset(&range.end);
                Ok((event, range))
            }
            Some(Err(error)) => {
                let offset = self.offset(error.marker());
                let at = Span::new(self.source, offset, offset + 1);
                Err(self.stop(at, wording::message(&error), wording::hint(error.info())))
            }
            None => Ok((Event::StreamEnd, Range::default())),
        }
    }

    /// The one document of a file.
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, range) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(self.stop(
                        self.span(range),
                        "a second document begins here".to_owned(),
                        "a suite is one YAML document; remove the `---`, or make two files",
                    ));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.value(event, range, 0)?.node),
            }
        }
    }

    /// The value that the event begins.
    fn value(&mut self, event: Event<'a>, range: Range, depth: usize) -> Result<Built, Stop> {
        let at = self.span(range);
        self.bounded_depth(depth, &at)?;
        let before = (self.nodes, self.text_bytes);
        let mut height = 0;
        let (kind, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = self.is_text(tag.as_deref(), &at);
                let plain = style == ScalarStyle::Plain && !text_tag;
                self.count(1, text.len(), &at)?;
                (
                    Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text(tag.as_deref(), &at);
                self.count(1, 0, &at)?;
                (self.list(depth, &mut height)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text(tag.as_deref(), &at);
                self.count(1, 0, &at)?;
                (self.map(depth, &mut height)?, anchor)
            }
            // Nothing else begins a value.
            _ => (
                Kind::Scalar {
                    text: String::new(),
                    plain: true,
                },
                0,
            ),
        };
        let node = Node {
            at: self.whole(at, &kind),
            kind,
        };
        if anchor > 0 {
            // What is kept for the aliases counts like a use of one.
            let (nodes, text_bytes) = (self.nodes - before.0, self.text_bytes - before.1);
            self.count(nodes, text_bytes, &node.at)?;
            let node = node.clone();
            let anchored = Anchored {
                node,
                height,
                nodes,
                text_bytes,
            };
            self.anchors.insert(anchor, anchored);
        }
        Ok(Built { node, height })
    }

    fn alias(&mut self, anchor: usize, at: Span, depth: usize) -> Result<Built, Stop> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(self.stop(
                at,
                "this alias stands for something that contains it".to_owned(),
                "",
            ));
        };
        let (height, nodes, text_bytes) = (anchored.height, anchored.nodes, anchored.text_bytes);
        self.bounded_depth(depth + height, &at)?;
        self.count(nodes, text_bytes, &at)?;
        let node = self.anchors[&anchor].node.clone();
        Ok(Built { node, height })
    }

    fn list(&mut self, depth: usize, height: &mut usize) -> Result<Kind, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(Kind::List(items));
            }
            self.path.0.push(Step::Index(items.len()));
            let item = self.value(event, range, depth + 1)?;
            self.path.0.pop();
            *height = (*height).max(item.height + 1);
            items.push(item.node);
        }
    }

    /// Whether a tag makes the value text; every tag that YAML does not define is an error.
    fn is_text(&mut self, tag: Option<&Tag>, at: &Span) -> bool {
        let Some(tag) = tag else { return false };
        if !tag.is_yaml_core_schema() {
            self.errors.add(
                at,
                &self.path,
                format!(
                    "the tag `{}` means nothing here",
                    super::near::clip(&tag.to_string())
                ),
                "remove it; text that begins with `!` needs quotes",
            );
        }
        tag.suffix == "str"
    }

    fn bounded_depth(&self, depth: usize, at: &Span) -> Result<(), Stop> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        let mut stop = self.stop(
            at.clone(),
            format!("nested deeper than {DEPTH_MAX} levels"),
            "a suite needs no more than ten; is a bracket left open?",
        );
        stop.path = Path::default();
        Err(stop)
    }

    fn count(&mut self, nodes: usize, text_bytes: usize, at: &Span) -> Result<(), Stop> {
        self.nodes += nodes;
        self.text_bytes += text_bytes;
        let message = if self.nodes > NODES_MAX {
            format!("more than {NODES_MAX} values, with those that aliases stand for")
        } else if self.text_bytes > TEXT_BYTES_MAX {
            let mib = TEXT_BYTES_MAX >> 20;
            format!("more than {mib} MiB of text, with that which aliases stand for")
        } else {
            return Ok(());
        };
        Err(self.stop(at.clone(), message, "use fewer aliases"))
    }
}
