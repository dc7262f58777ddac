//! `[[channel]]`

use toml::de::DeValue;

use super::PROTOCOLS;
use super::values::{base_url, filled_line, id, or, secret, word};
use crate::config::{Member, Place, Section};
use crate::domain::{
    AccessKeyRef, AccessKeyUse, Channel, ChannelId, Marketplace, OpenApi, PackageKind, ProductId,
    ProtocolName, ReadyRule, UsageBilling, UsagePush, UsageRules,
};

/// Where KooGallery's own interfaces are.
const OPEN_API_BASE_URL: &str = "https://mkt.myhuaweicloud.com";
/// The families whose buyers are shown app info.
const APP_INFO_PROTOCOLS: &[&str] = &["saas-v2", "saas-v1", "license-online"];
/// Most live keys of one channel, each tried on every call, and most retired ones, tried to explain a refusal.
const ACCESS_KEYS_MAX: usize = 8;

/// A channel with the places that rules need.
#[derive(Debug)]
pub struct ReadChannel {
    /// The channel, when its id and protocol could be read.
    pub value: Option<Channel>,
    /// Where its id stands.
    pub id_place: Place,
    /// Its products and where they stand.
    pub products: Vec<(ProductId, Place)>,
}

/// Reads every channel.
pub fn read_all(root: &Section<'_>) -> Vec<ReadChannel> {
    root.sections("channel").iter().map(read).collect()
}

fn read(section: &Section<'_>) -> ReadChannel {
    let id_member = section.required("id", "\"cad-koogallery\"");
    let id_place = id_member.as_ref().map_or(section.place(), Member::place).clone();
    let channel_id = id_member.and_then(|member| id(&member, ChannelId::parse));
    let known = |text: &str| PROTOCOLS.contains(&text).then(|| ProtocolName(text.to_owned()));
    let protocol =
        section.required("protocol", "\"saas-v2\"").and_then(|member| word(&member, PROTOCOLS, known));
    let marketplace = marketplace(section, protocol.as_ref());
    let products = products(section);
    let access_keys = access_keys(section, marketplace);
    let open_api = section.section("open_api").and_then(|section| open_api(&section));
    let usage = usage(section, marketplace);
    if marketplace == Marketplace::Generic {
        needs_no_open_api(section);
    }
    let ready = ready_rule(section, protocol.as_ref());
    section.finish();
    let value = channel_id.zip(protocol).map(|(id, protocol)| Channel {
        id,
        marketplace,
        protocol,
        products: products.iter().map(|(product, _)| product.clone()).collect(),
        access_keys,
        open_api,
        ready,
        usage,
    });
    ReadChannel { value, id_place, products }
}

/// The marketplace; by default the one that speaks the protocol.
fn marketplace(section: &Section<'_>, protocol: Option<&ProtocolName>) -> Marketplace {
    let generic = protocol.is_some_and(|name| name.0 == "standard-webhooks");
    let spoken = if generic { Marketplace::Generic } else { Marketplace::KooGallery };
    let Some(member) = section.member("marketplace") else { return spoken };
    let given = word(&member, &["koogallery", "generic"], Marketplace::parse);
    if let (Some(given), Some(protocol)) = (given, protocol)
        && given != spoken
    {
        member.mistake(format!("protocol `{}` is spoken by `{}`", protocol.0, spoken.as_str()));
    }
    spoken
}

/// The events carry the order.
fn needs_no_open_api(section: &Section<'_>) {
    if let Some(member) = section.member("open_api") {
        member.mistake("a shop that sends Standard Webhooks is never called back: leave `open_api` out");
    }
}

/// `usage = { push = "new", billing = "hourly", packages = "pay-per-use" }`
fn usage(channel: &Section<'_>, marketplace: Marketplace) -> UsageRules {
    let usual = UsageRules::default();
    let Some(section) = channel.section("usage") else { return usual };
    let push = or(&section, "push", usual.push, |m| word(m, UsagePush::NAMES, UsagePush::parse));
    let billing =
        or(&section, "billing", usual.billing, |m| word(m, UsageBilling::NAMES, UsageBilling::parse));
    let packages =
        or(&section, "packages", usual.packages, |m| word(m, PackageKind::NAMES, PackageKind::parse));
    if marketplace != Marketplace::KooGallery {
        section.mistake(format!("`{}` takes no usage: leave this out", marketplace.as_str()));
    }
    if (push, packages) == (UsagePush::Old, PackageKind::StopBeforeExcess) {
        section.mistake("the old push names no package: stop-before-excess packages need `push = \"new\"`");
    }
    section.finish();
    UsageRules { push, billing, packages }
}

/// Only where the marketplace comes back to ask how an instance is used.
fn ready_rule(section: &Section<'_>, protocol: Option<&ProtocolName>) -> ReadyRule {
    let rule = or(section, "ready", ReadyRule::Minted, |m| word(m, &["minted", "app-info"], ready));
    let is_asked = protocol.is_none_or(|protocol| APP_INFO_PROTOCOLS.contains(&protocol.0.as_str()));
    if let Some(member) = section.member("ready").filter(|_| rule == ReadyRule::AppInfo && !is_asked) {
        member.mistake(format!(
            "nobody asks for app info here: write \"minted\", or speak {}",
            APP_INFO_PROTOCOLS.join(" or ")
        ));
    }
    rule
}

fn ready(text: &str) -> Option<ReadyRule> {
    match text {
        "minted" => Some(ReadyRule::Minted),
        "app-info" => Some(ReadyRule::AppInfo),
        _ => None,
    }
}

fn products(section: &Section<'_>) -> Vec<(ProductId, Place)> {
    let Some(member) = section.required("products", "[\"acme-cad\"]") else { return Vec::new() };
    let mut products: Vec<(ProductId, Place)> = Vec::new();
    let items = member.items();
    if items.is_empty() && matches!(member.value(), DeValue::Array(_)) {
        member.mistake("must name at least one product");
    }
    for item in items {
        let Some(product) = id(&item, ProductId::parse) else { continue };
        if products.iter().any(|(known, _)| *known == product) {
            item.mistake("stands twice in this list");
        } else {
            products.push((product, item.place().clone()));
        }
    }
    products
}

/// `access_keys = ["env:…"]`, or `[[channel.access_key]]` with `id`, `use`, `value` and `retired`.
fn access_keys(section: &Section<'_>, marketplace: Marketplace) -> Vec<AccessKeyRef> {
    let short = section.member("access_keys");
    let long = section.sections("access_key");
    let mut keys = match (&short, long.as_slice()) {
        (Some(member), []) => short_keys(member),
        (Some(member), [_, ..]) => {
            member.mistake("write either `access_keys` or `[[channel.access_key]]`, not both");
            Vec::new()
        }
        (None, []) => {
            section.mistake(
                "`access_keys` is missing; write for example `access_keys = [\"env:ACME_KOOGALLERY_KEY\"]`",
            );
            Vec::new()
        }
        (None, long) => long_keys(long, marketplace),
    };
    let live = keys.iter().filter(|key| !key.retired).count();
    if live > ACCESS_KEYS_MAX || keys.len() - live > ACCESS_KEYS_MAX {
        section.mistake(format!(
            "has more than {ACCESS_KEYS_MAX} live or {ACCESS_KEYS_MAX} retired access keys; leave out the oldest"
        ));
        keys.truncate(ACCESS_KEYS_MAX);
    }
    keys
}

fn short_keys(member: &Member<'_>) -> Vec<AccessKeyRef> {
    let items = member.items();
    if items.is_empty() && matches!(member.value(), DeValue::Array(_)) {
        member.mistake("must name at least one access key: without one no call can be believed");
    }
    let key = |(index, item): (usize, Member<'_>)| {
        let id = (index + 1).to_string();
        Some(AccessKeyRef { id, used_for: AccessKeyUse::Callbacks, value: secret(&item)?, retired: false })
    };
    items.into_iter().enumerate().filter_map(key).collect()
}

fn long_keys(sections: &[Section<'_>], marketplace: Marketplace) -> Vec<AccessKeyRef> {
    let uses: &[&str] = match marketplace {
        Marketplace::KooGallery => &["callbacks", "kit", "usage-push"],
        Marketplace::Generic => &["callbacks"],
    };
    let mut keys: Vec<AccessKeyRef> = Vec::new();
    for section in sections {
        let id = section.required("id", "\"cad-2026\"").and_then(|member| filled_line(&member, 64));
        let known =
            |text: &str| AccessKeyUse::parse(text).filter(|used_for| uses.contains(&used_for.as_str()));
        let used_for = or(section, "use", AccessKeyUse::Callbacks, |m| word(m, uses, known));
        let value =
            section.required("value", "\"env:ACME_KOOGALLERY_KEY\"").and_then(|member| secret(&member));
        let retired = or(section, "retired", false, truth);
        section.finish();
        let Some((id, value)) = id.zip(value) else { continue };
        if keys.iter().any(|known| known.id == id && known.used_for == used_for) {
            section.mistake("another access key of this channel has this `id` and `use`");
        }
        keys.push(AccessKeyRef { id, used_for, value, retired });
    }
    if let (Some(first), true) = (sections.first(), keys.len() == sections.len())
        && keys.iter().all(|key| key.retired)
    {
        first.mistake("every access key of this channel is retired: no call can be believed; keep one without `retired`");
    }
    keys
}

fn truth(member: &Member<'_>) -> Option<bool> {
    match member.value() {
        DeValue::Boolean(truth) => Some(*truth),
        _ => member.wrong_type("true or false"),
    }
}

fn open_api(section: &Section<'_>) -> Option<OpenApi> {
    let base_url = or(section, "base_url", OPEN_API_BASE_URL.to_owned(), base_url);
    let access_key = section.required("access_key", "\"env:ACME_AK\"").and_then(|member| secret(&member));
    let secret_key = section.required("secret_key", "\"env:ACME_SK\"").and_then(|member| secret(&member));
    section.finish();
    Some(OpenApi { base_url, access_key: access_key?, secret_key: secret_key? })
}
