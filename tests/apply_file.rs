//! The apply file: what is valid becomes what it says, and each mistake is told with its line.

use std::time::Duration;

use lictor::catalog::{
    APPLY_FILE_BYTES_MAX, ApplyContext, PROTOCOLS, PROTOCOLS_SERVED, parse_apply_file, parse_apply_file_in,
    sample,
};
use lictor::domain::{
    AccessKeyUse, Binding, Enforcement, MachineLimit, Marketplace, Multiply, Overage, ProductId, ReadyRule,
    ResetWindow, Scope, SecretRef, SpecKind, SpecTerm, Starts, StatusPolicy, Term, WhenFull, WindowAlignment,
};

const DAY: Duration = Duration::from_secs(86_400);

/// The whole of it, every member other than its default.
const FULL: &str = r#"
[merchant]
id = "acme"
name = { zh = "艾克米", en = "Acme Software" }
issuer = "https://license.acme.example"
time_zone = "Europe/Berlin"
locale = "en"

[[product]]
id = "acme-cad"
name = "Acme CAD"
front_end_url = "https://cad.acme.example/start"
memo = "{claim_code} {portal_url}"

[[spec]]
id = "cad-pro"
product = "acme-cad"
sku = ["CAD-PRO", "CAD-PRO-2"]
product_ids = ["OFFI0001"]
name = "Pro"
term = "permanent"
machines = "unlimited"
multiply = "quota"
entitlements = ["export", "render"]
attributes = { edition = "pro" }
updates = "P1Y"
starts = "first-activation"
kind = "package"
[spec.offline]
lease_days = 10
renew_after_days = 2
air_gap_lease_days = 100
status = "require"
max_status_age_days = 5
grace_days = 0
enforcement = "warn"
[spec.machine]
binding = "floating"
floating_lease_minutes = 5
when_full = "replace-idle"
moves_per_30_days = 9
[[spec.quota]]
metric = "render-minutes"
unit = "minute"
amount = 0.5
reset = "week"
window = "calendar"
overage = "count"
alert_percent = [50]

[[spec]]
id = "cad-start"
product = "acme-cad"
changes_to = ["cad-max"]

[[spec]]
id = "cad-max"
product = "acme-cad"
changes_to = []

[[channel]]
id = "cad-koogallery"
marketplace = "koogallery"
protocol = "license-online"
products = ["acme-cad"]
open_api = { base_url = "http://127.0.0.1:9000/", access_key = "env:ACME_AK", secret_key = "file:/run/sk" }
ready = "app-info"
[[channel.access_key]]
id = "cad-2026"
use = "kit"
value = "file:/run/key"

[[api_token]]
name = "ci"
scopes = ["read", "issue"]
value = "env:ACME_API_TOKEN"
"#;

#[test]
fn a_full_file_becomes_what_it_says() {
    let file = parse_apply_file(FULL).expect("valid");
    let merchant = file.merchant.expect("given");
    assert_eq!((merchant.id.as_str(), merchant.name.for_locale("zh-CN")), ("acme", "艾克米"));
    assert_eq!((merchant.time_zone.as_str(), merchant.locale.as_str()), ("Europe/Berlin", "en"));
    assert_eq!(file.products[0].front_end_url, "https://cad.acme.example/start");
    assert_eq!(file.products[0].memo.for_locale("en"), "{claim_code} {portal_url}");
    let spec = &file.specs[0];
    assert_eq!(spec.skus.iter().map(|sku| sku.as_str()).collect::<Vec<_>>(), ["CAD-PRO", "CAD-PRO-2"]);
    assert_eq!(spec.product_ids, ["OFFI0001"]);
    assert_eq!((spec.term, spec.updates), (SpecTerm::Fixed(Term::Permanent), Some(Term::Years(1))));
    assert_eq!((spec.machines, spec.multiply), (MachineLimit::Unlimited, Multiply::Quota));
    assert_eq!((spec.starts, spec.kind), (Starts::FirstActivation, SpecKind::Package));
    assert_eq!(spec.attributes.get("edition").map(String::as_str), Some("pro"));
    let offline = &spec.offline;
    assert_eq!((offline.lease, offline.renew_after, offline.air_gap_lease), (10 * DAY, 2 * DAY, 100 * DAY));
    assert_eq!((offline.max_status_age, offline.grace), (5 * DAY, Duration::ZERO));
    assert_eq!((offline.status, offline.enforcement), (StatusPolicy::Require, Enforcement::Warn));
    assert_eq!((spec.machine.binding, spec.machine.when_full), (Binding::Floating, WhenFull::ReplaceIdle));
    assert_eq!((spec.machine.floating_lease, spec.machine.moves_per_30_days), (Duration::from_secs(300), 9));
    let quota = &spec.quota[0];
    assert_eq!((quota.amount.to_string().as_str(), quota.reset), ("0.5", ResetWindow::Week));
    assert_eq!((quota.window, quota.overage), (WindowAlignment::Calendar, Overage::Count));
    assert_eq!(quota.alert_percent, [50]);
    let channel = &file.channels[0];
    assert_eq!(
        (channel.protocol.0.as_str(), channel.marketplace),
        ("license-online", Marketplace::KooGallery)
    );
    assert_eq!((channel.access_keys[0].used_for, channel.ready), (AccessKeyUse::Kit, ReadyRule::AppInfo));
    assert_eq!(channel.access_keys[0].value, SecretRef::File("/run/key".into()));
    assert_eq!(channel.open_api.as_ref().expect("given").base_url, "http://127.0.0.1:9000");
    assert_eq!(file.api_tokens[0].scopes, [Scope::Read, Scope::Issue]);
}

#[test]
fn a_short_file_gets_the_defaults() {
    let text = "[merchant]\nid='acme'\nissuer='https://a.example'\n[[product]]\nid='p'\n[[spec]]\nproduct='p'\nsku='S1'\n\
        [[channel]]\nid='c'\nprotocol='saas-v2'\nproducts=['p']\naccess_keys=['env:NEW','env:OLD']\n";
    let file = parse_apply_file(text).expect("valid");
    let merchant = file.merchant.expect("given");
    assert_eq!((merchant.name.for_locale("en"), merchant.time_zone.as_str()), ("acme", "Asia/Shanghai"));
    let spec = &file.specs[0];
    assert_eq!((spec.id.as_str(), spec.name.for_locale("en")), ("S1", "S1"));
    assert_eq!((spec.term, spec.machines), (SpecTerm::AsOrdered, MachineLimit::AtMost(1)));
    assert_eq!((spec.offline.lease, spec.offline.renew_after), (30 * DAY, 7 * DAY));
    assert!(file.products[0].memo.for_locale("zh").contains("{claim_code}"));
    let channel = &file.channels[0];
    let keys: Vec<_> = channel.access_keys.iter().map(|key| (key.id.as_str(), key.used_for)).collect();
    assert_eq!(keys, [("1", AccessKeyUse::Callbacks), ("2", AccessKeyUse::Callbacks)]);
    assert_eq!((channel.ready, channel.open_api.is_none()), (ReadyRule::Minted, true));
}

#[test]
fn an_empty_file_is_valid_and_says_nothing() {
    let file = parse_apply_file("# nothing yet\n").expect("valid");
    assert_eq!(file, lictor::catalog::ApplyFile::default());
}

#[test]
fn a_shorter_lease_alone_still_renews_before_its_end() {
    let text = FULL.replace("lease_days = 10\nrenew_after_days = 2\n", "lease_days = 4\n");
    let file = parse_apply_file(&text).expect("valid");
    assert_eq!((file.specs[0].offline.lease, file.specs[0].offline.renew_after), (4 * DAY, 2 * DAY));
}

#[test]
fn every_sample_is_valid() {
    for protocol in PROTOCOLS {
        let text = sample(protocol).expect("a known protocol");
        let file = parse_apply_file(&text).unwrap_or_else(|mistakes| panic!("{protocol}: {mistakes:#?}"));
        assert_eq!(file.channels[0].protocol.0, *protocol);
        assert_eq!(file.specs.len(), 4);
        // What is commented out is valid too.
        let uncommented: String = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = ") || rest.starts_with("[["))
                    .unwrap_or(line)
            })
            .fold(String::new(), |all, line| all + line + "\n");
        parse_apply_file(&uncommented).unwrap_or_else(|mistakes| panic!("{protocol}: {mistakes:#?}"));
    }
    assert_eq!(sample("saas-v3"), None);
}

#[test]
fn products_that_the_merchant_has_already_may_be_named() {
    let text = "[[spec]]\nid='s'\nproduct='old'\n";
    let mistakes = parse_apply_file(text).expect_err("nothing is known");
    assert_eq!(
        mistakes[0].to_string(),
        "line 3: /spec/0/product: there is no product `old`; add a [[product]] with `id = \"old\"`"
    );
    let known_products = vec![ProductId::parse("old").expect("valid")];
    let context = ApplyContext { known_products, ..ApplyContext::default() };
    assert_eq!(parse_apply_file_in(text, &context).map(|file| file.specs.len()), Ok(1));
}

#[test]
fn whoever_applies_gets_all_that_can_be_written_served() {
    let context = ApplyContext { only_served: true, ..ApplyContext::default() };
    assert_eq!(parse_apply_file_in(FULL, &context).map(|file| file.specs.len()), Ok(3));
    for protocol in PROTOCOLS {
        let served = PROTOCOLS_SERVED.contains(protocol);
        assert_eq!(lictor::marketplace::protocol_for(protocol).is_some(), served, "{protocol}");
        let sample = sample(protocol).expect("a known protocol");
        assert_eq!(parse_apply_file_in(&sample, &context).is_ok(), served, "{protocol}");
    }
}

#[test]
fn only_the_operator_gives_operator_tokens() {
    let text = "[[api_token]]\nname='ops'\nscopes=['operator']\nvalue='env:X'\n";
    assert_eq!(parse_apply_file(text).expect_err("refused")[0].line, 3);
    let context = ApplyContext { may_grant_operator: true, ..ApplyContext::default() };
    assert_eq!(
        parse_apply_file_in(text, &context).map(|file| file.api_tokens[0].scopes.clone()),
        Ok(vec![Scope::Operator])
    );
}

/// Replaces a piece of the full file: exactly one mistake, so many lines below the replacement's first line (what
/// is missing is told at the head of its table), at the pointer, with words that say what to write.
const MISTAKES: &[(&str, &str, isize, &str, &str)] = &[
    // merchant
    ("id = \"acme\"\n", "id = \"Acme Inc\"\n", 0, "/merchant/id", "write for example \"acme-inc\""),
    ("id = \"acme\"\n", "", -1, "/merchant", "`id` is missing; write for example `id = \"acme\"`"),
    ("id = \"acme\"\n", "id = 7\n", 0, "/merchant/id", "must be a string in quotes, not a whole number"),
    (
        "zh = \"艾克米\"",
        "cn = \"艾克米\"",
        0,
        "/merchant/name/cn",
        "there is no member `cn`; did you mean `en`?",
    ),
    (
        "{ zh = \"艾克米\", en = \"Acme Software\" }",
        "{}",
        0,
        "/merchant/name",
        "must have a text in `zh` or `en`",
    ),
    (
        "{ zh = \"艾克米\", en = \"Acme Software\" }",
        "[\"Acme\"]",
        0,
        "/merchant/name",
        "must be a string in quotes, or { zh",
    ),
    ("{ zh = \"艾克米\", en = \"Acme Software\" }", "\" \"", 0, "/merchant/name", "must not be empty"),
    ("\"Acme Software\"", "\"a\\u001b[31m\"", 0, "/merchant/name/en", "control characters"),
    (
        "issuer = \"https://license.acme.example\"",
        "issuer = \"acme\"",
        0,
        "/merchant/issuer",
        "must be an address such as",
    ),
    (
        "issuer = \"https://license.acme.example\"",
        "isuer = \"https://x.example\"\nissuer = \"https://x.example\"",
        0,
        "/merchant/isuer",
        "did you mean `issuer`?",
    ),
    ("\"Europe/Berlin\"", "\"CET+1 \"", 0, "/merchant/time_zone", "such as \"Asia/Shanghai\" or \"UTC\""),
    ("locale = \"en\"", "locale = \"English\"", 0, "/merchant/locale", "such as \"zh-CN\" or \"en\""),
    ("[merchant]", "[mechant]\nx = 1\n[merchant]", 0, "/mechant", "did you mean `merchant`?"),
    // product
    ("name = \"Acme CAD\"", "nmae = \"Acme CAD\"", 0, "/product/0/nmae", "did you mean `name`?"),
    (
        "\"https://cad.acme.example/start\"",
        "\"cad.acme.example\"",
        0,
        "/product/0/front_end_url",
        "https://example.com",
    ),
    (
        "\"{claim_code} {portal_url}\"",
        "\"{license_key}\"",
        0,
        "/product/0/memo",
        "only {claim_code} and {portal_url}",
    ),
    (
        "memo = \"{claim_code} {portal_url}\"",
        "[[product]]\nid = \"acme-cad\"",
        1,
        "/product/1/id",
        "stands in this file already",
    ),
    // spec
    ("id = \"cad-pro\"", "id = \"cad pro\"", 0, "/spec/0/id", "write for example \"cad-pro\""),
    (
        "product = \"acme-cad\"\n",
        "product = \"acme-cab\"\n",
        0,
        "/spec/0/product",
        "there is no product `acme-cab`; did you mean `acme-cad`?",
    ),
    ("product = \"acme-cad\"\n", "", -2, "/spec/0", "`product` is missing"),
    ("[\"CAD-PRO\", \"CAD-PRO-2\"]", "[\"CAD PRO\"]", 0, "/spec/0/sku/0", "visible ASCII characters"),
    ("[\"CAD-PRO\", \"CAD-PRO-2\"]", "[\n\"A\",\n\"A\"]", 2, "/spec/0/sku/1", "stands twice"),
    ("[\"CAD-PRO\", \"CAD-PRO-2\"]", "7", 0, "/spec/0/sku", "a string in quotes, or a list of them"),
    (
        "term = \"permanent\"",
        "term = \"1 year\"",
        0,
        "/spec/0/term",
        "or write \"order\" to take it from the order",
    ),
    ("term = \"permanent\"", "term = \"P2D\"", 0, "/spec/0/term", "a trial has 3 to 180 days"),
    ("term = \"permanent\"", "term = \"P181D\"", 0, "/spec/0/term", "write for example \"P14D\""),
    (
        "[\"cad-max\"]",
        "[\"cad-mx\"]",
        0,
        "/spec/1/changes_to/0",
        "there is no spec `cad-mx`; did you mean `cad-max`?",
    ),
    ("[\"cad-max\"]", "[\"cad-pro\"]", 0, "/spec/1/changes_to/0", "the spec `cad-pro` is a package"),
    (
        "[\"cad-max\"]",
        "[\"cad-start\"]",
        0,
        "/spec/1/changes_to/0",
        "an instance stays what it is without this",
    ),
    ("[\"cad-max\"]", "[\"cad-max\", \"cad-max\"]", 0, "/spec/1/changes_to/1", "stands twice"),
    (
        "protocol = \"license-online\"",
        "protocol = \"license-v1\"",
        3,
        "/channel/0/ready",
        "nobody asks for app info here: write \"minted\"",
    ),
    ("updates = \"P1Y\"", "updates = \"P1W\"", 0, "/spec/0/updates", "a term is P1M, P1Y"),
    ("term = \"permanent\"", "term = \"P1Y\"", -5, "/spec/0/id", "`updates` is for a permanent license"),
    ("machines = \"unlimited\"", "machines = 0", 0, "/spec/0/machines", "must be from 1 to"),
    (
        "machines = \"unlimited\"",
        "machines = \"3\"",
        0,
        "/spec/0/machines",
        "a whole number without quotes, or \"unlimited\"",
    ),
    ("multiply = \"quota\"", "multiply = \"machine\"", 0, "/spec/0/multiply", "did you mean `machines`?"),
    (
        "[\"export\", \"render\"]",
        "\"export\"",
        0,
        "/spec/0/entitlements",
        "must be a list in square brackets, not a string",
    ),
    ("[\"export\", \"render\"]", "[\"export\", \"\"]", 0, "/spec/0/entitlements/1", "must not be empty"),
    (
        "{ edition = \"pro\" }",
        "{ edition = 3 }",
        0,
        "/spec/0/attributes/edition",
        "must be a string in quotes",
    ),
    (
        "starts = \"first-activation\"",
        "starts = \"activation\"",
        0,
        "/spec/0/starts",
        "did you mean `first-activation`?",
    ),
    (
        "kind = \"package\"",
        "kind = \"pack\"",
        0,
        "/spec/0/kind",
        "there is no `pack`; did you mean `package`?",
    ),
    (
        "lease_days = 10",
        "lease_days = 1.5",
        0,
        "/spec/0/offline/lease_days",
        "must be a whole number without quotes, not a number with decimals",
    ),
    (
        "renew_after_days = 2",
        "renew_after_days = 10",
        0,
        "/spec/0/offline/renew_after_days",
        "must be less than lease_days, which is 10",
    ),
    ("grace_days = 0", "grace_days = -1", 0, "/spec/0/offline/grace_days", "must be from 0 to"),
    ("grace_days = 0", "grace_hours = 1", 0, "/spec/0/offline/grace_hours", "did you mean `grace_days`?"),
    (
        "status = \"require\"",
        "status = true",
        0,
        "/spec/0/offline/status",
        "must be a string in quotes, not true or false",
    ),
    (
        "binding = \"floating\"",
        "binding = \"device\"",
        0,
        "/spec/0/machine/binding",
        "did you mean `device-key`?",
    ),
    ("[[spec.quota]]", "[spec.quota]", 0, "/spec/0/quota", "write `[[spec.quota]]`"),
    ("amount = 0.5", "amount = 0.00001", 0, "/spec/0/quota/0/amount", "at most 4 decimals"),
    ("amount = 0.5", "amount = 9e11", 0, "/spec/0/quota/0/amount", "a decimal number such as 1000 or 0.5"),
    ("amount = 0.5", "amount = \"900000000000\"", 0, "/spec/0/quota/0/amount", "below 900000000000"),
    ("reset = \"week\"", "reset = \"weekly\"", 0, "/spec/0/quota/0/reset", "did you mean `week`?"),
    (
        "alert_percent = [50]",
        "alert_percent = [101]",
        0,
        "/spec/0/quota/0/alert_percent/0",
        "must be from 1 to 100",
    ),
    (
        "alert_percent = [50]",
        "[[spec.quota]]\nmetric = \"render-minutes\"\namount = 1",
        0,
        "/spec/0/quota/1",
        "has a package in this spec already",
    ),
    (
        "[[channel]]",
        "[[spec]]\nid = \"other\"\nproduct = \"acme-cad\"\nsku = \"CAD-PRO-2\"\n[[channel]]",
        3,
        "/spec/3/sku",
        "sku `CAD-PRO-2` already means another spec",
    ),
    (
        "[[channel]]",
        "[[spec]]\nid = \"other\"\nproduct = \"acme-cad\"\nproduct_ids = \"OFFI0001\"\n[[channel]]",
        3,
        "/spec/3/product_ids",
        "product id `OFFI0001` already means",
    ),
    (
        "[[channel]]",
        "[[spec]]\nproduct = \"acme-cad\"\n[[channel]]",
        0,
        "/spec/3",
        "`id` is missing; write for example `id = \"cad-pro\"`",
    ),
    (
        "[[channel]]",
        "[[spec]]\nid = \"pack\"\nproduct = \"acme-cad\"\nkind = \"package\"\n[[channel]]",
        1,
        "/spec/3/id",
        "add a [[spec.quota]]",
    ),
    // channel
    (
        "protocol = \"license-online\"",
        "protocol = \"saas\"",
        0,
        "/channel/0/protocol",
        "did you mean `saas-v2`?",
    ),
    (
        "marketplace = \"koogallery\"",
        "marketplace = \"generic\"",
        0,
        "/channel/0/marketplace",
        "protocol `license-online` is spoken by `koogallery`",
    ),
    ("products = [\"acme-cad\"]", "products = []", 0, "/channel/0/products", "at least one product"),
    (
        "products = [\"acme-cad\"]",
        "products = [\"acme-cam\"]",
        0,
        "/channel/0/products/0",
        "did you mean `acme-cad`?",
    ),
    (
        "access_key = \"env:ACME_AK\"",
        "access_key = \"AKIAGEHEIM\"",
        0,
        "/channel/0/open_api/access_key",
        "\"env:NAME\" or \"file:PATH\"",
    ),
    (", secret_key = \"file:/run/sk\"", "", 0, "/channel/0/open_api", "`secret_key` is missing"),
    ("ready = \"app-info\"", "ready = \"now\"", 0, "/channel/0/ready", "it is one of: minted, app-info"),
    ("ready = \"app-info\"", "access_keys = [\"env:K\"]", 0, "/channel/0/access_keys", "write either"),
    ("use = \"kit\"", "use = \"callback\"", 0, "/channel/0/access_key/0/use", "did you mean `callbacks`?"),
    (
        "value = \"file:/run/key\"",
        "value = \"file:\"",
        0,
        "/channel/0/access_key/0/value",
        "where the secret is found",
    ),
    // tokens and the form of the file
    ("[\"read\", \"issue\"]", "[\"write\"]", 0, "/api_token/0/scopes/0", "it is one of: read, keys"),
    ("[\"read\", \"issue\"]", "[\"operator\"]", 0, "/api_token/0/scopes/0", "write \"admin\""),
    ("[\"read\", \"issue\"]", "[]", 0, "/api_token/0/scopes", "at least one scope"),
    (
        "value = \"env:ACME_API_TOKEN\"",
        "value = \"lictor_geheim\"",
        0,
        "/api_token/0/value",
        "never the secret itself",
    ),
    ("kind = \"package\"", "kind = package", 0, "", "not valid TOML"),
    ("kind = \"package\"", "kind = \"package\"\nkind = \"package\"", 1, "", "not valid TOML: duplicate key"),
];

#[test]
fn each_mistake_is_told_once_with_its_line_its_pointer_and_what_to_write() {
    assert!(MISTAKES.len() >= 30);
    for (right, wrong, offset, pointer, words) in MISTAKES {
        let at = FULL.find(right).unwrap_or_else(|| panic!("{right:?} is in the full file"));
        let text = FULL.replacen(right, wrong, 1);
        let first_line = FULL[..at].matches('\n').count() + 1;
        let line = first_line.checked_add_signed(*offset).expect("within the file");
        let mistakes = parse_apply_file(&text).expect_err(wrong);
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{wrong:?}: {told:#?}");
        assert_eq!((mistakes[0].line, mistakes[0].pointer.as_str()), (line, *pointer), "{wrong:?}: {told:?}");
        assert!(mistakes[0].message.contains(words), "{wrong:?}: {told:?}");
        assert!(!told[0].to_lowercase().contains("geheim"), "a secret is never shown: {told:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_lines() {
    let mut text = FULL.to_owned();
    for (right, wrong) in [
        ("id = \"acme\"", "id = \"ACME\""),
        ("machines = \"unlimited\"", "machines = -1"),
        ("amount = 0.5", "amount = \"much\""),
        ("protocol = \"license-online\"", "protocol = 2"),
        ("scopes = [\"read\", \"issue\"]", "scope = []"),
        ("kind = \"package\"", "kind = package"),
    ] {
        text = text.replacen(right, wrong, 1);
    }
    let mistakes = parse_apply_file(&text).expect_err("six and more");
    let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert!(lines.is_sorted());
    assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
}

#[test]
fn hostile_files_end_quickly_and_quietly() {
    let deep = format!("x = {}", "[".repeat(100_000));
    assert!(parse_apply_file(&deep).is_err());
    let unknown: String = (0..50_000).map(|n| format!("member{n} = 1\n")).collect();
    assert_eq!(parse_apply_file(&unknown).expect_err("all unknown").len(), 200);
    let mut many = String::from(
        "[[product]]\nid='p'\n[[channel]]\nid='c'\nprotocol='saas-v2'\naccess_keys=['env:K']\nproducts=[",
    );
    (0..30_000).for_each(|n| many.push_str(&format!("'q{n}',")));
    many.push(']');
    assert_eq!(parse_apply_file(&many).expect_err("all unknown").len(), 200);
    let long = "#".repeat(APPLY_FILE_BYTES_MAX + 1);
    assert!(parse_apply_file(&long).expect_err("too long")[0].message.contains("split it"));
}
