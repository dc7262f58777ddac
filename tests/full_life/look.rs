//! What a license is, as everybody sees it who may: the merchant over the API, software by the key and the published
//! status list, the marketplace by its questions, whoever holds the claim code.

use std::collections::BTreeMap;

use chrono::{DateTime, Months, TimeDelta, Utc};
use license_token::{Amount, KeySet, LicenseClaims, StatusListClaims, StatusValue, UnverifiedToken};
use lictor::application::ports::Clock;
use serde_json::{Value, json};

use super::model::Expected;
use super::shop::{Life, Shop};
use crate::support::Harness;
use crate::support::api::Api;

/// Of a package: what was used, what is left, and what they sum up to.
const BOOKS: [&str; 11] = [
    "id",
    "total",
    "used",
    "reserved",
    "left",
    "expired",
    "refunded",
    "window_used",
    "window_left",
    "window_ends_at",
    "overage_used",
];

/// What differs between any two licenses, or tells when a call arrived.
const OWN: [&str; 13] = [
    "id",
    "revision",
    "created_at",
    "updated_at",
    "license_key",
    "claim_code",
    "order_id",
    "order_line_id",
    "instance_id",
    "status",
    "suspensions",
    "activations",
    "channel",
];

/// Who looks.
pub struct Looker<'a> {
    harness: &'a Harness,
    merchant: Api,
    keys: KeySet,
}

/// Every status list that a key names, as fetched and verified a moment ago.
pub struct Lists<'a> {
    looker: &'a Looker<'a>,
    by_uri: BTreeMap<String, StatusListClaims>,
}

/// One license.
#[derive(Debug, Clone)]
pub struct Seen {
    pub shown: Value,
    pub claims: LicenseClaims,
    pub key: String,
}

impl<'a> Looker<'a> {
    pub fn new(harness: &'a Harness) -> Self {
        let set = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        let keys = KeySet::parse(set.as_bytes()).expect("a set");
        Self { harness, merchant: harness.merchant(), keys }
    }

    pub fn lists(&self) -> Lists<'_> {
        Lists { looker: self, by_uri: BTreeMap::new() }
    }

    /// A license with its key, once it was minted.
    pub fn license(&self, life: &Life) -> Option<Seen> {
        let id = self.id_of(life)?;
        let shown = self.merchant.get(&format!("/v1/merchant/licenses/{id}?reveal=true")).expect(200).json();
        let key = shown["license_key"].as_str()?.to_owned();
        let token = UnverifiedToken::parse(&key).expect("a token");
        let claims = token.verify::<LicenseClaims>(&self.keys).expect("signed by this server").into_claims();
        Some(Seen { shown, claims, key })
    }

    /// The one license of an instance; it is so for ever.
    fn id_of(&self, life: &Life) -> Option<String> {
        if let Some(id) = life.license.get() {
            return Some(id.clone());
        }
        let path = format!("/v1/merchant/licenses?instance_id={}", life.instance()?);
        let found = self.merchant.get(&path).expect(200);
        let id = found.at("/items/0/id").as_str()?.to_owned();
        Some(life.license.get_or_init(|| id).clone())
    }

    /// Everything that has to be alike in two licenses of one story.
    pub fn state(&self, shop: &Shop, life: &Life, lists: &mut Lists<'_>) -> (Seen, Value) {
        let seen = self.license(life).unwrap_or_else(|| panic!("{} has a license", life.id));
        let found = self.merchant.get(&format!("/v1/merchant/licenses?instance_id={}", life.known_as()));
        assert_eq!(found.expect(200).at("/items").as_array().map(Vec::len), Some(1), "{}", life.id);
        let mut shown = seen.shown.clone();
        let members = shown.as_object_mut().expect("an object");
        members.retain(|name, _| !OWN.contains(&name.as_str()));
        for package in members["quota"].as_array_mut().expect("a list") {
            // How much ran out or was exchanged tells when an upgrade was heard of; the sum is checked by the model.
            package.as_object_mut().expect("an object").retain(|name, _| !BOOKS.contains(&name.as_str()));
        }
        let by: Vec<_> = list_of(&seen.shown["suspensions"]).iter().map(|one| one["by"].clone()).collect();
        let mut places: Vec<_> = list_of(&seen.shown["activations"])
            .iter()
            .map(|one| json!([one["name"], one["state"], format!("{:?}", lists.of_shown(&one["status"]))]))
            .collect();
        places.sort_by_key(ToString::to_string);
        let state = json!({
            "license": shown, "suspended_by": by, "places": places,
            "key": promise(&seen.claims), "key_status": self.running_status(&seen.claims, lists),
            "asked": self.asked(shop, life, &seen),
        });
        (seen, state)
    }

    /// The entry of a key; of one that has ended by itself nobody asks.
    fn running_status(&self, claims: &LicenseClaims, lists: &mut Lists<'_>) -> Option<String> {
        let is_running = claims.exp.is_none_or(|exp| exp > self.harness.world.clock.now().timestamp());
        is_running.then(|| format!("{:?}", lists.of(claims)))
    }

    /// What those hear who ask the server: by claim code, by key, by the marketplace's own calls.
    fn asked(&self, shop: &Shop, life: &Life, seen: &Seen) -> Value {
        let customer = self.harness.anonymous();
        let claim_code = seen.shown["claim_code"].as_str().expect("revealed");
        let claim = |code: &str| {
            let claimed = customer.post("/v1/claims", &json!({ "claim_code": code, "product": "acme-cad" }));
            match claimed.status {
                200 => {
                    assert_eq!(claimed.text_at("/license_key"), seen.key, "{}: the current key", life.id);
                    "the current key".to_owned()
                }
                _ => claimed.text_at("/code"),
            }
        };
        let by_code = life.instance().filter(|text| text.starts_with("PL")).map(&claim);
        let validated = customer.post("/v1/validate", &json!({ "license_key": seen.key })).expect(200);
        let read = shop.read(life).map(|(code, text)| {
            let shows = text == seen.key || text.contains(claim_code);
            assert!(shows, "{}: {text} is neither the key nor shows the claim code", life.id);
            code
        });
        json!({ "claim": claim(claim_code), "code": by_code, "validate": validated.at("/code"), "read": read })
    }

    /// The key, the status list and the merchant's view say what the model says.
    pub fn agrees(&self, life: &Life, seen: &Seen, expected: &Expected, after: &str) {
        let now = self.harness.world.clock.now();
        let (shown, claims, at) = (&seen.shown, &seen.claims, format!("{} after {after}", life.id));
        let end = expected.ends_at;
        assert_eq!(shown["state"], expected.state(now), "{at}");
        assert_eq!(shown["ends_at"], end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), "{at}");
        assert_eq!(claims.exp, Some(end.timestamp()), "{at}");
        assert_eq!((&shown["spec"], &shown["sku"]), (&json!(expected.spec), &json!(expected.sku)), "{at}");
        assert_eq!(claims.spec.sku, expected.sku, "{at}");
        assert_eq!(
            (&shown["term"], claims.term.to_string()),
            (&json!(expected.term), expected.term.clone()),
            "{at}"
        );
        assert_eq!(shown["machines"], json!(expected.machines), "{at}");
        assert_eq!(claims.machines.map(u64::from), Some(expected.machines), "{at}");
        assert_eq!(shown["entitlements"], json!(expected.entitlements), "{at}");
        assert_eq!(claims.entitlements, expected.entitlements, "{at}");
        assert_eq!(shown["quota"][0]["amount"], json!(expected.amount), "{at}");
        let [package] = &claims.quota[..] else { panic!("{at}: {:?}", claims.quota) };
        assert_eq!(Some(package.amount), Amount::from_units(expected.amount), "{at}");
        assert_eq!(package.total, expected.total.and_then(Amount::from_units), "{at}");
    }

    /// The books of the quota say what was granted, in whatever order the calls came while there was time.
    pub fn books_agree(&self, seen: &Seen, expected: &Expected, after: &str) {
        // Of what was ever bought, what was not paid back.
        let quota = &seen.shown["quota"][0];
        let granted =
            quota["total"].as_i64().zip(quota["refunded"].as_i64()).map(|(total, back)| total - back);
        // Whoever gave it back has what was used and what had run out, which here is less than a window.
        let wanted = if expected.is_released {
            0
        } else {
            expected.amount * months(&seen.shown["starts_at"], expected.ends_at)
        };
        assert_eq!(granted, Some(wanted), "after {after}: {quota}");
    }
}

/// The months that begin between two instants, but for a last one of two days or less: what the marketplace rounds up.
fn months(start: &Value, end: DateTime<Utc>) -> i64 {
    let start: DateTime<Utc> = start.as_str().expect("an instant").parse().expect("an instant");
    let begun = |count: &u32| start + Months::new(*count) + TimeDelta::hours(48) < end;
    i64::try_from((0..1_000).take_while(begun).count()).expect("few")
}

impl Lists<'_> {
    /// The entry of a key.
    pub fn of(&mut self, claims: &LicenseClaims) -> StatusValue {
        let status = claims.status.as_ref().expect("every key names its entry");
        self.entry(&status.uri, usize::try_from(status.idx).expect("an index"))
    }

    fn of_shown(&mut self, status: &Value) -> StatusValue {
        let idx = status["idx"].as_u64().and_then(|idx| usize::try_from(idx).ok()).expect("an index");
        self.entry(status["uri"].as_str().expect("an address"), idx)
    }

    fn entry(&mut self, uri: &str, idx: usize) -> StatusValue {
        let Looker { harness, keys, .. } = self.looker;
        let fetched = self.by_uri.entry(uri.to_owned()).or_insert_with(|| {
            let path = uri.strip_prefix(&harness.url).expect("this server's own");
            let text = harness.anonymous().get(path).expect(200).text;
            let token = UnverifiedToken::parse_status_list(&text).expect("a list");
            token.verify::<StatusListClaims>(keys).expect("signed by this server").into_claims()
        });
        assert_eq!(fetched.sub, uri);
        fetched.list.status(idx).expect("an entry")
    }
}

fn list_of(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a key promises, without what names it.
pub fn promise(claims: &LicenseClaims) -> Value {
    json!({
        "exp": claims.exp, "nbf": claims.nbf, "term": claims.term.to_string(), "sku": claims.spec.sku,
        "machines": claims.machines, "entitlements": claims.entitlements, "quota": format!("{:?}", claims.quota),
        "updates": claims.upd, "grace": claims.grace_secs, "policy": format!("{:?}", claims.policy),
    })
}
