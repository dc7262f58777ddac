//! `[merchant]`

use super::values::{id, line, name, or};
use crate::config::{Member, Section, is_http_url};
use crate::domain::{LocalizedText, Merchant, MerchantId};

/// Longest issuer: tokens carry it.
const ISSUER_BYTES_MAX: usize = 255;

/// Reads the table. A name that is absent is the id.
pub fn read(section: &Section<'_>) -> Option<Merchant> {
    let merchant_id = section.required("id", "\"acme\"").and_then(|member| id(&member, MerchantId::parse));
    let id_text = merchant_id.as_ref().map_or("", MerchantId::as_str);
    let merchant_name = or(section, "name", LocalizedText::plain(id_text), name);
    let issuer = section.required("issuer", "\"https://license.acme.example\"").and_then(|m| issuer(&m));
    let time_zone = or(section, "time_zone", "Asia/Shanghai".to_owned(), time_zone);
    let locale = or(section, "locale", "zh-CN".to_owned(), locale);
    section.finish();
    Some(Merchant { id: merchant_id?, name: merchant_name, issuer: issuer?, time_zone, locale })
}

fn issuer(member: &Member<'_>) -> Option<String> {
    let text = line(member, ISSUER_BYTES_MAX)?;
    if !is_http_url(&text) {
        member.mistake(
            "must be an address such as \"https://license.acme.example\": an identity, never fetched",
        );
        return None;
    }
    Some(text)
}

/// The form of an IANA zone; which zones there are is the reader's to know.
fn time_zone(member: &Member<'_>) -> Option<String> {
    let text = line(member, 64)?;
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    let fits = text == "UTC" || (text.contains('/') && text.split('/').all(part));
    if !fits {
        member.mistake("must be an IANA time zone such as \"Asia/Shanghai\" or \"UTC\"");
    }
    fits.then_some(text)
}

fn locale(member: &Member<'_>) -> Option<String> {
    let text = line(member, 35)?;
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    let fits = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !fits {
        member.mistake("must be a language tag such as \"zh-CN\" or \"en\"");
    }
    fits.then_some(text)
}
