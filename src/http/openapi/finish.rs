//! What all operations have in common is put into the document here, once, so that a handler's description says
//! only what is its own.

use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::parameters::{ActingFor, IdempotencyKey, SHARED};
use super::problems;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// The security scheme of API tokens.
pub const TOKEN: &str = "token";
/// The security scheme of license keys, claim codes and certificates.
pub const LICENSE: &str = "license";

/// The whole document, from what the descriptions of handlers and types say.
pub fn finished(mut document: Value) -> Value {
    let acting_for = serde_json::to_value(ActingFor::into_params(|| None)).unwrap_or_default();
    let mut shared = Map::from_iter([("ActingFor".to_owned(), acting_for[0].clone())]);
    for (path, method, operation) in operations(&mut document) {
        name(operation);
        scope(operation);
        with_merchant(&path, operation);
        repeatable(&path, &method, operation, &mut shared);
        plain_parameters(operation, &mut shared);
        problems_of(&path, &method, operation);
    }
    let schemas = &mut document["components"]["schemas"];
    *schemas = Value::Object(merged(schemas));
    let answers = answers(&mut document);
    let schemas = &mut document["components"]["schemas"];
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if answers.contains(name) {
            each_object(schema, &mut close_answer);
        }
    }
    let used = used(&document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| used.contains(name));
    }
    document["components"]["parameters"] = Value::Object(shared);
    document["components"]["responses"] = Value::Object(problems::responses());
    document["components"]["headers"] = headers();
    document["components"]["securitySchemes"] = security_schemes();
    document
}

/// Each operation with its path and method.
fn operations(document: &mut Value) -> Vec<(String, String, &mut Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                found.push((path.clone(), method.clone(), operation));
            }
        }
    }
    found
}

/// Tag and id by the handler: `merchant::licenses::list` is `licenses_list` of the tag `licenses`.
fn name(operation: &mut Value) {
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    let tag = tag.rsplit("::").next().unwrap_or(tag).to_owned();
    let id = format!("{tag}_{}", operation["operationId"].as_str().unwrap_or_default());
    operation["operationId"] = json!(id);
    operation["tags"] = json!([tag]);
}

/// The scopes of a security requirement, once more where readers of the document look for them.
fn scope(operation: &mut Value) {
    let requirements = operation["security"].as_array().into_iter().flatten();
    let mut scopes = requirements.filter_map(|requirement| requirement[TOKEN][0].as_str());
    if let Some(scope) = scopes.next().map(str::to_owned) {
        operation["x-scope"] = json!(scope);
    }
}

fn takes(operation: &Value, scheme: &str) -> bool {
    let requirements = operation["security"].as_array().into_iter().flatten();
    requirements.into_iter().any(|requirement| requirement.get(scheme).is_some())
}

/// Operators name their merchant everywhere but where it is about the server itself.
fn with_merchant(path: &str, operation: &mut Value) {
    if takes(operation, TOKEN) && !path.starts_with("/v1/server/") {
        let named = json!({ "$ref": "#/components/parameters/ActingFor" });
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(named),
            None => operation["parameters"] = json!([named]),
        }
    }
}

/// Every POST of the merchant API can be sent again, whether or not its handler says so.
fn repeatable(path: &str, method: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let says_so = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
    if method == "post" && path.starts_with("/v1/merchant/") && !says_so {
        let key = serde_json::to_value(IdempotencyKey::into_params(|| None)).unwrap_or_default();
        shared.insert("IdempotencyKey".to_owned(), key[0].clone());
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
}

/// A parameter that is left out is absent, never null; those that many operations take stand among the components.
fn plain_parameters(operation: &mut Value, shared: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let Some(schema) = parameter.get("schema") else { continue };
        parameter["schema"] = not_null(schema);
        let (name, place) = (parameter["name"].clone(), parameter["in"].clone());
        let is_required = parameter["required"] == true && place == "header";
        let known = SHARED.iter().find(|(wire, component)| {
            name == **wire && place != "path" && is_required == (*component == "ReportKey")
        });
        if let Some((_, component)) = known {
            shared.insert((*component).to_owned(), parameter.take());
            *parameter = json!({ "$ref": format!("#/components/parameters/{component}") });
        }
    }
}

fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema["oneOf"].as_array() {
        let kinds: Vec<&Value> = kinds.iter().filter(|kind| kind["type"] != "null").collect();
        if let [only] = kinds.as_slice() {
            return (*only).clone();
        }
    }
    if let Some(kinds) = schema["type"].as_array() {
        let kinds: Vec<&Value> = kinds.iter().filter(|kind| **kind != "null").collect();
        if let [only] = kinds.as_slice() {
            schema["type"] = (*only).clone();
        }
    }
    schema
}

/// The statuses that follow from what an operation takes, beside those that its handler names.
fn problems_of(path: &str, method: &str, operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let in_place = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let shared = |name: &str| {
        let reference = format!("#/components/parameters/{name}");
        parameters.iter().any(|parameter| parameter["$ref"] == *reference)
    };
    let (token, license) = (takes(operation, TOKEN), takes(operation, LICENSE));
    let of_merchant = token && !path.starts_with("/v1/server/");
    let is_limited = token && (path.starts_with("/v1/merchant/") || path.starts_with("/v1/server/"));
    let asked = in_place("query")
        || ["Limit", "Cursor", "Reveal", "ReportKey", "IdempotencyKey"].into_iter().any(shared);
    let statuses = [
        (400, has_body),
        (401, token || license),
        (403, token),
        (404, of_merchant),
        (409, shared("IdempotencyKey")),
        (412, shared("IfMatch")),
        (413, has_body),
        (422, has_body || asked || of_merchant || method != "get"),
        (429, is_limited),
    ];
    let never = operation.as_object_mut().and_then(|it| it.remove("x-never"));
    let never = never.and_then(|it| it.as_array().cloned()).unwrap_or_default();
    let responses = &mut operation["responses"];
    for (status, _) in statuses.iter().filter(|(status, applies)| *applies && !never.contains(&json!(status)))
    {
        responses[status.to_string()] = json!({});
    }
    let Some(responses) = responses.as_object_mut() else { return };
    for (status, response) in responses.iter_mut() {
        let number: u16 = status.parse().unwrap_or(500);
        if number >= 400 {
            *response = problems::reference(number);
        } else {
            response["headers"]["Request-Id"] = json!({ "$ref": "#/components/headers/Request-Id" });
            if is_limited {
                for name in ["RateLimit", "RateLimit-Policy"] {
                    response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
                }
            }
        }
    }
    responses.insert("default".to_owned(), problems::reference(500));
}

/// Flattened members stand in their object itself: an object that is closed cannot be put together of several.
fn merged(schemas: &Value) -> Map<String, Value> {
    let all = schemas.as_object().cloned().unwrap_or_default();
    let one = |(name, schema): (&String, &Value)| {
        let of = name.strip_prefix("Page_").filter(|of| all.contains_key(*of));
        let schema = of.map_or_else(|| merge(schema, &all), |of| page(schema, of));
        (name.clone(), schema)
    };
    all.iter().map(one).collect()
}

/// What stands on a page is referred to, not written out once more.
fn page(schema: &Value, of: &str) -> Value {
    let mut schema = schema.clone();
    schema["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{of}") });
    schema
}

fn merge(schema: &Value, all: &Map<String, Value>) -> Value {
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let (mut properties, mut required, mut whole) = (Map::new(), Vec::new(), schema.clone());
    for part in parts {
        let (part, is_optional) = part_of(part, all);
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        if is_optional {
            for property in part["properties"].as_object().into_iter().flatten() {
                properties[property.0]["x-flattened"] = json!(true);
            }
        } else {
            required.extend(part["required"].as_array().cloned().unwrap_or_default());
        }
    }
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("allOf");
        whole.insert("type".to_owned(), json!("object"));
        whole.insert("properties".to_owned(), Value::Object(properties));
        whole.insert("required".to_owned(), Value::Array(required));
    }
    whole
}

/// What a part of an `allOf` refers to, and whether it may be left out as a whole.
fn part_of(part: &Value, all: &Map<String, Value>) -> (Value, bool) {
    if let Some(name) = part["$ref"].as_str().and_then(|text| text.rsplit('/').next()) {
        return (all.get(name).map(|schema| merge(schema, all)).unwrap_or_default(), false);
    }
    if let Some(kinds) = part["oneOf"].as_array() {
        let kind = kinds.iter().find(|kind| kind["type"] != "null");
        return (kind.map(|kind| part_of(kind, all).0).unwrap_or_default(), true);
    }
    (merge(part, all), false)
}

/// The names of all schemas that answers are made of.
fn answers(document: &mut Value) -> Vec<String> {
    let mut names = vec!["Problem".to_owned()];
    for (_, _, operation) in operations(document) {
        references(&operation["responses"], &mut names);
    }
    let mut place = 0;
    while let Some(name) = names.get(place).cloned() {
        references(&document["components"]["schemas"][&name], &mut names);
        place += 1;
    }
    names
}

/// The names of all schemas that something refers to: parts that were merged into their whole are not among them.
fn used(document: &Value) -> Vec<String> {
    let mut names = vec!["Problem".to_owned()];
    references(&document["paths"], &mut names);
    let mut place = 0;
    while let Some(name) = names.get(place).cloned() {
        references(&document["components"]["schemas"][&name], &mut names);
        place += 1;
    }
    names
}

fn references(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let named = members.get("$ref").and_then(Value::as_str);
            let named = named.and_then(|text| text.strip_prefix("#/components/schemas/"));
            if let Some(name) = named.filter(|name| !names.iter().any(|known| known == name)) {
                names.push(name.to_owned());
            }
            members.values().for_each(|member| references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            change(members);
            members.values_mut().for_each(|member| each_object(member, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An answer has no members beyond those described, and writes null where there is nothing: what may be null is there.
fn close_answer(object: &mut Map<String, Value>) {
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let mut there = Vec::new();
    for (name, property) in properties.iter_mut() {
        let is_flattened = property.as_object_mut().and_then(|it| it.remove("x-flattened")).is_some();
        if is_nullable(property) && !is_flattened {
            there.push(Value::String(name.clone()));
        }
    }
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        there.retain(|name| !required.contains(name));
        required.extend(there);
        required.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    }
    object.entry("additionalProperties").or_insert(json!(false));
}

fn is_nullable(property: &Value) -> bool {
    let named = |kinds: &Value| kinds.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
    let of_kinds = property["oneOf"].as_array();
    named(&property["type"]) || of_kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["type"] == "null"))
}

fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    let text = || json!({ "type": "string" });
    json!({
        "Request-Id": header("Names this answer in the server's log.", json!({ "type": "string", "pattern": "^req_[0-9a-f]{32}$" })),
        "ETag": header("What `If-Match` and `If-None-Match` compare.", text()),
        "Location": header("Where what was made is found.", text()),
        "Retry-After": header("Seconds after which asking again may help.", json!({ "type": "integer", "minimum": 0 })),
        "RateLimit": header("What the token has left, where it is limited: requests (`r`), and seconds until all are back (`t`).", text()),
        "RateLimit-Policy": header("How often a token may ask, where it is limited: requests (`q`) in seconds (`w`).", text()),
        "WWW-Authenticate": header("Which credential is wanted: `Bearer` or `License`.", text()),
    })
}

fn security_schemes() -> Value {
    json!({
        TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token (`lictor_…`). The scope that an operation needs stands in its `x-scope`; `admin` has all scopes but `operator`, `operator` has all.",
        },
        LICENSE: {
            "type": "http",
            "scheme": "License",
            "description": "`Authorization: License <license key, claim code or certificate>`. A POST may carry the same as a member of its body instead.",
        },
    })
}
