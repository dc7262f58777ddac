//! What stands on the page; its template is `templates/docs/page.html`.

use askama::Template;
use serde_json::{Map, Value, json};

use super::words::Words;
use crate::http::language::Language;

#[derive(Template)]
#[template(path = "docs/page.html")]
pub struct Page {
    words: &'static Words,
    tag: &'static str,
    other_tag: &'static str,
    description: Vec<String>,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
}

/// Operations that belong together.
struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    scope: Option<String>,
    credentials: Vec<String>,
    parameters: Vec<Member>,
    body: Option<Body>,
    answers: Vec<Answer>,
}

struct Body {
    shape: Vec<Piece>,
    is_required: bool,
    /// Something to begin with: the members that must be there.
    sample: String,
}

struct Answer {
    status: String,
    shape: Vec<Piece>,
    description: String,
}

struct Schema {
    name: String,
    description: String,
    shape: Vec<Piece>,
    members: Vec<Member>,
}

/// A parameter, or a member of an object.
struct Member {
    name: String,
    /// `path`, `query` or `header`; of a member nothing.
    place: String,
    is_required: bool,
    shape: Vec<Piece>,
    description: String,
}

/// A part of how a shape is written, with the named shape that it leads to.
struct Piece {
    text: String,
    of: Option<String>,
}

impl Page {
    /// The page of a document.
    pub fn of(document: &Value, language: Language) -> Self {
        let other = match language {
            Language::English => Language::Chinese,
            Language::Chinese => Language::English,
        };
        let schemas = members_of(&document["components"]["schemas"]);
        Self {
            words: Words::of(language),
            tag: language.tag(),
            other_tag: other.tag(),
            description: text(&document["info"]["description"]).split("\n\n").map(str::to_owned).collect(),
            groups: groups(document),
            schemas: schemas.map(|(name, schema)| Schema::of(name, schema)).collect(),
        }
    }
}

fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, item) in members_of(&document["paths"]) {
        for (method, operation) in members_of(item) {
            let (name, operation) =
                (text(&operation["tags"][0]), Operation::of(path, method, operation, document));
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { name, operations: vec![operation] }),
            }
        }
    }
    groups
}

impl Operation {
    fn of(path: &str, method: &str, operation: &Value, document: &Value) -> Self {
        let schemes = operation["security"].as_array().into_iter().flatten();
        let credentials = schemes.flat_map(|scheme| members_of(scheme).map(|(name, _)| name.to_owned()));
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let answers = members_of(&operation["responses"]);
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            scope: operation["x-scope"].as_str().map(str::to_owned),
            credentials: credentials.collect(),
            parameters: parameters
                .map(|parameter| Member::of_parameter(resolved(parameter, document)))
                .collect(),
            body: operation.get("requestBody").map(|body| Body::of(body, document)),
            answers: answers.map(|(status, answer)| Answer::of(status, resolved(answer, document))).collect(),
        }
    }
}

impl Body {
    fn of(body: &Value, document: &Value) -> Self {
        let schema = content_of(body);
        let sample = serde_json::to_string_pretty(&sample(schema, document)).unwrap_or_default();
        Self { shape: shape(schema), is_required: body["required"] == true, sample }
    }
}

impl Answer {
    fn of(status: &str, answer: &Value) -> Self {
        let problem = &content_of(answer)["allOf"][0];
        let schema = if problem.is_null() { content_of(answer) } else { problem };
        Self { status: status.to_owned(), shape: shape(schema), description: text(&answer["description"]) }
    }
}

impl Schema {
    fn of(name: &str, schema: &Value) -> Self {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let is_required = |name: &str| required.iter().any(|known| known == name);
        let members = members_of(&schema["properties"]);
        let members = members.map(|(name, member)| Member {
            name: name.to_owned(),
            place: String::new(),
            is_required: is_required(name),
            shape: shape(member),
            description: text(&member["description"]),
        });
        let description = text(&schema["description"]);
        Self { name: name.to_owned(), description, shape: shape(schema), members: members.collect() }
    }
}

impl Member {
    fn of_parameter(parameter: &Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            is_required: parameter["required"] == true,
            shape: shape(&parameter["schema"]),
            description: text(&parameter["description"]),
        }
    }
}

/// How a shape is written: names, `a | b`, `item[]`, `{text: value}`.
fn shape(schema: &Value) -> Vec<Piece> {
    let plain = |text: String| vec![Piece { text, of: None }];
    if let Some(name) = referred(schema) {
        return vec![Piece { text: name.to_owned(), of: Some(name.to_owned()) }];
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        return joined(kinds.iter().map(shape));
    }
    if let Some(words) = schema["enum"].as_array() {
        return plain(words.iter().map(Value::to_string).collect::<Vec<_>>().join(" | "));
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect(),
        kind => vec![text(kind)],
    };
    joined(kinds.iter().map(|kind| of_kind(kind, schema)))
}

fn of_kind(kind: &str, schema: &Value) -> Vec<Piece> {
    let plain = |text: String| vec![Piece { text, of: None }];
    let around = |before: &str, mut inner: Vec<Piece>, after: &str| {
        inner.insert(0, Piece { text: before.to_owned(), of: None });
        inner.push(Piece { text: after.to_owned(), of: None });
        inner
    };
    match (kind, &schema["pattern"], &schema["additionalProperties"]) {
        ("array", ..) => around("", shape(&schema["items"]), "[]"),
        ("object", _, values @ Value::Object(_)) => around("{string: ", shape(values), "}"),
        ("object", ..) => plain("{}".to_owned()),
        ("string", Value::String(pattern), _) => plain(format!("string {pattern}")),
        ("integer" | "number", ..) => plain(format!("{kind}{}", bounds(schema))),
        _other => plain(kind.to_owned()),
    }
}

fn bounds(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(" {least}…{most}"),
        (Some(least), None) => format!(" ≥ {least}"),
        (None, _) => String::new(),
    }
}

fn joined(shapes: impl Iterator<Item = Vec<Piece>>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for shape in shapes {
        if !pieces.is_empty() {
            pieces.push(Piece { text: " | ".to_owned(), of: None });
        }
        pieces.extend(shape);
    }
    pieces
}

/// The members that must be there, each with the plainest value.
fn sample(schema: &Value, document: &Value) -> Value {
    let schema = resolved(schema, document);
    if let Some(kinds) = schema["oneOf"].as_array() {
        let kind = kinds.iter().find(|kind| kind["type"] != "null");
        return kind.map(|kind| sample(kind, document)).unwrap_or_default();
    }
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let member = |name: &str| (name.to_owned(), sample(&schema["properties"][name], document));
            Value::Object(required.map(member).collect::<Map<_, _>>())
        }
        Some("array") => json!([sample(&schema["items"], document)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        _text => json!(""),
    }
}

fn content_of(value: &Value) -> &Value {
    let media = value["content"].as_object().and_then(|content| content.values().next());
    media.map_or(&Value::Null, |media| &media["schema"])
}

fn referred(value: &Value) -> Option<&str> {
    value["$ref"].as_str().and_then(|text| text.rsplit('/').next())
}

/// What a reference refers to; anything else is itself.
fn resolved<'a>(value: &'a Value, document: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn members_of(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, member)| (name.as_str(), member))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
