//! Whatever is typed into a text field comes out as it was typed, and is nothing but text.

use lictor::domain::Scope;
use serde_json::json;

use super::browser::Browser;
use crate::support::Harness;
use crate::support::naughty::{is_label, is_reason, joined};
use crate::support::people::issue;

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1_000;
/// Longest label, in bytes.
const LABEL_BYTES_MAX: usize = 255;
/// Longest name of a token, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What breaks programs: each line for another reason.
const NAUGHTY: &[&str] = &[
    "undefined",
    "null",
    "NaN",
    "true",
    "0x0",
    "-1",
    "1/0",
    "1e309",
    "00012",
    "99999999999999999999999",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "=cmd|'/C calc'!A0",
    "<script>alert(1)</script>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea><script>alert(1)</script>",
    "</title><!--",
    "<![CDATA[x]]>",
    "&lt;b&gt;&amp;&#39;&quot;",
    "&amp;amp;",
    "javascript:alert(1)",
    "{{ 7*7 }}",
    "{% include 'x' %}",
    "${7*7}",
    "#{7*7}",
    "%0d%0aSet-Cookie:a=b",
    "%s%n%x%d",
    "..\\..\\windows",
    "../../../etc/passwd%00",
    "'; DROP TABLE licenses; --",
    "1' OR '1'='1",
    "$(touch x) `touch x` | touch x",
    "two\nlines\n\nand a blank one",
    "\nbegins with a line end",
    " blanks around ",
    "tab\u{a0}no-break\u{2003}em\u{3000}wide",
    "zero\u{200b}width\u{200d}joiner\u{feff}mark",
    "right\u{202e}to left\u{202c}",
    "\u{2066}isolate\u{2069}",
    "لغة عربية",
    "עברית",
    "中文字符，全角。",
    "田中さんにあげて下さい",
    "ﾊﾝｶｸ",
    "éééé composed and e\u{301}e\u{301} not",
    "Ⅷ ½ ﬁ ﷽",
    "𝕳𝖊𝖑𝖑𝖔",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏿",
    "Z̮̞̠͙͔a̗̙l̢̥g̬o",
    "İıſK",
    "\u{fffd}\u{e000}\u{f8ff}",
    "\u{10fffd}",
    "\\u0041 \\x41 \\n",
    "a/b?c=d&e=f;g#h",
    "+ plus %2B and 100%",
];

/// What HTML means by this.
fn unescaped(html: &str) -> String {
    let mut parts = html.split('&');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').expect("what is escaped ends");
        let code = entity.strip_prefix('#').and_then(|code| code.parse().ok()).and_then(char::from_u32);
        text.push(code.unwrap_or_else(|| panic!("{entity}")));
        text.push_str(rest);
    }
    text
}

/// Ours one by one, and the big list in as many reasons as it fills, a text on each line.
fn reasons() -> Vec<String> {
    let mut all: Vec<String> = NAUGHTY.iter().map(|text| (*text).to_owned()).collect();
    all.extend(filled(REASON_BYTES_MAX, "\n", is_reason));
    all
}

/// As the forms are read here: the tests read pages as XML, which has no such letters.
fn filled(max_bytes: usize, between: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    joined(max_bytes, between, |text| fits(text) && !text.contains(['\u{fffe}', '\u{ffff}']))
}

#[test]
fn labels_descriptions_and_names_come_out_as_they_were_typed() {
    let harness = Harness::start();
    let (merchant, mut agent) = (harness.merchant(), Browser::signed_in(&harness, &[Scope::Admin], "en"));
    let labels = filled(LABEL_BYTES_MAX, " ", is_label);
    assert!(labels.len() > 20, "{}", labels.len());
    for text in &labels {
        let path = "/console/issue";
        let form = agent.get(path).form(path).fill("spec", "cad-year").fill("label", text);
        let refused = agent.submit(&form.clone().fill("quantity", "none"));
        assert_eq!(refused.form(path).value("label"), text, "a form keeps it");
        assert_eq!(agent.submit(&form).answer.status, 200, "{text:?}");
        let newest = merchant.get("/v1/merchant/licenses?limit=1").expect(200);
        assert_eq!(newest.at("/items/0/label"), json!(text));
    }
    let form = |agent: &mut Browser, text: &str, url: &str| {
        let path = "/console/webhooks/new";
        agent.get(path).form("/console/webhooks/new").fill("url", url).fill("description", text)
    };
    for (number, text) in labels.iter().enumerate() {
        let refused = form(&mut agent, text, "nowhere");
        let refused = agent.submit(&refused);
        assert_eq!(refused.form("/console/webhooks/new").value("description"), text, "a form keeps it");
        // A merchant has at most 20.
        if number < 20 {
            let made = form(&mut agent, text, "http://127.0.0.1:9/");
            assert_eq!(agent.submit(&made).answer.status, 200, "{text:?}");
        }
    }
    let kept = merchant.get("/v1/merchant/webhooks").expect(200).at("/items").to_string();
    for text in &labels[..labels.len().min(20)] {
        assert!(kept.contains(&json!(text).to_string()), "{text:?} in {kept}");
    }
    for text in filled(NAME_BYTES_MAX, " ", |text| is_label(text) && text.len() <= NAME_BYTES_MAX) {
        let path = "/console/access/tokens/new";
        let form = agent.get(path).form(path).fill("name", &text).fill("scopes", "read");
        let made = agent.submit(&form.fill("lasts", "43200"));
        assert_eq!(made.answer.status, if text.trim().is_empty() { 422 } else { 200 }, "{text:?}");
        let known = merchant.get("/v1/merchant/api-tokens").expect(200).at("/items").to_string();
        assert!(text.trim().is_empty() || known.contains(&json!(text).to_string()), "{text:?}");
    }
}

#[test]
fn a_reason_comes_out_as_it_was_typed() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year").text_at("/id");
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "en");
    for (number, reason) in reasons().iter().enumerate() {
        let act = if number % 2 == 0 { "suspend" } else { "resume" };
        let path = format!("/console/licenses/{license}/{act}");
        let form = agent.get(&path).form(&path).fill("reason", reason);
        let done = agent.submit(&form);
        assert_eq!(done.answer.status, 200, "{reason:?}: {}", done.answer.text);
        let shown = done.read(|page| {
            let texts = page.descendants().filter_map(|node| node.text());
            texts.filter(|text| *text == reason).count()
        });
        assert!(shown > 0, "{reason:?} is not on the page");
        let told =
            harness.merchant().get(&format!("/v1/merchant/licenses/{license}/explanation")).expect(200);
        let events = told.at("/events");
        let last = events.as_array().and_then(|events| events.last()).expect("there is one");
        assert_eq!(last["detail"]["reason"].as_str(), Some(reason.as_str()));
    }
}

#[test]
fn what_is_looked_for_or_refused_stands_in_its_field_as_it_was_typed() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year").text_at("/id");
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "zh-CN");
    for typed in NAUGHTY {
        let form = agent.get("/console/licenses").form("/console/find").fill("q", typed);
        let found = agent.submit(&form);
        assert_eq!(found.answer.status, 200, "{typed:?}: {}", found.answer.text);
        // Of the two fields for it the one with the text.
        let field = found.answer.text.split("id=\"field-q\"").nth(1).expect("the field");
        let value = field.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value");
        assert_eq!(unescaped(value).trim(), typed.trim().replace('\n', "\r\n"), "{typed:?}");
    }
    let path = format!("/console/licenses/{license}/extend");
    for typed in NAUGHTY {
        let form = agent.get(&path).form(&path).fill("by", typed).fill("reason", typed);
        let refused = agent.submit(&form);
        assert_eq!(refused.answer.status, 422, "{typed:?}: {}", refused.answer.text);
        let form = refused.form(&path);
        assert_eq!(form.value("reason"), *typed);
    }
}

#[test]
fn a_form_says_in_chinese_which_rule_was_broken_and_keeps_what_was_typed() {
    let harness = Harness::start();
    let mut agent = Browser::signed_in(&harness, &[Scope::Admin], "zh-CN");
    let path = "/console/webhooks/new";
    let typed = agent.get(path).form(path).fill("url", "ftp://nowhere").fill("description", "{0} 工单");
    let refused = agent.submit(&typed);
    assert_eq!(refused.answer.status, 422, "{}", refused.answer.text);
    let text = refused.main_text();
    assert!(text.contains("须以 https:// 开头，以免事件在途中被读取。"), "{text}");
    assert!(!text.contains("it begins with"), "{text}");
    let form = refused.form(path);
    assert_eq!((form.value("url"), form.value("description")), ("ftp://nowhere", "{0} 工单"));
}
