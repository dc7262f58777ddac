//! Texts that break programs go through every door as they are, or are refused; and a file of licenses is the same after
//! it was imported and exported again.

use std::process::{Command, Stdio};

use lictor::domain::Scope;
use serde_json::{Value, json};

use crate::search::filled;
use crate::support::Harness;
use crate::support::naughty::{is_customer, is_label, is_reason, joined, naughty_strings};

const PATH: &str = "/v1/merchant/licenses";

fn lictor(harness: &Harness, token: &str, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().args(args).stdin(Stdio::null());
    command.env("LICTOR_URL", &harness.url).env("LICTOR_TOKEN", token);
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

/// Every text as a row of an import.
fn rows(texts: &[String]) -> Vec<Value> {
    let row = |(number, text): (usize, &String)| {
        json!({
            "channel": "cad-koogallery", "instance_id": format!("i-{number}"), "order_id": format!("CS{number:05}"),
            "order_line_id": format!("L{number}"), "spec": "cad-year", "starts_at": "2026-01-01T00:00:00Z",
            "label": if is_label(text) { text.as_str() } else { "" },
            "customer": if is_customer(text) { text.as_str() } else { "" },
        })
    };
    texts.iter().enumerate().map(row).collect()
}

fn imported(harness: &Harness, texts: &[String]) {
    for rows in rows(texts).chunks(250) {
        let report = harness.merchant().post(&format!("{PATH}/import"), &json!({ "rows": rows })).expect(200);
        assert_eq!(report.at("/imported"), json!(rows.len()), "{report:?}");
    }
}

/// Every license, the newest first.
fn listed(harness: &Harness) -> Vec<Value> {
    let (merchant, mut items, mut cursor) = (harness.merchant(), Vec::new(), String::new());
    loop {
        let page = merchant.get(&format!("{PATH}?limit=200{cursor}")).expect(200);
        items.extend(page.at("/items").as_array().expect("items").clone());
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[test]
fn naughty_strings_go_through_the_api_byte_for_byte_and_are_found_again() {
    let (harness, texts) = (Harness::start(), naughty_strings());
    imported(&harness, &texts);
    filled(&harness);
    let merchant = harness.merchant();
    let items = listed(&harness);
    assert_eq!(items.len(), texts.len());
    for (text, item) in texts.iter().zip(items.iter().rev()) {
        let label = if is_label(text) { text.as_str() } else { "" };
        assert_eq!(item["label"], label);
        assert_eq!(item["customer"], if is_customer(text) { json!(text) } else { Value::Null });
        let id = item["id"].as_str().expect("an id");
        let suspended = merchant.post(&format!("{PATH}/{id}/suspend"), &json!({ "reason": text }));
        if is_reason(text) {
            let suspended = suspended.expect(200);
            let reason = suspended.at("/suspensions/0/reason");
            assert!(
                reason == json!(text) || (reason == Value::Null && text.trim().is_empty()),
                "{text:?}: {reason}"
            );
        } else {
            assert_eq!(suspended.expect(422).at("/pointer"), "/reason", "{text:?}");
        }
        if !is_label(text) {
            let refused =
                merchant.post(PATH, &json!({ "product": "acme-cad", "spec": "cad-year", "label": text }));
            assert_eq!(refused.expect(422).at("/pointer"), "/label", "{text:?}");
        }
        if !lictor::domain::folded(label).is_empty() {
            let query: String = label.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let (mut cursor, mut found) = (String::new(), false);
            while !found {
                let page = merchant.get(&format!("{PATH}?limit=200&q={query}{cursor}")).expect(200);
                found = page.at("/items").as_array().expect("items").iter().any(|it| it["id"] == *id);
                match page.at("/next_cursor").as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert!(found, "{text:?} is found");
        }
    }
}

#[test]
fn naughty_strings_name_tokens_and_links_and_describe_webhooks_byte_for_byte() {
    let (harness, texts) = (Harness::start(), naughty_strings());
    let merchant = harness.merchant();
    let made = merchant.post("/v1/merchant/webhooks", &json!({ "url": "http://127.0.0.1:9/" })).expect(201);
    let endpoint = format!("/v1/merchant/webhooks/{}", made.text_at("/id"));
    let is_name = |text: &str| is_label(text) && text.len() <= 128 && !text.trim().is_empty();
    let is_description = |text: &str| text.chars().count() <= 256 && !text.chars().any(char::is_control);
    for text in &texts {
        for (path, scopes) in
            [("/v1/merchant/api-tokens", json!(["read"])), ("/v1/merchant/sign-in-links", json!(["read"]))]
        {
            let named = merchant.post(path, &json!({ "name": text, "scopes": scopes }));
            if is_name(text) {
                assert_eq!(named.expect(201).at("/name"), json!(text));
            } else {
                assert_eq!(named.expect(422).at("/pointer"), "/name", "{text:?}");
            }
        }
        let body = json!({ "description": text }).to_string();
        let changed = merchant.send("PATCH", &endpoint, body.as_bytes());
        if is_description(text) {
            assert_eq!(changed.expect(200).at("/description"), json!(text));
            assert_eq!(merchant.get(&endpoint).expect(200).at("/description"), json!(text));
        } else {
            assert_eq!(changed.expect(422).at("/pointer"), "/description", "{text:?}");
        }
    }
    let kept = merchant.get("/v1/merchant/api-tokens").expect(200).at("/items");
    let names: Vec<&Value> = kept.as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    for text in texts.iter().filter(|text| is_name(text)) {
        assert!(names.contains(&&json!(text)), "{text:?} is listed");
    }
}

#[test]
fn naughty_strings_are_the_same_in_a_csv_file_that_was_exported_imported_and_exported_again() {
    there_and_back(&naughty_strings(), &["licenses.csv"]);
}

#[test]
fn naughty_strings_are_the_same_in_json_files_that_were_exported_imported_and_exported_again() {
    // JSON has no cells: what may go wrong there goes wrong for texts of the same kind.
    let some: Vec<_> = naughty_strings().into_iter().rev().step_by(8).collect();
    there_and_back(&some, &["licenses.json", "licenses.jsonl"]);
}

fn there_and_back(texts: &[String], names: &[&str]) {
    let first = Harness::start();
    imported(&first, texts);
    let stopped = listed(&first)[3]["id"].as_str().expect("an id").to_owned();
    first.merchant().post(&format!("{PATH}/{stopped}/suspend"), &json!({ "reason": "late" })).expect(200);
    let folder = tempfile::tempdir().expect("a folder");
    for name in names {
        let second = Harness::start();
        let file = |prefix: &str| folder.path().join(format!("{prefix}-{name}")).display().to_string();
        let (one, two) = (file("one"), file("two"));
        let tokens =
            [&first, &second].map(|harness| harness.token(&[Scope::Read, Scope::Keys, Scope::Issue]));
        let (code, _, err) = lictor(&first, &tokens[0], &["license", "export", "--output", &one]);
        assert_eq!(code, 0, "{err}");
        let (code, told, err) = lictor(&second, &tokens[1], &["license", "import", &one]);
        assert_eq!(code, 0, "{name}: {told}{err}");
        let (code, _, err) = lictor(&second, &tokens[1], &["license", "export", "--output", &two]);
        assert_eq!(code, 0, "{err}");
        let read = |path: &str| std::fs::read(path).expect("it was written");
        assert!(read(&one) == read(&two), "{name} is the same");
        let labels = |harness| listed(harness).iter().map(|it| it["label"].clone()).collect::<Vec<_>>();
        let mut sorted = [labels(&first), labels(&second)];
        sorted.iter_mut().for_each(|labels| labels.sort_by_key(ToString::to_string));
        assert_eq!(sorted[0], sorted[1], "{name}");
        // The same file again, where it came from, changes nothing.
        let (code, told, err) = lictor(&first, &tokens[0], &["license", "import", &one, "--json"]);
        assert_eq!(code, 0, "{told}{err}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((&told["imported"], &told["unchanged"]), (&json!(0), &json!(texts.len())));
        if name.ends_with("csv") {
            let mut reader = csv::Reader::from_path(&one).expect("CSV");
            for record in reader.records() {
                for cell in &record.expect("a record") {
                    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋']), "{cell:?}");
                }
            }
        }
    }
}

#[test]
fn the_command_line_carries_the_whole_list_as_labels_and_reasons() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Admin]);
    let mut license = String::new();
    for label in joined(255, " ", is_label) {
        let label = format!("--label={label}");
        let issue = ["license", "issue", "--product", "acme-cad", "--spec", "cad-year", "--json", &label];
        let (code, told, err) = lictor(&harness, &token, &issue);
        assert_eq!(code, 0, "{label:?}: {err}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["label"].as_str(), label.strip_prefix("--label="));
        license = told["id"].as_str().expect("an id").to_owned();
    }
    for reason in joined(1_000, "\n", is_reason) {
        let given = format!("--reason={reason}");
        let (code, told, err) = lictor(&harness, &token, &["license", "suspend", &license, "--json", &given]);
        assert_eq!(code, 0, "{reason:?}: {err}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["suspensions"][0]["reason"], json!(reason));
        assert_eq!(lictor(&harness, &token, &["license", "resume", &license]).0, 0);
    }
}

#[test]
fn the_command_line_takes_and_gives_naughty_strings_as_they_are() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Admin]);
    let texts = [
        "--help",
        "-1",
        "=1+1",
        "\u{202e}evil",
        "深圳 华为",
        " leading",
        "'\"`$(ls)`",
        "a\u{2028}b",
        "\u{feff}bom",
    ];
    for text in texts {
        let label = format!("--label={text}");
        let issue = ["license", "issue", "--product", "acme-cad", "--spec", "cad-year", "--json", &label];
        let (code, told, err) = lictor(&harness, &token, &issue);
        assert_eq!(code, 0, "{text:?}: {err}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["label"], text);
    }
    let (code, table, err) = lictor(&harness, &token, &["license", "list"]);
    assert_eq!(code, 0, "{err}");
    assert!(!table.contains('\u{202e}') && !table.contains('\u{1b}'), "{table}");
    assert!(table.contains("ENDS (Asia/Shanghai)") && table.contains("2027-01-31 16:00:00"), "{table}");
    let (code, listed, _) = lictor(&harness, &token, &["license", "list", "--json", "--q", "深圳"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((code, &listed["items"][0]["label"]), (0, &json!("深圳 华为")));
    assert_eq!(listed["items"][0]["ends_at"], "2027-01-31T08:00:00Z");
    let (code, _, err) = lictor(&harness, &token, &["license", "list", "--ends-before", "tomorrow"]);
    assert_eq!(code, 1);
    assert!(err.contains("/ends_before"), "{err}");
}

#[test]
fn a_file_with_a_mistake_is_imported_whole_or_not_at_all_unless_partial_and_each_line_is_told() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Admin]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rows.csv");
    let text = "channel,instance_id,order_id,order_line_id,spec,starts_at,state,label\n\
                cad-koogallery,i-1,CS1,L1,cad-year,2026-01-01T00:00:00Z,active,'=1+1\n\
                cad-koogallery,i-2,CS2,L2,cad-year,2026-01-01T00:00:00Z,revoked,\n";
    std::fs::write(&file, text).expect("the folder is there");
    let (file, report) = (file.display().to_string(), folder.path().join("report.csv").display().to_string());
    let (code, _, err) = lictor(&harness, &token, &["license", "import", &file]);
    assert_eq!((code, listed(&harness).len()), (1, 0), "{err}");
    assert!(err.contains("line 3: state:"), "{err}");
    let (code, _, _) =
        lictor(&harness, &token, &["license", "import", &file, "--partial", "--report", &report]);
    let items = listed(&harness);
    assert_eq!((code, items.len(), &items[0]["label"]), (1, 1, &json!("=1+1")));
    let report = std::fs::read_to_string(report).expect("it was written");
    assert!(report.contains("2,imported,lic_") && report.contains("3,refused,,state,"), "{report}");
}
