//! The served document, as tests read it: operations, and whether an answer is one of those described.

use std::collections::BTreeSet;

use lictor::domain::Scope;
use serde_json::{Map, Value, json};

use crate::support::Harness;
use crate::support::api::Answer;

/// `operationId` and status of answers.
pub type Seen = BTreeSet<(String, u16)>;

/// The document of a service.
pub struct Described {
    pub document: Value,
}

/// An operation of it.
pub struct Operation<'a> {
    pub id: &'a str,
    pub method: String,
    pub path: &'a str,
    pub text: &'a Value,
}

impl Described {
    pub fn by(harness: &Harness) -> Self {
        Self { document: harness.anonymous().get("/openapi.json").expect(200).json() }
    }

    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("paths");
        assert!(paths.len() > 50, "{} paths", paths.len());
        let mut found = Vec::new();
        for (path, item) in paths {
            for (method, text) in item.as_object().expect("methods") {
                let id = text["operationId"].as_str().expect("an id");
                found.push(Operation { id, method: method.to_uppercase(), path, text });
            }
        }
        found
    }

    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
        pointer.map_or(value, |pointer| self.document.pointer(pointer).expect("a reference leads somewhere"))
    }

    /// The operation that a call went to; of two that fit, the one that names more of the path.
    pub fn operation_of(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let mut fitting: Vec<_> = self.operations();
        fitting.retain(|operation| operation.method == method && is_of(operation.path, path));
        fitting.into_iter().min_by_key(|operation| operation.path.matches('{').count())
    }

    /// Every status that is described by its number.
    pub fn statuses(&self) -> Seen {
        let of = |operation: &Operation<'_>| {
            let statuses = operation.text["responses"].as_object().expect("responses").keys();
            let numbers = statuses.filter_map(|status| status.parse().ok());
            numbers.map(|status| (operation.id.to_owned(), status)).collect::<Vec<_>>()
        };
        self.operations().iter().flat_map(of).collect()
    }

    /// The least that the body of an operation may be.
    pub fn sample_body(&self, operation: &Operation<'_>) -> Option<Value> {
        let content = operation.text.get("requestBody")?["content"].as_object()?;
        Some(self.sample(&content.values().next()?["schema"]))
    }

    fn sample(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        if let Some(kinds) = schema["oneOf"].as_array() {
            return self.sample(kinds.iter().find(|kind| kind["type"] != "null").expect("a kind"));
        }
        if let Some(word) = schema["enum"].get(0) {
            return word.clone();
        }
        match schema["type"].as_str() {
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let member = |name: &str| (name.to_owned(), self.sample(&schema["properties"][name]));
                Value::Object(required.map(member).collect::<Map<_, _>>())
            }
            Some("array") => json!([self.sample(&schema["items"])]),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(false),
            _text => json!("x"),
        }
    }

    /// Fails where an answer is none of those described.
    pub fn check(&self, operation: &Operation<'_>, answer: &Answer) {
        let place = format!("{} {}", operation.id, answer.status);
        let status = answer.status.to_string();
        let described = operation.text["responses"].get(&status);
        let described = described.unwrap_or_else(|| panic!("{place} is not described: {answer:?}"));
        let described = self.resolved(described);
        let Some(content) = described["content"].as_object() else {
            assert_eq!(answer.text, "", "{place} is described without a body");
            return;
        };
        let kind = answer.header("content-type").expect("a body has a type");
        let media =
            content.get(kind).unwrap_or_else(|| panic!("{place} is {kind}, described are {content:?}"));
        if kind.ends_with("json")
            && let Err(why) = self.fits(&media["schema"], &answer.json(), "")
        {
            panic!("{place}: {why} in {}", answer.text);
        }
    }

    /// Types, members, words and bounds; what texts look like is left to schemathesis.
    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.fits(part, value, at)?;
        }
        if let Some(kinds) = schema["oneOf"].as_array() {
            let tried: Vec<_> = kinds.iter().map(|kind| self.fits(kind, value, at)).collect();
            let fitting = tried.iter().filter(|fits| fits.is_ok()).count();
            if fitting != 1 {
                return Err(format!("{at} fits {fitting} of {kinds:?}: {tried:?}"));
            }
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
            return Err(format!("{at} is {value}, none of {words:?}"));
        }
        if !has_type(&schema["type"], value) {
            return Err(format!("{at} is {value}, no {}", schema["type"]));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.fits(&schema["items"], item, &format!("{at}/{index}"))?;
        }
        value.as_object().map_or(Ok(()), |members| self.members_fit(schema, members, at))
    }

    fn members_fit(&self, schema: &Value, members: &Map<String, Value>, at: &str) -> Result<(), String> {
        let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.find(|name| !members.contains_key(*name)) {
            return Err(format!("{at}/{missing} is missing"));
        }
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(own), _) => self.fits(own, member, &at)?,
                (None, Value::Bool(false)) => return Err(format!("{at} is not described")),
                (None, others) => self.fits(others, member, &at)?,
            }
        }
        Ok(())
    }
}

fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(one, other): (&&str, &&str)| one.starts_with('{') || one == other;
    template.len() == path.len() && template.iter().zip(path.iter()).all(fits)
}

fn has_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| has_type(kind, value)),
        Value::String(kind) => match kind.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("a type that is not known here: {other}"),
        },
        _any => true,
    }
}

impl Operation<'_> {
    /// What the operation asks of a token; `None` where no token opens it, or other credentials do as well.
    pub fn scope(&self) -> Option<Scope> {
        let only_token = self.text["security"].as_array().is_some_and(|all| all.len() == 1);
        let scope = self.text["x-scope"].as_str().filter(|_| only_token)?;
        Some(Scope::parse(scope).expect("a scope"))
    }

    pub fn takes_license(&self) -> bool {
        let schemes = self.text["security"].as_array();
        schemes.is_some_and(|all| all.iter().any(|scheme| scheme.get("license").is_some()))
    }

    pub fn names_merchants(&self) -> bool {
        let parameters = self.text["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["$ref"] == "#/components/parameters/ActingFor"))
    }

    /// Whether an operator need not name a merchant.
    pub fn is_also_without_merchant(&self) -> bool {
        self.text["x-without-merchant"] == true
    }
}
