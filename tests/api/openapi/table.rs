//! Every operation × every scope × own, foreign and absent merchant, from the document itself. What is expected follows
//! from `x-scope` alone.

use std::sync::OnceLock;
use std::time::Duration;

use lictor::application::ports::Clock as _;
use lictor::domain::{MerchantId, Scope, TokenOwner};
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use super::described::{Described, Operation, Seen};
use crate::support::api::{Answer, Api};
use crate::support::people::{activate, issue};
use crate::support::{Engine, Harness, World, acme, globex};

/// What no request has: refused behind every door, so that nothing is changed by looking whether it opens.
const UNKNOWN_MEMBER: &str = r#"{"what_no_request_has":1}"#;

/// To an operator's file no merchant is absent: it makes the one that it names. A name that nobody can have is.
const MAKES_MERCHANTS: &str = "apply_apply";

struct Table {
    harness: Harness,
    described: Described,
    /// A license of `acme`.
    license: String,
    activation: String,
    order: String,
    kid: String,
    token: String,
    dead: [String; 2],
}

impl Table {
    fn new() -> Self {
        // On disk, where a backup can be taken.
        let harness = Harness::start_in(World::new(), &Engine::Embedded);
        harness.apply(&acme(&harness.world.sandbox));
        harness.apply(globex());
        let license = issue(&harness, "cad-year");
        let machine = activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "one").expect(201);
        let (license, activation) = (license.text_at("/id"), machine.text_at("/activation_id"));
        let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
        harness.storefront().buy(basket).expect("answered");
        let order = harness.merchant().get("/v1/merchant/orders").expect(200).text_at("/items/0/id");
        let kid = harness.merchant().get("/v1/merchant/keys").expect(200).text_at("/items/0/kid");
        let token = harness.merchant().get("/v1/merchant/api-tokens").expect(200).text_at("/items/0/id");
        let described = Described::by(&harness);
        let dead = dead_tokens(&harness);
        Self { harness, described, license, activation, order, kid, token, dead }
    }

    fn holder(&self, merchant: &str, scope: Scope) -> Api {
        let owner = match scope {
            Scope::Operator => TokenOwner::Server,
            Scope::Read
            | Scope::Keys
            | Scope::Support
            | Scope::Issue
            | Scope::Revoke
            | Scope::Usage
            | Scope::Catalog
            | Scope::Admin => TokenOwner::Merchant(MerchantId::parse(merchant).expect("a slug")),
        };
        self.harness.bearer(&self.harness.token_of(owner, &[scope]))
    }

    /// The path with the ids of what `acme` has, or of what nobody has.
    fn path(&self, operation: &Operation<'_>, is_there: bool) -> String {
        let mut path = operation.path.to_owned();
        for parameter in operation.text["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "path" {
                let name = parameter["name"].as_str().expect("a name");
                let form = parameter["schema"]["$ref"].as_str().unwrap_or_default();
                path = path.replace(&format!("{{{name}}}"), &self.id(form, name, is_there));
            }
        }
        path
    }

    fn id(&self, form: &str, name: &str, is_there: bool) -> String {
        let form = form.rsplit('/').next().unwrap_or_default();
        let nobodys = |prefix: &str| format!("{prefix}_0000000000000000000000");
        match (form, name, is_there) {
            ("SpecId", _, true) => "cad-year".to_owned(),
            ("SpecId", ..) => "nothing".to_owned(),
            ("LicenseId", _, true) => self.license.clone(),
            ("LicenseId", ..) => nobodys("lic"),
            ("ApiTokenId", _, true) => self.token.clone(),
            ("ApiTokenId", ..) => nobodys("tok"),
            ("SessionId", ..) => nobodys("ses"),
            ("SignInLinkId", ..) => nobodys("lnk"),
            ("KeyId", _, true) => self.kid.clone(),
            ("KeyId", ..) => "A".repeat(43),
            ("Slug", "id", true) => "cad-koogallery".to_owned(),
            ("Slug", "merchant", true) => "acme".to_owned(),
            ("Slug", ..) => "nobody".to_owned(),
            ("ListNumber", ..) => "0".to_owned(),

            ("ActivationId", _, true) => self.activation.clone(),
            (_, "order", true) => self.order.clone(),
            (_, "order", false) => nobodys("ord"),
            (_, "customer", true) => "customer-1".to_owned(),
            (_, "customer", false) => "customer-2".to_owned(),
            (other, ..) => {
                let pattern = self.described.document["components"]["schemas"][other]["pattern"].as_str();
                let prefix = pattern.and_then(|pattern| pattern.strip_prefix('^')?.split('_').next());
                nobodys(prefix.unwrap_or_else(|| panic!("how is this told apart? {other} {name}")))
            }
        }
    }

    fn send(&self, api: &Api, operation: &Operation<'_>, path: &str, body: &str) -> Answer {
        let body = if operation.text.get("requestBody").is_some() { body } else { "" };
        let is_bytes =
            operation.text["responses"]["200"]["content"].get("application/octet-stream").is_some();
        let answer = if is_bytes {
            let (answer, bytes) = api.fetch(path);
            Answer { text: String::from_utf8_lossy(&bytes).into_owned(), ..answer }
        } else {
            api.send(&operation.method, path, body.as_bytes())
        };
        self.described.check(operation, &answer);
        answer
    }
}

/// What the table has seen; it is run once.
pub fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(run)
}

fn run() -> Seen {
    let table = Table::new();
    let mut seen = Seen::new();
    let operations = table.described.operations();
    let guarded: Vec<_> = operations.iter().filter_map(|it| Some((it, it.scope()?))).collect();
    assert!(guarded.len() > 40, "only {} operations say their scope", guarded.len());
    for held in Scope::NAMES.iter().map(|name| Scope::parse(name).expect("a scope")) {
        let holder = table.holder("acme", held);
        for (operation, asked) in &guarded {
            row(&table, operation, (held, *asked), &holder, &mut seen);
        }
    }
    for (operation, asked) in &guarded {
        without_a_live_token(&table, operation, &mut seen);
        foreign_objects(&table, operation, *asked, &mut seen);
    }
    for operation in &operations {
        broken(&table, operation, &mut seen);
        open_to_all(&table, operation, &mut seen);
        of_both_credentials(&table, operation, &mut seen);
    }
    seen
}

/// `admin` has all scopes but `operator`, which has all.
fn opens(held: Scope, asked: Scope) -> bool {
    held == asked || held == Scope::Operator || (held == Scope::Admin && asked != Scope::Operator)
}

fn row(
    table: &Table,
    operation: &Operation<'_>,
    (held, asked): (Scope, Scope),
    holder: &Api,
    seen: &mut Seen,
) {
    let path = table.path(operation, true);
    let mut ask = |api: &Api| {
        let answer = table.send(api, operation, &path, UNKNOWN_MEMBER);
        seen.insert((operation.id.to_owned(), answer.status));
        answer
    };
    let as_merchant = |name: &str| holder.with("Lictor-Merchant", name);
    let (plain, own) = (ask(holder), ask(&as_merchant("acme")));
    let (foreign, absent, unfit) =
        (ask(&as_merchant("globex")), ask(&as_merchant("nobody")), ask(&as_merchant("No Merchant")));
    let place = format!("{} with {held:?}", operation.id);
    if !opens(held, asked) {
        for refused in [&plain, &own, &foreign, &absent, &unfit] {
            assert_eq!(
                (refused.status, refused.at("/code")),
                (403, json!("scope_missing")),
                "{place}: {refused:?}"
            );
            assert_eq!(refused.without_request_id(), plain.without_request_id(), "{place}");
        }
        return;
    }
    assert!(![401, 403].contains(&own.status), "{place}: {own:?}");
    if !operation.names_merchants() {
        return;
    }
    let told_apart =
        if (operation.id, held) == (MAKES_MERCHANTS, Scope::Operator) { &unfit } else { &absent };
    assert_eq!(told_apart.without_request_id(), unfit.without_request_id(), "{place}");
    assert_eq!(
        (told_apart.status, told_apart.at("/code")),
        (404, json!("not_found")),
        "{place}: {told_apart:?}"
    );
    match held {
        // An operator acts for every merchant there is, and says for which.
        Scope::Operator => {
            assert!(![401, 403].contains(&foreign.status), "{place}: {foreign:?}");
            let code = if operation.is_also_without_merchant() { plain.status } else { 422 };
            assert_eq!(plain.status, code, "{place}: {plain:?}");
            assert!(![401, 403, 404].contains(&plain.status), "{place}: {plain:?}");
        }
        _of_a_merchant => {
            assert_eq!(plain.status, own.status, "{place}");
            assert_eq!(foreign.without_request_id(), absent.without_request_id(), "{place}");
        }
    }
}

/// A body that is no JSON, one that is too long, one with a member too many; and a license key that is none.
fn broken(table: &Table, operation: &Operation<'_>, seen: &mut Seen) {
    let mut ask = |api: &Api, path: &str, body: &str| {
        let answer = table.send(api, operation, path, body);
        seen.insert((operation.id.to_owned(), answer.status));
        answer
    };
    let path = table.path(operation, true);
    let operator = table.harness.operator();
    if operation.text.get("requestBody").is_some() {
        ask(&operator, &path, "{").expect_problem(400, "malformed_json");
        ask(&operator, &path, r#"{"a":1,"a":1}"#).expect_problem(400, "duplicate_member");
        ask(&operator, &path, UNKNOWN_MEMBER).expect_problem(422, "invalid_request");
        ask(&operator, &path, &" ".repeat(1024 * 1024 + 1)).expect_problem(413, "too_large");
    }
    if operation.text["responses"].get("401").is_some()
        && operation.scope().is_none()
        && operation.takes_license()
    {
        let body = table.described.sample_body(operation).expect("a POST").to_string();
        let stranger = table.harness.customer("no-license-key").with("Idempotency-Key", "one");
        ask(&stranger, &path, &body).expect_problem(401, "license_key_refused");
    }
}

/// What anybody may fetch, of a merchant and of nobody, and once more by who has it already.
fn open_to_all(table: &Table, operation: &Operation<'_>, seen: &mut Seen) {
    if operation.method != "GET" || operation.text.get("security").is_some() {
        return;
    }
    let asked =
        if operation.id == "keysets_key_set_of_issuer" { "?issuer=https://nobody.example" } else { "" };
    let mut ask = |api: &Api, is_there| {
        let answer = table.send(api, operation, &format!("{}{asked}", table.path(operation, is_there)), "");
        seen.insert((operation.id.to_owned(), answer.status));
        answer
    };
    let anybody = table.harness.anonymous();
    let (there, _absent) = (ask(&anybody, true), ask(&anybody, false));
    if let Some(etag) = there.header("etag") {
        let same = ask(&anybody.with("If-None-Match", etag), true).expect(304);
        assert_eq!(same.text, "", "{}", operation.id);
    }
}

/// Where a license key opens as well as a token: a token without the scope, and one that names nobody's license.
fn of_both_credentials(table: &Table, operation: &Operation<'_>, seen: &mut Seen) {
    if operation.scope().is_some() || operation.text.get("x-scope").is_none() {
        return;
    }
    let mut body = table.described.sample_body(operation).expect("a POST");
    body["license_id"] = json!("lic_0000000000000000000000");
    if operation.id != "usage_release" {
        body["amount"] = json!(1);
    }
    if operation.id == "usage_report" {
        body["metric"] = json!("minutes");
    }
    let path = table.path(operation, false);
    for (scope, status) in [(Scope::Read, 403), (Scope::Usage, 404)] {
        let api = table.holder("acme", scope).with("Idempotency-Key", "one");
        let answer = table.send(&api, operation, &path, &body.to_string()).expect(status);
        seen.insert((operation.id.to_owned(), answer.status));
    }
}

/// None, unknown, expired and revoked: one and the same answer.
fn without_a_live_token(table: &Table, operation: &Operation<'_>, seen: &mut Seen) {
    let path = table.path(operation, true);
    let mut ask = |api: &Api| {
        let answer = table.send(api, operation, &path, UNKNOWN_MEMBER);
        seen.insert((operation.id.to_owned(), answer.status));
        answer
    };
    let [expired, revoked] = &table.dead;
    let none = ask(&table.harness.anonymous()).expect_problem(401, "token_refused");
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    for token in [expired.as_str(), revoked.as_str(), "lictor_unknown", "", &"x".repeat(4_000)] {
        let api = table.harness.bearer(token);
        for api in [api.clone(), api.with("Lictor-Merchant", "acme"), api.with("Lictor-Merchant", "nobody")] {
            assert_eq!(
                ask(&api).without_request_id(),
                none.without_request_id(),
                "{} {token:?}",
                operation.id
            );
        }
    }
}

/// One token that has expired and one that was revoked, both with every scope that their merchant can give.
fn dead_tokens(harness: &Harness) -> [String; 2] {
    let ends = harness.world.clock.now() + Duration::from_secs(60);
    let ends = ends.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let order = json!({ "name": "short", "scopes": ["admin"], "expires_at": ends });
    let short = harness.merchant().post("/v1/merchant/api-tokens", &order).expect(201);
    harness.world.clock.advance(Duration::from_secs(61));
    let order = json!({ "name": "gone", "scopes": ["admin"] });
    let gone = harness.merchant().post("/v1/merchant/api-tokens", &order).expect(201);
    let path = format!("/v1/merchant/api-tokens/{}/revoke", gone.text_at("/id"));
    harness.merchant().post(&path, &json!({})).expect(200);
    [short.text_at("/token"), gone.text_at("/token")]
}

/// What another merchant has looks like what nobody has.
fn foreign_objects(table: &Table, operation: &Operation<'_>, asked: Scope, seen: &mut Seen) {
    if !operation.path.contains('{') {
        return;
    }
    let holder = match asked {
        Scope::Operator => table.holder("globex", Scope::Operator).with("Lictor-Merchant", "globex"),
        _of_a_merchant => table.holder("globex", Scope::Admin),
    };
    let body = table.described.sample_body(operation).map(|body: Value| body.to_string()).unwrap_or_default();
    let mut ask = |is_there| {
        let answer = table.send(&holder, operation, &table.path(operation, is_there), &body);
        seen.insert((operation.id.to_owned(), answer.status));
        answer
    };
    let (foreign, absent) = (ask(true), ask(false));
    assert_eq!(foreign.without_request_id(), absent.without_request_id(), "{}", operation.id);
}

#[test]
fn every_operation_opens_to_its_scope_and_shows_no_merchant_to_another() {
    assert!(seen().len() > 200, "{} answers of different kinds", seen().len());
}
