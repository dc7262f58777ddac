//! The API, described by itself: the document is the one that was agreed on, and describes what is served.

mod described;
mod everywhere;
mod fuzzed;
mod stories;
mod table;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Harness;

/// How the document is agreed on anew.
const REWRITE: &str = "LICTOR_WRITE_OPENAPI=1 cargo test --test api the_document_is_the_one";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The document as it is served.
pub fn document(harness: &Harness) -> Value {
    harness.anonymous().get("/openapi.json").expect(200).json()
}

#[test]
fn the_document_is_the_one_that_was_agreed_on() {
    let harness = Harness::start();
    let served = harness.anonymous().get("/openapi.json").expect(200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.header("cache-control"), Some("public, max-age=300"));
    let etag = served.header("etag").expect("an ETag");
    let again = harness.anonymous().with("If-None-Match", etag).get("/openapi.json").expect(304);
    assert_eq!((again.text.as_str(), again.header("etag")), ("", Some(etag)));
    let kept = "tests/vectors/openapi.json";
    #[expect(clippy::disallowed_methods, reason = "that the copy is to be rewritten is said from outside")]
    let is_rewritten = std::env::var_os("LICTOR_WRITE_OPENAPI").is_some();
    if is_rewritten {
        std::fs::write(file(kept), &served.text).expect("the vectors can be written");
    }
    let agreed = text_of(kept);
    let differing = served.text.lines().zip(agreed.lines()).enumerate().find(|(_, (new, old))| new != old);
    if let Some((line, (new, old))) = differing {
        panic!("{kept} line {}: {old}\nis now {new}\nIf that is meant: {REWRITE}", line + 1);
    }
    assert_eq!(served.text.len(), agreed.len(), "one is longer. If that is meant: {REWRITE}");
}

/// Routes that are no API: dictated by marketplaces, or pages and files for people and machines that watch.
const NOT_DESCRIBED: [&str; 6] =
    ["/marketplace/", "/portal", "/console", "/docs", "/openapi.json", "/metrics"];

/// Each route of the router's source as `METHOD path`.
fn routes() -> BTreeSet<String> {
    let source: String = text_of("src/http/router.rs").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        let mut parts = route.splitn(3, '"');
        let (path, rest) = (parts.nth(1).expect("a path in quotes"), parts.next().expect("and its handlers"));
        let handlers = within_parenthesis(rest);
        for method in ["get", "post", "put", "delete", "patch"] {
            let named = format!("{method}(");
            if handlers
                .match_indices(&named)
                .any(|(at, _)| !handlers[..at].ends_with(|it: char| it.is_alphanumeric() || it == '_'))
            {
                found.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    found
}

/// Up to where the parenthesis ends that `rest` stands in.
fn within_parenthesis(rest: &str) -> &str {
    let mut depth = 1;
    let end = rest.find(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _other => 0,
        };
        depth == 0
    });
    &rest[..end.expect("a route ends")]
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let document = document(&Harness::start());
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        described.extend(
            item.as_object()
                .expect("methods")
                .keys()
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    let is_api = |route: &&String| {
        !NOT_DESCRIBED.iter().any(|other| route.split(' ').nth(1).is_some_and(|path| path.starts_with(other)))
    };
    let served: BTreeSet<String> = routes().iter().filter(is_api).cloned().collect();
    assert!(served.len() > 60, "the router was not read: {served:?}");
    let missing: Vec<_> = served.difference(&described).collect();
    let invented: Vec<_> = described.difference(&served).collect();
    assert!(
        missing.is_empty(),
        "not described, add #[utoipa::path] and a line in src/http/openapi.rs: {missing:?}"
    );
    assert!(invented.is_empty(), "described and not served: {invented:?}");
}

/// Two types with one name would be one schema, and the other's members would be refused.
#[test]
fn no_two_types_have_the_same_name_in_the_document() {
    let mut names = BTreeSet::new();
    for path in sources(&file("src/http")) {
        let source = std::fs::read_to_string(&path).expect("a source");
        for block in source.split("#[derive(").skip(1) {
            let (derived, rest) = block.split_once(")]").expect("a derive ends");
            if !derived.contains("ToSchema") {
                continue;
            }
            let kind = if rest.contains("struct ") { "struct " } else { "enum " };
            let named = rest
                .split_once(kind)
                .expect("a type")
                .1
                .split(|letter: char| !letter.is_alphanumeric())
                .next();
            let before = rest.split_once(kind).expect("a type").0;
            let renamed = before
                .split_once("#[schema(as = ")
                .map(|(_, name)| name.split([')', ',']).next().expect("a name"));
            let name = renamed.or(named).expect("a name").to_owned();
            assert!(names.insert(name.clone()), "{name} twice, the second time in {}", path.display());
        }
    }
    let forms = text_of("src/http/openapi/forms.rs");
    for line in forms.lines().filter(|line| line.starts_with("    ") && line.contains("Form =")) {
        let name = line.trim().split_once("Form =").expect("just looked").0;
        assert!(names.insert(name.to_owned()), "{name} is a form and a type");
    }
    assert!(names.len() > 150, "the sources were not read: {names:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn every_object_is_closed_or_a_map_of_typed_values() {
    fn look(place: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                let is_object =
                    members.get("type").is_some_and(|kind| kind == "object" || kind[0] == "object");
                // What a changed address shows now: any of the answers that have a revision.
                if is_object && place != "/Problem/properties/current" {
                    let others = members.get("additionalProperties");
                    let is_map = others.is_some_and(Value::is_object);
                    assert!(is_map || others == Some(&Value::Bool(false)), "{place} takes anything: {value}");
                }
                members.iter().for_each(|(name, member)| look(&format!("{place}/{name}"), member));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| look(&format!("{place}/{at}"), item))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    look("", &document(&Harness::start())["components"]["schemas"]);
}

#[test]
fn every_reference_leads_somewhere() {
    fn look(document: &Value, value: &Value, count: &mut usize) {
        if let Some(reference) = value["$ref"].as_str() {
            let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(found.is_some_and(|found| !found.is_null()), "{reference} leads nowhere");
            *count += 1;
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| look(document, member, count)),
            Value::Array(items) => items.iter().for_each(|item| look(document, item, count)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let (document, mut count) = (document(&Harness::start()), 0);
    look(&document, &document, &mut count);
    assert!(count > 500, "{count} references");
}

/// The codes in the document are those that the code can answer.
#[test]
fn problems_have_the_codes_that_the_service_answers() {
    let document = document(&Harness::start());
    let listed = document["components"]["schemas"]["ProblemCode"]["enum"].as_array().expect("codes");
    let listed: BTreeSet<&str> = listed.iter().filter_map(Value::as_str).collect();
    let mut answered = BTreeSet::new();
    for source in [text_of("src/domain/refusal.rs"), text_of("src/http/error.rs")] {
        let body = source.split_once("fn code(&self)").expect("where codes are chosen").1;
        let body = body.split_once("\n    }\n").expect("its end").0;
        answered.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    let answered: BTreeSet<&str> = answered.iter().map(String::as_str).collect();
    assert_eq!(listed, answered, "src/http/openapi/problems.rs lists them");
}

#[test]
fn the_page_shows_every_operation_in_both_frames_and_nothing_of_another_host() {
    let harness = Harness::start();
    let described = described::Described::by(&harness);
    for (language, title) in [("en", "lictor: the API"), ("zh-CN", "lictor API 文档")] {
        let page = harness.anonymous().get(&format!("/docs?lang={language}")).expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("content-language"), Some(language));
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(page.text.contains(title), "{language}");
        for operation in described.operations() {
            let there = format!("<details id=\"{}\">", operation.id);
            assert!(page.text.contains(&there), "{} in {language}", operation.id);
        }
        for elsewhere in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "@import", "url("] {
            assert!(!page.text.contains(elsewhere), "{elsewhere} in {language}");
        }
    }
    let script = harness.anonymous().get("/docs/script.js").expect(200);
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert!(
        !script.text.contains("http:")
            && !script.text.contains("https:")
            && !script.text.contains("innerHTML")
    );
}
