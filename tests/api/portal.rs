//! The customer's pages.

use lictor::application::ports::{Clock as _, Commit, Store as _};
use lictor::domain::{Actor, AuditEvent, EventId, EventKind, LicenseId, MerchantId, Scope};
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::people::{activate, issue};
use crate::support::{Harness, World};

/// Sends a form as a browser does that has JavaScript switched off.
fn typed(harness: &Harness, language: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    send(harness, language, path, &pairs.collect::<Vec<_>>().join("&"))
}

fn send(harness: &Harness, language: &str, path: &str, form: &str) -> Answer {
    let customer = harness.anonymous().with("Accept-Language", language);
    customer.with("Content-Type", "application/x-www-form-urlencoded").send("POST", path, form.as_bytes())
}

/// A license with a machine on it: claim code, license key and id.
fn sold(harness: &Harness) -> (String, String, String) {
    let license = issue(harness, "cad-year").text_at("/id");
    let shown = harness
        .bearer(&harness.token(&[Scope::Read, Scope::Keys]))
        .get(&format!("/v1/merchant/licenses/{license}?reveal=true"))
        .expect(200);
    (shown.text_at("/claim_code"), shown.text_at("/license_key"), license)
}

fn activations(harness: &Harness, license: &str) -> Vec<(String, String)> {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    let all = shown.at("/activations").as_array().cloned().unwrap_or_default();
    let text = |one: &Value, name: &str| one[name].as_str().expect("a text").to_owned();
    all.iter().map(|one| (text(one, "id"), text(one, "state"))).collect()
}

/// What is read on a page: no tags, no style, nothing inside of fields and pictures.
fn visible(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = tag.split_once('>').expect("tags are closed");
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        rest = match name {
            "style" | "textarea" | "svg" => after.split_once(&format!("</{name}>")).expect("it ends").1,
            _ => after,
        };
        text.push(' ');
    }
    text.push_str(rest);
    text
}

/// A page of this language: its own words, and none of the other.
#[track_caller]
fn is_in(language: &str, answer: &Answer) {
    let text = visible(&answer.text);
    let tag = if language == "en" { "lang=\"en\"" } else { "lang=\"zh-CN\"" };
    assert!(answer.text.contains(&format!("<html {tag}>")), "{}", answer.text);
    let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    if language == "en" {
        assert!(!text.replace("中文", "").contains(is_chinese), "{text}");
    } else {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_english =
            |word: &str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_lowercase());
        assert!(!words.windows(2).any(|pair| pair.iter().all(|word| is_english(word))), "{text}");
        assert!(text.contains(is_chinese), "{text}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let policy = answer.header("content-security-policy").expect("there is one");
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!answer.text.contains("<script") && !answer.text.contains("javascript:"), "{}", answer.text);
    // Screen readers: each field is labelled; nothing is reached by pictures alone.
    for field in answer.text.split("<textarea ").skip(1).chain(answer.text.split("type=\"file\"").take(0)) {
        let id = field.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
        assert!(answer.text.contains(&format!("<label for=\"{id}\">")), "{id}");
    }
    assert_eq!(
        answer.text.matches("<svg").count(),
        answer.text.matches("role=\"img\" aria-label=\"").count()
    );
}

#[test]
fn a_code_or_key_shows_the_license_in_the_readers_language_and_the_switch_shows_it_in_the_other() {
    let harness = Harness::start();
    let (code, key, license) = sold(&harness);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    let wrapped = format!("{}\n  {}", &key[..100], &key[100..]);
    let armoured = typed(&harness, "en", "/portal/key-file", &[("code", &code)]).expect(200);
    assert!(armoured.header("content-disposition").is_some_and(|it| it.contains("license-key.txt")));
    for (language, other) in [("en", "zh-CN"), ("zh-CN", "en")] {
        let empty = harness.anonymous().with("Accept-Language", language).get("/portal").expect(200);
        is_in(language, &empty);
        let chosen = harness.anonymous().with("Accept-Language", other);
        is_in(language, &chosen.get(&format!("/portal?lang={language}")).expect(200));
        for shown in [code.to_lowercase().as_str(), &key, &wrapped, &armoured.text] {
            let answer = typed(&harness, language, "/portal", &[("code", shown)]).expect(200);
            is_in(language, &answer);
            // On the merchant's clock, and said so.
            let ends =
                if language == "en" { "31 Jan 2027, 16:00 UTC+8" } else { "2027年1月31日 16:00 UTC+8" };
            for part in [key.as_str(), &license, "Acme CAD", "Yearly", "desk 1", ends, "1,000.5", "<svg"] {
                assert!(answer.text.contains(part), "{part}: {}", answer.text);
            }
            let switched =
                typed(&harness, language, "/portal", &[("code", shown), ("lang", other)]).expect(200);
            is_in(other, &switched);
        }
    }
}

#[test]
fn what_is_unknown_foreign_or_malformed_is_refused_alike_and_what_was_typed_stays() {
    let harness = Harness::start();
    let strange = Harness::start_in(World::new(), &crate::support::Engine::Memory(Default::default()));
    strange.apply(&crate::support::acme(&strange.world.sandbox));
    let (foreign_code, foreign, _) = sold(&strange);
    let (_, key, _) = sold(&harness);
    let (before, changed) = key.split_at(key.len() - 9);
    let other = if changed.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{before}{other}{}", &changed[1..]);
    let unlike = |code: &str| {
        let answer = typed(&harness, "en", "/portal", &[("code", code)]).expect(200);
        is_in("en", &answer);
        assert!(
            answer.text.contains(&format!("spellcheck=\"false\" aria-describedby=\"code-hint\">{code}<"))
        );
        let (status, headers, text) = answer.without_request_id();
        let headers: Vec<_> = headers.into_iter().filter(|(name, _)| name != "content-length").collect();
        (status, headers, text.replace(code, ""))
    };
    let first = unlike("AAAAA");
    assert!(first.2.contains("role=\"alert\""));
    for code in
        [foreign_code.as_str(), &foreign, &forged, "a.b.c", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", "密钥XYZ"]
    {
        assert_eq!(unlike(code), first, "{code}");
    }
    // A code in the address is nobody's: it is not even looked at.
    let by_address = harness.anonymous().get(&format!("/portal?code={key}")).expect(200);
    assert!(!by_address.text.contains(&key));
}

#[test]
fn hostile_texts_in_any_field_become_no_markup_change_nothing_and_are_answered_in_words() {
    let harness = Harness::start();
    let (code, key, license) = sold(&harness);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    let before = activations(&harness, &license);
    let long = "x".repeat(60_000);
    let hostile = [
        "",
        "\"><script>alert(1)</script>",
        "' onfocus=alert(1) '",
        "\u{0}\u{1b}[31m",
        "../../etc/passwd",
        "%00%ff",
        "\u{202e}evil",
        "{{ 7*7 }}",
        "-----BEGIN LICENSE REQUEST-----",
        "LICENSE-PART:1/1:aaaa:bbbb:x",
        "a.b.c",
        &long,
    ];
    let fields = ["lang", "activation", "confirm", "request", "file", "as"];
    let paths =
        ["/portal", "/portal/release", "/portal/air-gap", "/portal/key-file", "/portal/status-list-file"];
    for path in paths {
        for text in hostile {
            let hostile_fields: Vec<_> = fields.iter().map(|field| (*field, text)).collect();
            let with_code: Vec<_> = [("code", code.as_str())].into_iter().chain(hostile_fields).collect();
            let without: Vec<_> = with_code.iter().map(|(name, _)| (*name, text)).collect();
            // All fields together are a form that is too long; each alone is not.
            let is_long = text.len() > 1_000;
            let sent: Vec<&[(&str, &str)]> = if is_long { Vec::new() } else { vec![&with_code, &without] };
            let mut answers: Vec<Answer> =
                sent.into_iter().map(|sent| typed(&harness, "zh-CN", path, sent)).collect();
            if is_long {
                answers.push(send(&harness, "zh-CN", path, &format!("code={text}")));
                answers.push(send(&harness, "zh-CN", path, &format!("request={text}")));
            }
            for answer in answers {
                assert_eq!(answer.status, 200, "{path} {text:.40}: {answer:?}");
                assert!(
                    !answer.text.contains("<script") && !answer.text.contains("' onfocus"),
                    "{path} {text}"
                );
                assert!(!answer.text.contains(">49<"), "{path}");
            }
        }
    }
    for form in ["code", "code=%FF", "&&&&", "=", &"a=1&".repeat(40)] {
        let answer = send(&harness, "en", "/portal", form).expect(200);
        assert!(answer.text.contains("role=\"alert\""), "{form}");
    }
    let broken = harness.anonymous().with("Content-Type", "multipart/form-data; boundary=x");
    is_in(
        "en",
        &broken
            .send("POST", "/portal/air-gap", b"--x\r\nContent-Disposition: form-data; name=\"a")
            .expect(200),
    );
    send(&harness, "en", "/portal", &"x".repeat(70_000)).expect_problem(413, "too_large");
    assert_eq!(activations(&harness, &license), before);
}

#[test]
fn a_machine_is_released_after_a_question_and_by_hand_only_so_often() {
    let harness = Harness::start();
    let (code, key, license) = sold(&harness);
    for number in 1..=3 {
        activate(&harness.anonymous(), &key, number, &format!("n{number}")).expect(201);
    }
    activate(&harness.anonymous(), &key, 4, "n4").expect_problem(409, "machine_limit_reached");
    let id = |place: usize| activations(&harness, &license)[place].0.clone();
    let (first, second) = (id(0), id(1));
    for language in ["en", "zh-CN"] {
        let asked = typed(&harness, language, "/portal/release", &[("code", &code), ("activation", &first)])
            .expect(200);
        is_in(language, &asked);
        assert!(asked.text.contains("name=\"confirm\"") && asked.text.contains("desk 1"), "{}", asked.text);
    }
    assert_eq!(activations(&harness, &license)[0].1, "held", "asking releases nothing");
    let release = |code: &str, activation: &str| {
        let fields = [("code", code), ("activation", activation), ("confirm", "yes")];
        typed(&harness, "en", "/portal/release", &fields).expect(200)
    };
    let other = sold(&harness).0;
    assert!(release(&other, &first).text.contains("role=\"alert\""), "another license's machine");
    assert!(release(&key, &first).text.contains("role=\"status\""));
    assert_eq!(activations(&harness, &license)[0].1, "ended");
    assert!(release(&key, &first).text.contains("role=\"alert\""), "it is gone");
    activate(&harness.anonymous(), &key, 4, "n4").expect(201);

    // Twice more in these 30 days, not three times.
    assert!(release(&key, &second).text.contains("role=\"status\""));
    let third = id(2);
    assert!(release(&key, &third).text.contains("role=\"status\""));
    let fourth = id(3);
    let refused = release(&key, &fourth);
    assert!(
        refused.text.contains("3 times within 30 days") && refused.text.contains("2026-03-02T08:00:00Z"),
        "{}",
        refused.text
    );
    assert_eq!(activations(&harness, &license)[3].1, "held");
    let in_chinese = [("code", key.as_str()), ("activation", &fourth), ("confirm", "yes")];
    let refused = typed(&harness, "zh-CN", "/portal/release", &in_chinese).expect(200);
    is_in("zh-CN", &refused);
    harness.world.clock.advance(std::time::Duration::from_secs(29 * 86_400));
    assert!(release(&key, &fourth).text.contains("role=\"alert\""));
    harness.world.clock.advance(std::time::Duration::from_secs(86_400 + 1));
    assert!(release(&key, &fourth).text.contains("role=\"status\""), "its lease is over, and the month too");
}

#[test]
fn a_move_by_hand_counts_for_30_days_whatever_else_happened_since() {
    let harness = Harness::start();
    let (code, key, license) = sold(&harness);
    let id = LicenseId::parse(&license).expect("an id");
    let now = harness.world.clock.now();
    // Between the sale and the moves: ids begin with their milliseconds.
    harness.world.clock.advance(std::time::Duration::from_secs(60));
    let millis = u128::try_from(now.timestamp_millis()).expect("after 1970") + 1_000;
    let mut noise = Commit::new();
    for number in 0..1_200 {
        noise = noise.set(AuditEvent {
            id: EventId::from_uuid(((millis + number) << 80) | (0x7 << 76)),
            merchant: MerchantId::parse("acme").expect("valid"),
            subject: id.clone().into(),
            at: now,
            actor: Actor::Server,
            kind: EventKind::ActivationReleased,
            detail: std::collections::BTreeMap::new(),
        });
    }
    harness.block_on(harness.store.commit(noise)).expect("the store works");
    let mut released = Vec::new();
    for number in 1..=4 {
        activate(&harness.anonymous(), &key, number, &format!("n{number}")).expect(201);
        let held = activations(&harness, &license).into_iter().find(|one| one.1 == "held").expect("one").0;
        let fields = [("code", code.as_str()), ("activation", &held), ("confirm", "yes")];
        let answer = typed(&harness, "en", "/portal/release", &fields).expect(200);
        released.push(answer.text.contains("role=\"status\""));
    }
    assert_eq!(released, [true, true, true, false]);
}

#[test]
fn a_key_that_was_replaced_opens_nothing_and_one_that_was_renewed_shows_the_current() {
    let harness = Harness::start();
    let (code, key, license) = sold(&harness);
    let machine = activate(&harness.anonymous(), &key, 1, "n1").expect(201).text_at("/activation_id");
    for (reason, keep) in [("lost", "all"), ("leaked", "all")] {
        let path = format!("/v1/merchant/licenses/{license}/reissue");
        harness.merchant().post(&path, &json!({ "reason": reason, "keep": keep })).expect(200);
        let refused = typed(&harness, "zh-CN", "/portal", &[("code", &key)]).expect(200);
        is_in("zh-CN", &refused);
        assert!(refused.text.contains("role=\"alert\"") && !refused.text.contains("<svg"));
        let by_force = [("code", key.as_str()), ("activation", &machine), ("confirm", "yes")];
        typed(&harness, "en", "/portal/release", &by_force).expect(200);
        let old_file = typed(&harness, "en", "/portal/key-file", &[("code", &key)]).expect(200);
        assert!(old_file.header("content-disposition").is_none(), "nor as a file");
        assert_eq!(activations(&harness, &license)[0].1, "held", "nobody else's machine is released");
        let by_code = typed(&harness, "en", "/portal", &[("code", &code)]);
        assert!(by_code.text.contains("role=\"alert\""), "its code is old");
    }

    let shop = harness.storefront();
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let instance = shop.buy(basket).expect("the service answers").answer.instance_id().to_owned();
    harness.settle();
    let all = harness.merchant().get("/v1/merchant/licenses").expect(200);
    let bought = all.at("/items/0/id").as_str().expect("an id").to_owned();
    let path = format!("/v1/merchant/licenses/{bought}?reveal=true");
    let shown = || harness.bearer(&harness.token(&[Scope::Read, Scope::Keys])).get(&path).expect(200);
    let before = shown().text_at("/license_key");
    shop.renew(&instance, Period::Years(1)).expect("the service answers");
    harness.settle();
    let after = shown().text_at("/license_key");
    assert_ne!(before, after);
    let page = typed(&harness, "en", "/portal", &[("code", &before)]).expect(200);
    assert!(page.text.contains("<svg") && page.text.contains(&after), "the current key");
}
