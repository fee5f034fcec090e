//! The JSON Schema of a suite, and how validation reads it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::written;

/// The JSON Schema of a suite (draft 2020-12), from which editors complete.
///
/// It is made from the types of the suite language and the catalogues of faults and checks.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// See [`schema`].
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator
        .into_root_schema_for::<written::Suite>()
        .to_value();
    forbid_null(&mut schema);
    complete_unless_extending(&mut schema);
    schema
});

/// A file that extends another need not say everything itself; the two together must.
fn complete_unless_extending(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut()
        && let Some(required) = object.remove("required")
    {
        object.insert("if".to_owned(), json!({ "required": ["extend"] }));
        object.insert("else".to_owned(), json!({ "required": required }));
    }
}

/// What is left out is left out: an optional key has a value or is not there.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
                branches.retain(|branch| branch != &json!({ "type": "null" }));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// A schema, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    root: &'a Value,
    here: &'a Value,
}

/// Anything at all.
static ANYTHING: Value = Value::Bool(true);

impl Shape<'static> {
    /// The schema of a suite.
    pub(super) fn suite() -> Self {
        let root: &'static Value = &SCHEMA;
        Self { root, here: root }
    }
}

impl<'a> Shape<'a> {
    /// Another part of the same schema.
    fn part(self, here: &'a Value) -> Self {
        let mut part = Self {
            root: self.root,
            here,
        };
        // A definition refers to itself nowhere; the bound is for what is added later.
        for _ in 0..8 {
            let Some(name) = part.text("$ref") else { break };
            let found = name
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            part.here = found.unwrap_or(&ANYTHING);
        }
        part
    }

    fn keyword(self, name: &str) -> Option<&'a Value> {
        self.here.get(name)
    }

    /// The text of a keyword.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.keyword(name)?.as_str()
    }

    /// The number of a keyword.
    pub(super) fn number(self, name: &str) -> Option<f64> {
        self.keyword(name)?.as_f64()
    }

    /// The first example of a value, as it is written.
    pub(super) fn example(self) -> Option<&'a str> {
        self.keyword("examples")?.get(0)?.as_str()
    }

    /// The JSON types that are accepted; none where everything is.
    pub(super) fn types(self) -> Vec<&'a str> {
        match self.keyword("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The only texts that are accepted, where they are listed.
    pub(super) fn words(self) -> Option<Vec<&'a str>> {
        if let Some(Value::Array(words)) = self.keyword("enum") {
            return Some(words.iter().filter_map(Value::as_str).collect());
        }
        let branches = self.branches();
        let words: Vec<&str> = branches
            .iter()
            .filter_map(|branch| branch.text("const"))
            .collect();
        (!words.is_empty() && words.len() == branches.len()).then_some(words)
    }

    /// The one value that is accepted.
    pub(super) fn constant(self) -> Option<&'a Value> {
        self.keyword("const")
    }

    /// The shapes of which a value has one.
    pub(super) fn branches(self) -> Vec<Self> {
        let branches = ["oneOf", "anyOf"]
            .iter()
            .find_map(|name| self.keyword(name)?.as_array());
        let branches = branches.into_iter().flatten();
        branches
            .filter(|branch| !is_group_member(branch))
            .map(|branch| self.part(branch))
            .collect()
    }

    /// The keys of a map that has named ones.
    pub(super) fn properties(self) -> Option<&'a Map<String, Value>> {
        self.keyword("properties")?.as_object()
    }

    /// The shape of a key's value; `None` where the map has no such key.
    pub(super) fn property(self, key: &str) -> Option<Self> {
        if let Some(named) = self.properties().and_then(|named| named.get(key)) {
            return Some(self.part(named));
        }
        match self.keyword("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(other) => Some(self.part(other)),
            None => Some(self.part(&ANYTHING)),
        }
    }

    /// The shape of a list's items.
    pub(super) fn item(self) -> Self {
        self.part(self.keyword("items").unwrap_or(&ANYTHING))
    }

    /// The keys that a map must have.
    pub(super) fn required(self) -> Vec<&'a str> {
        let whole = self.keyword("else").and_then(|whole| whole.get("required"));
        texts(self.keyword("required").or(whole))
    }

    /// The keys of which exactly one must be there; empty where there is no such rule.
    pub(super) fn exactly_one(self) -> Vec<&'a str> {
        let members = self
            .keyword("oneOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        members
            .filter(|member| is_group_member(member))
            .flat_map(|member| texts(member.get("required")))
            .collect()
    }

    /// The keys that may not be there together; empty where there is no such rule.
    pub(super) fn not_together(self) -> Vec<&'a str> {
        texts(self.keyword("not").and_then(|not| not.get("required")))
    }

    /// The keys that may not be there where this one is; empty where there is no such rule.
    pub(super) fn not_beside(self, key: &str) -> Vec<&'a str> {
        let alone = self
            .keyword("dependentSchemas")
            .and_then(|all| all.get(key));
        let others = alone.and_then(|alone| alone.pointer("/not/anyOf")?.as_array());
        let others = others.into_iter().flatten();
        others
            .flat_map(|other| texts(other.get("required")))
            .collect()
    }

    /// The shape of the parameters of a check.
    pub(super) fn params_of_check(self, name: &str) -> Self {
        let steps = ["experiments", "", "expect"];
        let list = steps
            .iter()
            .try_fold(self, |shape, step| shape.property(step));
        let params = list.and_then(|list| list.item().as_map().property(name));
        params.unwrap_or(self.part(&ANYTHING)).as_map()
    }

    /// The branch that is a map, or the shape itself.
    pub(super) fn as_map(self) -> Self {
        self.branch_of("object")
    }

    /// The branch that is a list, or the shape itself.
    pub(super) fn as_list(self) -> Self {
        self.branch_of("array")
    }

    fn branch_of(self, name: &str) -> Self {
        let fits = |branch: &Self| branch.types().contains(&name);
        self.branches().into_iter().find(fits).unwrap_or(self)
    }
}

/// `{"required": [key]}`, of which a list says that one key must be there.
fn is_group_member(branch: &Value) -> bool {
    branch
        .as_object()
        .is_some_and(|object| object.len() == 1 && object.contains_key("required"))
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}
