//! What purchases and queries are answered with: mandatory members and lengths.

use serde_json::{Map, Value};

use super::{Looking, Read, length};
use crate::sandbox::family::Family;
use crate::sandbox::judge::Rule;
use crate::sandbox::judge::exchange::Expected;
use crate::sandbox::judge::kind::Kind;

const ID_CHARS_MAX: usize = 64;
const URL_CHARS_MAX: usize = 512;
const MEMO_CHARS_MAX: usize = 1024;
const SIGN_IN_CHARS_MAX: usize = 128;
const IV_CHARS: usize = 16;
const USAGE_DECIMALS_MAX: usize = 4;

/// Holds the members of an answer to theirs.
pub fn look(looking: &mut Looking<'_>, read: &Read) {
    match looking.exchange.kind() {
        Kind::Purchase if read.is_success() => look_at_purchase(looking, read),
        Kind::Query if read.is_done() => look_at_query(looking, read),
        Kind::Purchase
        | Kind::Query
        | Kind::Change
        | Kind::Release
        | Kind::Application
        | Kind::Check
        | Kind::Notice
        | Kind::Sync
        | Kind::Unknown => {}
    }
}

fn look_at_purchase(looking: &mut Looking<'_>, read: &Read) {
    let instance = read.text("instanceId");
    looking.holds(Rule::InstanceIdPresent, !instance.is_empty(), || "there is none".to_owned());
    look_at_length(looking, Rule::InstanceIdLength, "instanceId", instance, ID_CHARS_MAX);
    if read.is_done() && looking.exchange.family == Family::LicenseV1 {
        looking.holds(Rule::LicensePresent, !read.text("license").is_empty(), || "there is none".to_owned());
    }
    match read.members.get("appInfo").and_then(Value::as_object) {
        Some(app_info) => look_at_app_info(looking, app_info),
        None if read.is_done() && looking.exchange.family == Family::SaasV1 => {
            looking.hold(Rule::FrontEndUrlPresent, Some("there is no appInfo".to_owned()));
        }
        None => {}
    }
}

fn look_at_query(looking: &mut Looking<'_>, read: &Read) {
    let is_list = read.members.get("info").is_some_and(Value::is_array);
    let named = |info: &Value| info["instanceId"].as_str().is_some_and(|id| !id.is_empty());
    let is_right = is_list && read.infos().iter().all(named);
    looking.holds(Rule::QueryInfoPresent, is_right, || {
        if is_list { "an entry names no instanceId".to_owned() } else { "there is none".to_owned() }
    });
    if !is_right {
        return;
    }
    if looking.exchange.expected == Expected::Accepted {
        let asked = looking.exchange.text("instanceId");
        let asked: Vec<&str> = asked.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        let missing =
            asked.iter().filter(|id| !read.infos().iter().any(|info| info["instanceId"] == **id)).count();
        looking.holds(Rule::QueryAnswersAll, missing == 0, || {
            format!("{missing} of {} are missing", asked.len())
        });
    }
    for info in read.infos() {
        let instance = info["instanceId"].as_str().unwrap_or_default();
        look_at_length(looking, Rule::InstanceIdLength, "instanceId", instance, ID_CHARS_MAX);
        if let Some(app_info) = info["appInfo"].as_object() {
            look_at_app_info(looking, app_info);
        }
        for usage in info["usageInfo"].as_array().into_iter().flatten() {
            look_at_usage(looking, usage);
        }
    }
}

fn look_at_app_info(looking: &mut Looking<'_>, app_info: &Map<String, Value>) {
    let text = |name: &str| app_info.get(name).and_then(Value::as_str).unwrap_or_default();
    looking.holds(Rule::FrontEndUrlPresent, !text("frontEndUrl").is_empty(), || {
        "appInfo has no frontEndUrl".to_owned()
    });
    for name in ["frontEndUrl", "adminUrl"] {
        look_at_length(looking, Rule::UrlLength, name, text(name), URL_CHARS_MAX);
    }
    look_at_length(looking, Rule::MemoLength, "memo", text("memo"), MEMO_CHARS_MAX);
    for name in ["userName", "password"] {
        let value = text(name);
        look_at_length(looking, Rule::SignInLength, name, value, SIGN_IN_CHARS_MAX);
        if !value.is_empty() {
            looking
                .holds(Rule::SignInEncrypted, is_cipher_text(value), || format!("{name} has another form"));
        }
    }
}

fn look_at_length(looking: &mut Looking<'_>, rule: Rule, name: &str, value: &str, limit: usize) {
    let long = length(value);
    if long > 0 {
        looking.holds(rule, long <= limit, || format!("{name} has {long} characters, {limit} are read"));
    }
}

/// 16 letters and digits, then whole AES blocks in Base64.
fn is_cipher_text(value: &str) -> bool {
    use base64::Engine as _;
    let Some((iv, blocks)) = value.split_at_checked(IV_CHARS) else { return false };
    let blocks = base64::engine::general_purpose::STANDARD.decode(blocks).unwrap_or_default();
    iv.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !blocks.is_empty()
        && blocks.len().is_multiple_of(16)
}

fn look_at_usage(looking: &mut Looking<'_>, usage: &Value) {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = match &usage["usageValue"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let (whole, decimals) = value.split_once('.').unwrap_or((&value, "0"));
    let is_value = is_digits(whole) && is_digits(decimals) && decimals.len() <= USAGE_DECIMALS_MAX;
    let time = usage["statisticalTime"].as_str().unwrap_or_default();
    let is_time = time.len() == 17 && is_digits(time);
    looking.holds(Rule::UsageInfoComplete, is_value && is_time, || {
        format!("usageValue is {}, statisticalTime is {}", usage["usageValue"], usage["statisticalTime"])
    });
    let (dashboard, related) = (usage["dashboardUrl"].as_str(), usage["relatedInstanceId"].as_str());
    look_at_length(looking, Rule::UrlLength, "dashboardUrl", dashboard.unwrap_or_default(), URL_CHARS_MAX);
    look_at_length(
        looking,
        Rule::InstanceIdLength,
        "relatedInstanceId",
        related.unwrap_or_default(),
        ID_CHARS_MAX,
    );
}
