//! Every kind of wrong call: the code that it is answered, the true cause in words, and nothing stored.

use serde_json::{Value, json};

use crate::desk::{Desk, KIT_KEY, OLD_KEY, OTHER_KEY, Sent, V1_KEY, good, new_instance};

/// A wrong call at a channel: what is answered, which words, which key fits.
struct Wrong {
    channel: &'static str,
    sent: Sent,
    /// A result code, or an HTTP status.
    answered: &'static str,
    words: &'static str,
    signed_by: Option<&'static str>,
}

fn wrong(
    channel: &'static str,
    sent: Sent,
    answered: &'static str,
    words: &'static str,
    signed_by: Option<&'static str>,
) -> Wrong {
    Wrong { channel, sent, answered, words, signed_by }
}

const CAD: &str = "cad-koogallery";
const OLD: &str = "cad-old";

/// Wrong because of who signed, or when.
fn of_keys_and_clocks(desk: &Desk) -> Vec<Wrong> {
    let body = new_instance("CS1");
    let by = |key: &str| desk.v2(CAD, key, 0, &body);
    let at = |skew_secs| desk.v2(CAD, good(), skew_secs, &body);
    let tenant = json!({ "flag": 1, "tenantId": "t" });
    vec![
        wrong(CAD, by(OLD_KEY), "000001", "signature fits the retired key cad-2025", Some("cad-2025")),
        wrong(
            CAD,
            by(OTHER_KEY),
            "000001",
            "signature fits the key other-1 of your channel cad-other: is this the right address?",
            Some("other-1"),
        ),
        wrong(CAD, by("nobody's key"), "000001", "the signature does not fit the channel's access key", None),
        wrong(
            CAD,
            by(KIT_KEY),
            "000001",
            "signed with the key kit-1, which is for the Kit; this call needs the key for callbacks",
            Some("kit-1"),
        ),
        wrong(
            CAD,
            desk.kit(CAD, good(), "tenantSync", &tenant),
            "000001",
            "signed with the key cad-2026, which is for callbacks; this call needs the key for the Kit",
            Some("cad-2026"),
        ),
        wrong(CAD, at(73), "000002", "your clock is 73 s behind the marketplace's", Some("cad-2026")),
        wrong(
            CAD,
            at(-73),
            "000002",
            "your clock is 73 s ahead of the marketplace's, or the call was held up on its way",
            Some("cad-2026"),
        ),
        wrong(
            CAD,
            at(28_800),
            "000002",
            "its time is 28800 s ahead of ours: Beijing time where UTC is wanted",
            Some("cad-2026"),
        ),
        wrong(
            CAD,
            desk.v2(CAD, "nobody's key", 73, &body),
            "000002",
            "its time lies 73 s ahead of ours and its signature fits no key: an old or forged call",
            None,
        ),
        wrong(
            CAD,
            desk.v2(CAD, OLD_KEY, 300, &body),
            "000002",
            "signature fits the retired key cad-2025",
            Some("cad-2025"),
        ),
        wrong(
            "cad-unset",
            desk.v2("cad-unset", "any", 0, &body),
            "000001",
            "no access key can be used: env:NOT_SET cannot be resolved on the server",
            None,
        ),
    ]
}

/// Wrong because of what somebody on the way did.
fn of_proxies(desk: &Desk) -> Vec<Wrong> {
    let compact = new_instance("CS1").to_string();
    let spaced =
        r#"{"activity": "newInstance", "businessId": "b-1", "orderId": "CS1", "orderLineId": "CS1-1"}"#;
    let reencoded =
        Sent { body: compact.clone().into_bytes(), ..desk.v2_as(CAD, good(), 0, "n-1", spaced.as_bytes()) };
    let sent = |nonce: &str| desk.v2_as(CAD, good(), 0, nonce, compact.as_bytes());
    let with = |sent: Sent, from: &str, to: &str| {
        assert!(sent.path.contains(from), "{}", sent.path);
        Sent { path: sent.path.replace(from, to), ..sent }
    };
    let seconds = {
        let secs = desk.now().timestamp().to_string();
        let signature =
            lictor::sandbox::signer::sign_callback(good(), &secs, "n-4", compact.as_bytes()).signature;
        let path = format!("/marketplace/acme/{CAD}?signature={signature}&timestamp={secs}000&nonce=n-4");
        Sent { path, ..sent("n-4") }
    };
    let in_base64 = {
        let plain = sent("n-5");
        let hex = plain.path.split(['=', '&']).nth(1).expect("the signature").to_owned();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
        let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
        with(
            plain,
            &hex,
            &crate::v1::encoded(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)),
        )
    };
    let cut = {
        let plain = sent("n-6");
        let hex = plain.path.split(['=', '&']).nth(1).expect("the signature").to_owned();
        with(plain, &hex, &hex[..40])
    };
    let old = |parameters: &[(&str, &str)]| desk.v1(OLD, V1_KEY, parameters);
    let query = [("activity", "queryInstance"), ("instanceId", "i+1")];
    let added = Sent { path: format!("{}&trace=1", old(&query).path), ..old(&query) };
    let token_cut = {
        let plain = old(&query);
        let (rest, _) = plain.path.rsplit_once("authToken=").expect("it is signed");
        Sent { path: format!("{rest}authToken=AAAA"), ..plain }
    };
    let key = Some("cad-2026");
    vec![
        wrong(
            CAD,
            reencoded,
            "000001",
            "a proxy re-encoded the body: it must be passed on byte for byte (the key cad-2026 fits once this is undone)",
            key,
        ),
        wrong(
            CAD,
            with(sent("n+2"), "n+2", "n%202"),
            "000002",
            "a proxy decoded `+` in the query as a blank: the query must be passed on as it is (the key cad-2026 fits once this is undone)",
            key,
        ),
        wrong(
            CAD,
            with(sent("n+3"), "n+3", "n%252B3"),
            "000001",
            "a proxy percent-encoded the query a second time: it must be passed on as it is (the key cad-2026 fits once this is undone)",
            key,
        ),
        wrong(
            CAD,
            seconds,
            "000001",
            "it was signed over a time in seconds and sent with one in milliseconds (the key cad-2026 fits once this is undone)",
            key,
        ),
        wrong(
            CAD,
            in_base64,
            "000001",
            "the signature is Base64 where hex digits are wanted (the key cad-2026 fits once this is undone)",
            key,
        ),
        wrong(
            CAD,
            cut,
            "000001",
            "the signature has 40 characters where 64 are wanted: cut off, or none at all",
            None,
        ),
        wrong(
            OLD,
            added,
            "000001",
            "a proxy added a parameter to the query: every parameter is signed (the key v1-2026 fits once this is undone)",
            Some("v1-2026"),
        ),
        wrong(
            OLD,
            with(old(&query), "i%2B1", "i%201"),
            "000001",
            "a proxy decoded `+` in the query as a blank: the query must be passed on as it is (the key v1-2026 fits once this is undone)",
            Some("v1-2026"),
        ),
        wrong(
            OLD,
            token_cut,
            "000001",
            "the signature has 4 characters where 44 are wanted: cut off, or none at all",
            None,
        ),
    ]
}

/// Wrong because of the family, the activity or the address.
fn of_families(desk: &Desk) -> Vec<Wrong> {
    let by_get = desk.v1(CAD, V1_KEY, &[("activity", "newInstance"), ("orderId", "CS1")]);
    let of = |activity: &str| desk.v2(CAD, good(), 0, &json!({ "activity": activity, "license": "x" }));
    let below =
        Sent { path: format!("/marketplace/acme/{CAD}/nothing/here"), ..desk.v2(CAD, good(), 0, &json!({})) };
    let key = Some("cad-2026");
    vec![
        wrong(
            CAD,
            by_get,
            "405",
            "called by GET, but saas-v2 takes POST: this looks like saas-v1: is the channel's protocol right?",
            None,
        ),
        wrong(
            OLD,
            desk.v2(OLD, V1_KEY, 0, &new_instance("CS1")),
            "405",
            "called by POST, but saas-v1 takes GET: this looks like saas-v2: is the channel's protocol right?",
            None,
        ),
        wrong(
            CAD,
            Sent { method: "GET", path: format!("/marketplace/acme/{CAD}"), headers: vec![], body: vec![] },
            "405",
            "called by GET, but saas-v2 takes POST: no marketplace calls so",
            None,
        ),
        wrong(
            CAD,
            Sent { method: "PUT", ..of("newInstance") },
            "405",
            "called by PUT, but saas-v2 takes POST: no marketplace calls so",
            None,
        ),
        wrong(
            CAD,
            of("refreshLicenseCode"),
            "000002",
            "the activity is none of saas-v2's but of license-code: is the channel's protocol right?",
            key,
        ),
        wrong(
            CAD,
            of("NEWINSTANCE"),
            "000002",
            "the activity is none of saas-v2's: letter case matters, newInstance is",
            key,
        ),
        wrong(
            CAD,
            of("orderCoffee"),
            "000002",
            "the activity is none of saas-v2's, nor of any other known protocol",
            key,
        ),
        wrong(CAD, below, "404", "the production address has no such sub-path for this protocol", None),
    ]
}

/// Wrong because of what the call says, or how.
fn of_contents(desk: &Desk) -> Vec<Wrong> {
    let with = |name: &str, value: Value| {
        let mut body = new_instance("CS1");
        body[name] = value;
        desk.v2(CAD, good(), 0, &body)
    };
    let bare = |body: &[u8]| Sent { body: body.to_vec(), ..desk.v2(CAD, good(), 0, &json!({})) };
    let without = |name: &str| {
        let sent = desk.v2(CAD, good(), 0, &new_instance("CS1"));
        Sent { path: sent.path.replace(&format!("{name}="), "x="), ..sent }
    };
    let twice = desk.v2(CAD, good(), 0, &new_instance("CS1"));
    let twice = Sent { path: format!("{}&nonce=again", twice.path), ..twice };
    let status = json!({ "activity": "updateInstanceStatus", "instanceId": "i", "status": "MELT" });
    let release = json!({ "activity": "releaseInstance", "instanceId": "nobody-knows" });
    let key = Some("cad-2026");
    vec![
        wrong(CAD, with("orderId", Value::Null), "000002", "the parameter orderId is missing", key),
        wrong(
            CAD,
            with("orderId", "C".repeat(65).into()),
            "000002",
            "the parameter orderId is longer than 64",
            key,
        ),
        wrong(
            CAD,
            desk.v2(CAD, good(), 0, &status),
            "000002",
            "the parameter status does not have its documented form",
            key,
        ),
        wrong(CAD, without("signature"), "000001", "the call is not signed", None),
        wrong(CAD, without("timestamp"), "000002", "the query parameter timestamp is missing", None),
        wrong(CAD, twice, "000002", "a query parameter stands there twice", None),
        wrong(CAD, bare(br#"{"a":1,"a":2}"#), "400", "the body names a member twice", None),
        wrong(CAD, bare(br#"{"activity":"#), "400", "the body is no JSON object", None),
        wrong(
            CAD,
            bare(format!("{{\"a\":{}1{}}}", "[".repeat(20), "]".repeat(20)).as_bytes()),
            "400",
            "the body is nested deeper than 16 levels",
            None,
        ),
        wrong(CAD, bare(&[b' '; 64 * 1024 + 1]), "413", "too large: at most 65536 bytes are read", None),
        wrong(
            CAD,
            bare(&vec![b' '; 1024 * 1024 + 1]),
            "413",
            "too large: at most 1048576 bytes are read",
            None,
        ),
        wrong(
            CAD,
            desk.v2(CAD, good(), 0, &release),
            "000003",
            "there is no such instance here; was it sold before, and not imported?",
            key,
        ),
    ]
}

fn replayed(desk: &Desk) -> Wrong {
    let first = desk.v2_as(CAD, good(), 0, "used-once", new_instance("CS9").to_string().as_bytes());
    assert_eq!(desk.send(&first).at("/resultCode"), "000004");
    let other = desk.v2_as(CAD, good(), 0, "used-once", new_instance("CS10").to_string().as_bytes());
    let words = "the nonce was used before by another call: replayed with other content";
    wrong(CAD, other, "000002", words, Some("cad-2026"))
}

#[test]
fn each_kind_of_wrong_call_is_named_by_its_true_cause_and_stores_nothing() {
    let desk = Desk::open();
    let mut all = vec![replayed(&desk)];
    all.extend(of_keys_and_clocks(&desk));
    all.extend(of_proxies(&desk));
    all.extend(of_families(&desk));
    all.extend(of_contents(&desk));
    assert!(all.len() >= 40, "{}", all.len());
    let before = desk.records();
    for Wrong { channel, sent, answered, words, signed_by } in &all {
        let answer = desk.send(sent);
        let code = serde_json::from_str::<Value>(&answer.text).ok();
        let code = code.and_then(|body| body["resultCode"].as_str().map(str::to_owned));
        assert_eq!(code.unwrap_or_else(|| answer.status.to_string()), *answered, "{words}: {answer:?}");
        let call = desk.newest(channel);
        assert_eq!(call["cause"], *words, "{sent:?}");
        assert_eq!(call["signed_by"], json!(signed_by), "{words}");
        let seen = call["result_code"].as_str().map_or_else(|| call["status"].to_string(), str::to_owned);
        assert_eq!((seen.as_str(), &call["refused"]), (*answered, &json!(true)), "{words}");
        assert_eq!(desk.records(), before, "{words}");
    }
    desk.flush();
    assert_eq!(desk.records(), before);
    // No refused call that nobody signed is quoted, and no secret stands anywhere.
    let shown = desk.calls(CAD, "limit=200").to_string() + &desk.show(CAD).to_string();
    for secret in [good(), OLD_KEY, KIT_KEY, "nonce-", "signature=", "CS1\""] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn the_answer_is_the_same_whether_or_not_the_cause_is_looked_for() {
    let desk = Desk::open();
    // Beyond the budget nothing is looked for any more.
    let answers: Vec<_> = (0..80)
        .map(|_| {
            let answer = desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
            (answer.status, answer.header("body-sign").map(str::to_owned), answer.text)
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let calls = desk.calls(CAD, "limit=200");
    let causes: std::collections::BTreeSet<_> = calls["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| call["cause_code"].to_string())
        .collect();
    assert_eq!(causes.len(), 2, "some are explained, the others are told plainly: {causes:?}");
}

#[test]
fn causes_are_told_in_the_reader_s_language() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    let reader = desk.api.with("Accept-Language", "zh-CN");
    let path = format!("/v1/merchant/channels/{CAD}/calls");
    assert_eq!(reader.get(&path).expect(200).at("/items/0/cause"), "签名与已停用的密钥 cad-2025 匹配");
    let notice = reader.get(&format!("/v1/merchant/channels/{CAD}")).expect(200).at("/recent_notices/0");
    assert_eq!(notice["kind"], "callback.rejected");
    assert_eq!(notice["cause"], "签名与已停用的密钥 cad-2025 匹配");
}

/// The other marketplace's calls are explained by the same means: nothing of them is KooGallery's.
#[test]
fn an_event_of_a_shop_is_explained_too() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let desk = Desk::open();
    let secret = |letter: u8| format!("whsec_{}", STANDARD.encode([letter; 32]));
    desk.harness.world.set_secret("SHOP_NEW", &secret(b'n'));
    desk.harness.world.set_secret("SHOP_OLD", &secret(b'o'));
    let channel = "[[channel]]\nid = \"shop\"\nprotocol = \"standard-webhooks\"\nproducts = [\"acme-cad\"]\n\
        [[channel.access_key]]\nid = \"new\"\nvalue = \"env:SHOP_NEW\"\n\
        [[channel.access_key]]\nid = \"old\"\nvalue = \"env:SHOP_OLD\"\nretired = true\n";
    desk.harness.apply(&format!("{}\n{channel}", desk.catalog()));
    let event = |letter: u8, skew_secs: i64, body: &str| {
        let timestamp = (desk.now().timestamp() + skew_secs).to_string();
        let mut mac: Hmac<sha2::Sha256> = Hmac::new_from_slice(&[letter; 32]).expect("any length");
        mac.update(format!("msg_1.{timestamp}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        Sent {
            method: "POST",
            path: "/marketplace/acme/shop".to_owned(),
            headers: vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", signature),
            ],
            body: body.as_bytes().to_vec(),
        }
    };
    let test = r#"{"type":"test","timestamp":"2026-01-31T08:00:00Z","data":{}}"#;
    let other = r#"{"type":"newInstance","timestamp":"2026-01-31T08:00:00Z","data":{}}"#;
    let cases = [
        (event(b'o', 0, test), "signature fits the retired key old"),
        (event(b'x', 0, test), "the signature does not fit the channel's access key"),
        (event(b'n', 400, test), "your clock is 400 s behind the marketplace's"),
        (
            event(b'n', 0, other),
            "the activity is none of standard-webhooks's but of saas-v2, license-online, license-code, saas-v1: \
             is the channel's protocol right?",
        ),
        (
            Sent { method: "GET", body: vec![], ..event(b'n', 0, test) },
            "called by GET, but standard-webhooks takes POST: no marketplace calls so",
        ),
    ];
    let before = desk.records();
    for (sent, words) in cases {
        assert!(desk.send(&sent).status >= 400, "{words}");
        assert_eq!(desk.newest("shop")["cause"], words);
        assert_eq!(desk.records(), before);
    }
    assert_eq!(desk.send(&event(b'n', 0, test)).status, 200);
    assert_eq!(desk.show("shop")["activities"][9]["passed"], true);
}
