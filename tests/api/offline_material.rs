//! What offline verification needs: status lists and key sets.

use license_token::{KeySet, StatusListClaims, StatusValue, UnverifiedToken};
use serde_json::json;

use crate::support::people::{command, issue};
use crate::support::{Harness, globex};

#[test]
pub fn a_status_list_says_what_was_revoked_and_changes_its_etag() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let uri = license.text_at("/status/uri");
    let path = uri.strip_prefix(&harness.url).expect("this server's own");
    let api = harness.anonymous();
    let first = api.get(path).expect(200);
    assert_eq!(first.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(first.header("cache-control"), Some("public, max-age=60"));
    let etag = first.header("etag").expect("an ETag").to_owned();
    for held in [etag.clone(), format!("W/{etag}"), format!("\"1\", {etag}"), "*".into()] {
        let same = api.with("If-None-Match", &held).get(path).expect(304);
        assert_eq!((same.text.as_str(), same.header("etag")), ("", Some(etag.as_str())), "{held}");
    }
    command(&harness, &license.text_at("/id"), "revoke", &json!({ "reason": "chargeback" })).expect(200);
    harness.settle();
    let second = api.with("If-None-Match", &etag).get(path).expect(200);
    assert_ne!(second.header("etag"), Some(etag.as_str()));
    let keys =
        KeySet::parse(api.get("/v1/keysets/acme/jwks.json").expect(200).text.as_bytes()).expect("a set");
    let token = UnverifiedToken::parse_status_list(&second.text).expect("a token");
    let claims = token.verify::<StatusListClaims>(&keys).expect("ours").into_claims();
    assert_eq!(format!("\"{}\"", claims.seq), second.header("etag").expect("an ETag"));
    assert_eq!(claims.sub, uri);
    let idx = license.at("/status/idx").as_u64().and_then(|idx| usize::try_from(idx).ok()).expect("an index");
    assert_eq!(claims.list.status(idx), Some(StatusValue::Invalid));
}

#[test]
fn lists_that_no_token_names_are_not_there() {
    let harness = Harness::start();
    for path in ["acme/99", "acme/00", "acme/+0", "acme/x", "nobody/0", "NOBODY/0", "acme/4294967296"] {
        harness.anonymous().get(&format!("/v1/status-lists/{path}")).expect_problem(404, "not_found");
    }
}

#[test]
fn the_well_known_key_set_is_there_while_the_server_has_one_merchant() {
    let harness = Harness::start();
    let api = harness.anonymous();
    let own = api.get("/v1/keysets/acme/jwks.json").expect(200);
    assert_eq!(own.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(own.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(api.get("/.well-known/jwks.json").expect(200).json(), own.json());
    harness.apply(globex());
    api.get("/.well-known/jwks.json").expect_problem(404, "not_found");
    let other = api.get("/v1/keysets/globex/jwks.json").expect(200);
    let issuers = |text: &str| {
        let set = KeySet::parse(text.as_bytes()).expect("a set");
        set.keys().iter().map(|key| key.issuer().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(issuers(&other.text).into_iter().collect::<Vec<_>>(), ["https://license.globex.example"]);
    assert_eq!(issuers(&own.text).into_iter().collect::<Vec<_>>(), ["https://license.acme.example"]);
    api.get("/v1/keysets/nobody/jwks.json").expect_problem(404, "not_found");
}
