//! What is hashed: an event, and the chain up to an entry. `docs/audit.md` says it for whoever checks an export elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::SecondsFormat;
use sha2::{Digest, Sha256};

use crate::domain::{AuditDigest, AuditEvent, EventPlace, MerchantId};

/// Begins what is hashed for the first link; the merchant's id follows.
const CHAIN: &[u8] = b"lictor-audit-chain-v1\0";
/// Begins what is hashed for every other link.
const LINK: &[u8] = b"lictor-audit-link-v1\0";

/// The event as canonical JSON (RFC 8785): members in the order of their names, no white space, every value text.
pub fn canonical(event: &AuditEvent) -> String {
    let at = event.at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut text = String::new();
    object(&mut text, |text| {
        member(text, "actor", &event.actor.to_string());
        member(text, "at", &at);
        name(text, "detail");
        details(text, &event.detail);
        member(text, "id", event.id.as_str());
        member(text, "kind", event.kind.as_str());
        member(text, "merchant", event.merchant.as_str());
        member(text, "subject", &event.subject.to_string());
    });
    text
}

/// SHA-256 of [`canonical`].
pub fn digest_of(event: &AuditEvent) -> AuditDigest {
    Sha256::digest(canonical(event)).into()
}

/// What stands for the chain before its first entry.
pub fn chain_start(merchant: &MerchantId) -> AuditDigest {
    Sha256::new().chain_update(CHAIN).chain_update(merchant.as_str()).finalize().into()
}

/// SHA-256 of the chain up to an entry: the link before, the entry's number, its event's digest, how it came here, and which
/// event it is (so that an entry whose event could not be read says which).
pub fn link_after(
    before: &AuditDigest,
    seq: u64,
    digest: &AuditDigest,
    adopted: bool,
    place: &EventPlace,
) -> AuditDigest {
    let mut link = Sha256::new().chain_update(LINK).chain_update(before).chain_update(seq.to_be_bytes());
    link.update(digest);
    link.update([u8::from(adopted)]);
    link.update(place.event.as_str());
    link.update([0]);
    link.update(place.subject.to_string());
    link.finalize().into()
}

fn details(text: &mut String, detail: &BTreeMap<String, String>) {
    // RFC 8785 sorts by UTF-16 code units: the names are ours and ASCII, where that is the order of bytes.
    object(text, |text| {
        for (name, value) in detail {
            member(text, name, value);
        }
    });
}

fn object(text: &mut String, members: impl FnOnce(&mut String)) {
    text.push('{');
    members(text);
    text.push('}');
}

fn member(text: &mut String, of: &str, value: &str) {
    name(text, of);
    string(text, value);
}

fn name(text: &mut String, name: &str) {
    if !text.ends_with('{') {
        text.push(',');
    }
    string(text, name);
    text.push(':');
}

/// RFC 8785 §3.2.2.2: the short escapes, `\u00xx` in lower case for the other controls, everything else as it is.
fn string(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            control if control < ' ' => {
                let _never_fails = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
