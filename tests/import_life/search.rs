//! Licenses are found by what people have of them: by index, page by page, whatever changes meanwhile.

use std::collections::BTreeSet;

use lictor::application::ports::{Change, Commit, Listing, Store as _};
use lictor::application::record::{Record, RecordKey};
use lictor::application::{Filled, terms_of};
use lictor::domain::{Instant, License, LicenseId, MerchantId, Scope, SearchTerm, TermField};
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::Api;
use crate::support::people::{activate, command, issue};

const PATH: &str = "/v1/merchant/licenses";

fn acme() -> MerchantId {
    MerchantId::parse("acme").expect("a slug")
}

/// Does what the worker does until the index has everything.
pub fn filled(harness: &Harness) {
    harness.block_on(async { while harness.app.fill_index().await.expect("filled") == Filled::Some {} });
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The ids of all pages of a list.
fn found(merchant: &Api, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = merchant.get(&format!("{PATH}?limit={limit}&{query}{cursor}")).expect(200);
        let items = page.at("/items");
        let items = items.as_array().expect("items");
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

fn q(merchant: &Api, text: &str) -> Vec<String> {
    found(merchant, &format!("q={}", percent(text)), 50)
}

fn all_terms(harness: &Harness) -> BTreeSet<SearchTerm> {
    let mut all = BTreeSet::new();
    for field in TermField::ALL {
        let mut after = None;
        loop {
            let listing = Listing::TermsLeading { merchant: acme(), field, value: String::new(), after };
            let page = harness.block_on(harness.store.list(&listing, 1_000)).expect("readable");
            after = page.last().and_then(|last| match &last.value {
                Record::SearchTerm(term) => Some(term.clone()),
                _ => None,
            });
            all.extend(page.into_iter().filter_map(|record| match record.value {
                Record::SearchTerm(term) => Some(term),
                _ => None,
            }));
            if after.is_none() {
                break;
            }
        }
    }
    all
}

fn change(harness: &Harness, changes: Vec<Change>) {
    let mut commit = Commit::new();
    commit.changes = changes;
    harness.block_on(harness.store.commit(commit)).expect("stored");
}

#[test]
fn a_license_is_found_by_whatever_people_have_of_it() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let bought =
        harness.storefront().buy(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("answers");
    harness.settle();
    for number in 0..3 {
        issue(&harness, if number == 0 { "cad-year" } else { "cad-month" });
    }
    let order = json!({ "product": "acme-cad", "spec": "cad-year", "customer": "C-Seven", "label": "Müller ＡＢ 深圳" });
    let made = merchant.post(&format!("{PATH}?reveal=true"), &order).expect(201);
    let (id, key) = (made.text_at("/id"), made.text_at("/license_key"));
    let activated = activate(&harness.anonymous(), &key, 1, "n").expect(201);
    let of_order = found(&merchant, &format!("order_id={}", bought.order.order_id), 50);
    assert_eq!(of_order.len(), 1);
    let shown = merchant.get(&format!("{PATH}/{}", of_order[0])).expect(200);
    // Before the index is filled as after it.
    for _ in 0..2 {
        let order_id = &bought.order.order_id;
        assert_eq!(q(&merchant, order_id), of_order);
        assert_eq!(q(&merchant, &order_id.to_lowercase()[..order_id.len() - 2]), of_order);
        assert_eq!(q(&merchant, &shown.text_at("/instance_id")), of_order);
        if let Some(customer) = shown.at("/customer").as_str() {
            assert!(q(&merchant, customer).contains(&of_order[0]));
        }
        let own = vec![id.clone()];
        for text in ["c-seven", "C-S", "müller", "MÜLLER ab", "müller ab 深", " Desk 1 ", "desk", &id] {
            assert_eq!(q(&merchant, text), own, "{text}");
        }
        let tail = &key[key.len() - 8..];
        let wrapped = format!("{}\r\n  {}\n", &key[..40], &key[40..]);
        for text in [tail, &tail.to_lowercase(), &key, &wrapped, &made.text_at("/claim_code")] {
            assert_eq!(q(&merchant, text), own, "{text}");
        }
        assert_eq!(q(&merchant, &activated.text_at("/certificate")), own);
        for nothing in
            ["ller", "nobody", "%", "*", "\u{1}", " ", &key[..key.len() - 1], &key[1..], &tail[1..]]
        {
            assert_eq!(q(&merchant, nothing), Vec::<String>::new(), "{nothing:?}");
        }
        filled(&harness);
    }
    let page = merchant.get(&format!("{PATH}?q=nobody")).expect(200);
    assert_eq!(page.json(), json!({ "items": [], "next_cursor": null }), "the index is complete");
    // A superseded key and code find the license too, by its end and whole.
    command(&harness, &id, "reissue", &json!({ "reason": "leaked" })).expect(200);
    let now = merchant.get(&format!("{PATH}/{id}?reveal=true")).expect(200).text_at("/license_key");
    assert_ne!(now, key);
    for text in [&now, &key, &key[key.len() - 8..], &now[now.len() - 8..], &made.text_at("/claim_code")] {
        assert_eq!(q(&merchant, text), vec![id.clone()], "{text}");
    }
}

#[test]
fn an_authorization_code_is_found_whole_and_in_no_other_way() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let row = json!({
        "channel": "cad-codes", "instance_id": "PL230523XYZ", "order_id": "CS77", "spec": "cad-year",
        "starts_at": "2026-01-01T00:00:00Z",
    });
    drop(harness.code_shop());
    merchant.post(&format!("{PATH}/import"), &json!({ "rows": [row] })).expect(200);
    filled(&harness);
    assert_eq!(q(&merchant, "PL230523XYZ").len(), 1);
    assert_eq!(q(&merchant, "PL230523XYZ"), q(&merchant, "cs7"));
    assert_eq!(q(&merchant, "PL230523"), Vec::<String>::new());
    assert!(all_terms(&harness).iter().all(|term| !term.value.contains("pl230523")));
}

/// Licenses of every state, two products' worth of specs, ends near and far.
fn a_mixed_stock(harness: &Harness) {
    let merchant = harness.merchant();
    let specs = ["cad-year", "cad-month", "cad-forever"];
    for number in 0..24 {
        let mut order = json!({
            "product": "acme-cad", "spec": specs[(number / 6 + number) % 3], "customer": format!("C-{}", number % 5),
            "label": format!("Lab {number}"),
        });
        match number % 6 {
            4 => order["starts_at"] = json!("2026-05-01T00:00:00Z"),
            5 => order["starts_at"] = json!("2024-11-01T00:00:00Z"),
            _ => {}
        }
        let id = merchant.post(PATH, &order).expect(201).text_at("/id");
        match if number % 6 == 5 { 0 } else { number % 7 } {
            1 => drop(command(harness, &id, "suspend", &json!({ "reason": "late" })).expect(200)),
            2 => drop(command(harness, &id, "revoke", &json!({ "reason": "fraud" })).expect(200)),
            3 => {
                command(harness, &id, "suspend", &json!({ "reason": "late" })).expect(200);
                command(harness, &id, "resume", &json!({ "reason": "paid" })).expect(200);
            }
            _ => {}
        }
    }
    harness.storefront().buy(Basket::of("NOT-MAPPED", Billing::Period(Period::Years(1)))).expect("answers");
    harness.storefront().buy(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("answers");
    harness.settle();
}

#[test]
fn every_combination_of_filters_finds_what_fits_newest_first_with_the_index_and_without() {
    let harness = Harness::start();
    a_mixed_stock(&harness);
    let merchant = harness.merchant();
    let everything = merchant.get(&format!("{PATH}?limit=200")).expect(200).at("/items");
    let everything = everything.as_array().expect("items").clone();
    type Fits = fn(&Value) -> bool;
    let singles: [(&str, Fits); 13] = [
        ("state=active", |it| it["state"] == "active"),
        ("state=expired", |it| it["state"] == "expired"),
        ("state=suspended", |it| it["state"] == "suspended"),
        ("state=revoked", |it| it["state"] == "revoked"),
        ("state=released", |it| it["state"] == "released"),
        ("state=pending", |it| it["state"] == "pending"),
        ("product=acme-cad", |it| it["product"] == "acme-cad"),
        ("spec=cad-month", |it| it["spec"] == "cad-month"),
        ("customer=C-2", |it| it["customer"] == "C-2"),
        ("env=live", |it| it["env"] == "live"),
        ("env=test", |it| it["env"] == "test"),
        ("ends_before=2027-01-01T00:00:00Z", |it| {
            it["ends_at"].as_str().is_some_and(|at| at < "2027-01-01T00:00:00Z")
        }),
        ("ends_after=2026-02-28T08:00:00Z", |it| {
            it["ends_at"].as_str().is_some_and(|at| at >= "2026-02-28T08:00:00Z")
        }),
    ];
    let mut asked: Vec<(String, Vec<Fits>)> =
        singles.iter().map(|(query, fits)| ((*query).to_owned(), vec![*fits])).collect();
    for (place, (one, fits)) in singles.iter().enumerate() {
        for (other, fits_too) in &singles[place + 1..] {
            if one.split('=').next() != other.split('=').next() {
                asked.push((format!("{one}&{other}"), vec![*fits, *fits_too]));
            }
        }
    }
    asked.push((
        "q=lab%201&state=active".to_owned(),
        vec![|it| it["label"].as_str().is_some_and(|label| label.starts_with("Lab 1")), |it| {
            it["state"] == "active"
        }],
    ));
    for _ in 0..2 {
        for (query, fits) in &asked {
            let wanted: Vec<_> = everything
                .iter()
                .filter(|item| fits.iter().all(|fits| fits(item)))
                .map(|item| item["id"].as_str().expect("an id").to_owned())
                .collect();
            assert_eq!(found(&merchant, query, 3), wanted, "{query}");
        }
        filled(&harness);
    }
    let counted = |query: &str| found(&merchant, query, 50).len();
    for state in ["active", "expired", "suspended", "revoked", "pending"] {
        assert!(counted(&format!("state={state}")) > 0, "there are some in the state {state}");
    }
}

#[test]
fn what_stays_as_it_is_stands_on_exactly_one_page_whatever_changes_meanwhile() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let mut made: Vec<_> = (0..12).map(|_| issue(&harness, "cad-year").text_at("/id")).collect();
    filled(&harness);
    let (mut seen, mut cursor, mut turn) = (Vec::new(), String::new(), 0);
    loop {
        let page = merchant.get(&format!("{PATH}?state=active&product=acme-cad&limit=2{cursor}")).expect(200);
        let items = page.at("/items");
        seen.extend(
            items.as_array().expect("items").iter().map(|item| item["id"].as_str().expect("id").to_owned()),
        );
        let Some(next) = page.at("/next_cursor").as_str().map(str::to_owned) else { break };
        cursor = format!("&cursor={next}");
        // Some come, some go: the newest, and the license of the cursor itself.
        issue(&harness, "cad-year");
        if turn < 2 {
            command(&harness, &next, "suspend", &json!({ "reason": "late" })).expect(200);
        }
        turn += 1;
    }
    made.reverse();
    assert_eq!(seen, made);
}

/// Many licenses without signing as many keys: copies of one.
fn many(harness: &Harness, count: usize) {
    let id = LicenseId::parse(&issue(harness, "cad-year").text_at("/id")).expect("an id");
    let key = RecordKey::License(acme(), id);
    let found =
        harness.block_on(harness.store.load(&[key])).expect("readable").remove(0).expect("it is there");
    let Record::License(license) = found.value else { panic!("a license stands there") };
    let copies: Vec<License> = (0..count)
        .map(|number| License {
            id: LicenseId::from_uuid(u128::from(number as u32) + (0x0190_u128 << 112)),
            customer: Some(lictor::domain::CustomerId::parse(&format!("K-{number:06}")).expect("an id")),
            label: format!("copy {number:06}"),
            license_key: format!("{}.{number:020}", license.license_key),
            ..license.clone()
        })
        .collect();
    for copies in copies.chunks(100) {
        change(harness, copies.iter().map(|it| Change::Put(Record::License(it.clone()), 0)).collect());
    }
}

#[test]
fn a_search_reads_no_more_records_among_ten_times_as_many_licenses() {
    let mut reads = Vec::new();
    for count in [250, 2_500] {
        let harness = Harness::start();
        many(&harness, count);
        let id = issue(&harness, "cad-month").text_at("/id");
        command(&harness, &id, "revoke", &json!({ "reason": "fraud" })).expect(200);
        filled(&harness);
        let merchant = harness.merchant();
        let read = |query: &str, expected: usize| {
            let before = harness.store.records_read();
            let page = merchant.get(&format!("{PATH}?limit=20&{query}")).expect(200);
            assert_eq!(page.at("/items").as_array().map(Vec::len), Some(expected), "{query}");
            harness.store.records_read() - before
        };
        reads.push([
            read("q=K-000123", 1),
            read("q=copy%20000123", 1),
            read("q=nobody", 0),
            read("customer=K-000200", 1),
            read("state=revoked", 1),
            read("state=revoked&product=acme-cad", 1),
            read("state=released&product=acme-cad&spec=cad-year", 0),
            read("product=acme-cad", 20),
            read("spec=cad-year&product=acme-cad", 20),
            read("state=active", 20),
            read("state=expired", 0),
            read("ends_before=2026-06-01T00:00:00Z", 1),
        ]);
    }
    for (few, many) in reads[0].iter().zip(&reads[1]) {
        assert!(*many <= few + 600 && *many < 1_000, "{reads:?}");
    }
    // What is found by a word of its own costs the same.
    assert_eq!(reads[0][..6], reads[1][..6], "{reads:?}");
}

#[test]
fn a_text_that_nearly_everything_begins_with_is_answered_within_bounds_from_the_newest_on() {
    let harness = Harness::start();
    many(&harness, 600);
    filled(&harness);
    let before = harness.store.records_read();
    let page = harness.merchant().get(&format!("{PATH}?limit=5&q=copy")).expect(200);
    let labels: Vec<_> =
        page.at("/items").as_array().expect("items").iter().map(|it| it["label"].clone()).collect();
    assert_eq!(labels, ["copy 000599", "copy 000598", "copy 000597", "copy 000596", "copy 000595"]);
    assert!(harness.store.records_read() - before < 2_000);
}

#[test]
fn what_an_earlier_version_wrote_is_found_before_and_after_the_index_has_it() {
    let harness = Harness::start();
    a_mixed_stock(&harness);
    let merchant = harness.merchant();
    let license = issue(&harness, "cad-year");
    activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n").expect(201);
    let terms = all_terms(&harness);
    change(&harness, terms.iter().map(|term| Change::Remove(RecordKey::SearchTerm(term.clone()))).collect());
    assert_eq!(all_terms(&harness), BTreeSet::new());
    let page = merchant.get(&format!("{PATH}?q=lab%2017")).expect(200);
    assert_eq!((page.at("/items/0/label"), page.at("/index_complete")), (json!("Lab 17"), json!(false)));
    filled(&harness);
    let again = all_terms(&harness);
    // Of keys from before only the current one is known.
    assert!(terms.difference(&again).all(|term| term.field == TermField::Key), "all is there again");
    let page = merchant.get(&format!("{PATH}?q=lab%2017")).expect(200);
    assert_eq!((page.at("/items/0/label"), page.at("/index_complete")), (json!("Lab 17"), Value::Null));
    assert_eq!(q(&merchant, "desk 1"), vec![license.text_at("/id")]);
    // A server of an earlier version has changed a license and left its words: they find nothing, and go.
    let stale = SearchTerm {
        merchant: acme(),
        field: TermField::Customer,
        value: "c-gone".into(),
        license: LicenseId::parse(&license.text_at("/id")).expect("an id"),
        activation: None,
    };
    change(&harness, vec![Change::Set(Record::SearchTerm(stale.clone()))]);
    assert!(all_terms(&harness).contains(&stale));
    assert_eq!(found(&merchant, "customer=C-gone", 50), Vec::<String>::new());
    assert!(!all_terms(&harness).contains(&stale));
}

#[test]
fn personal_data_that_is_erased_is_in_no_word_of_the_index() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let order =
        json!({ "product": "acme-cad", "spec": "cad-year", "customer": "C-Person", "label": "Anna Muster" });
    let made = merchant.post(&format!("{PATH}?reveal=true"), &order).expect(201);
    let request = json!({
        "license_key": made.text_at("/license_key"), "machine": crate::support::people::machine(1),
        "name": "anna-laptop", "nonce": "n",
    });
    harness.anonymous().post("/v1/activations", &request).expect(201);
    filled(&harness);
    for text in ["c-person", "anna m", "anna-l"] {
        assert_eq!(q(&merchant, text).len(), 1, "{text}");
    }
    merchant.post("/v1/merchant/customers/C-Person/erase", &json!({})).expect(200);
    for text in ["c-person", "anna m", "anna-l"] {
        assert_eq!(q(&merchant, text).len(), 0, "{text}");
    }
    let left = all_terms(&harness);
    assert!(
        left.iter().all(|term| !term.value.contains("person") && !term.value.contains("anna")),
        "{left:?}"
    );
}

#[test]
fn a_mistake_in_a_filter_is_told_with_its_name() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let long = "x".repeat(8_193);
    for (query, pointer) in [
        ("q=", "/q"),
        (&format!("q={long}"), "/q"),
        ("state=dead", "/state"),
        ("env=prod", "/env"),
        ("ends_before=tomorrow", "/ends_before"),
        ("ends_after=2026-02-30T00:00:00Z", "/ends_after"),
        ("ends_before=2026-01-01T00:00:00Z&ends_after=2026-01-01T00:00:00Z", "/ends_before"),
        ("customer=a%20b", "/customer"),
        ("product=Acme", "/product"),
        ("limit=0", "/limit"),
        ("cursor=x", "/cursor"),
        ("querry=x", "/querry"),
    ] {
        for path in [PATH.to_owned(), format!("{PATH}/export")] {
            assert_eq!(
                merchant.get(&format!("{path}?{query}")).expect(422).at("/pointer"),
                pointer,
                "{query}"
            );
        }
    }
    let reader = harness.bearer(&harness.token(&[Scope::Read]));
    reader.get(&format!("{PATH}/export?reveal=true")).expect(403);
    reader.get(&format!("{PATH}/export")).expect(200);
}

#[test]
fn another_merchant_finds_nothing_of_this_one() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    filled(&harness);
    let other = MerchantId::parse("other").expect("a slug");
    for text in [license.text_at("/id"), license.text_at("/license_key"), license.text_at("/claim_code")] {
        let filter = lictor::application::LicenseFilter { q: Some(text), ..Default::default() };
        let asked =
            |merchant: &MerchantId| harness.block_on(harness.app.view_licenses(merchant, &filter, None, 10));
        assert_eq!(asked(&other).expect("readable").0.len(), 0);
        assert_eq!(asked(&acme()).expect("readable").0.len(), 1);
    }
}

#[test]
fn what_ends_between_two_instants_comes_in_the_order_of_the_ends() {
    let harness = Harness::start();
    a_mixed_stock(&harness);
    let at = |text: &str| text.parse::<Instant>().expect("an instant");
    let (from, to) = (at("2026-02-28T08:00:00Z"), at("2027-01-31T08:00:00Z"));
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let merchant = acme();
        let page = harness.app.ending_between(&merchant, from, to, after.as_ref(), 2);
        let page = harness.block_on(page).expect("readable");
        found
            .extend(page.licenses.into_iter().map(|it| (it.value.known_end().expect("an end"), it.value.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
    assert!(found.len() > 3 && found.iter().all(|(end, _)| (from..to).contains(end)));
    let everything = harness.merchant().get(&format!("{PATH}?limit=200")).expect(200).at("/items");
    let wanted = everything.as_array().expect("items").iter().filter_map(|item| item["ends_at"].as_str());
    assert_eq!(found.len(), wanted.filter(|end| (from..to).contains(&at(end))).count());
}

#[test]
fn the_words_of_a_license_are_found_among_those_that_its_commit_wrote() {
    let harness = Harness::start();
    let id = LicenseId::parse(&issue(&harness, "cad-year").text_at("/id")).expect("an id");
    let key = RecordKey::License(acme(), id);
    let found =
        harness.block_on(harness.store.load(&[key])).expect("readable").remove(0).expect("it is there");
    assert_eq!(all_terms(&harness), terms_of(&found.value));
}
