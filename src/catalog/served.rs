//! What an apply file may say and this version does not do yet: refused where it stands, never silently ignored.

use toml::de::DeValue;

use crate::config::{Member, Section};

/// The families of interfaces that this version speaks.
pub const PROTOCOLS_SERVED: &[&str] =
    &["saas-v2", "license-online", "license-code", "saas-v1", "license-v1", "standard-webhooks"];

/// A member, and the only words for it that have an effect. Absent members have their defaults, which are served.
struct Rule {
    path: &'static [&'static str],
    served: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { path: &["spec", "machine", "binding"], served: &["hardware", "device-key", "floating", "none"] },
    Rule { path: &["channel", "protocol"], served: PROTOCOLS_SERVED },
];

/// Notes every word that this version does not serve. What is no word at all was noted by whoever reads it.
pub fn check(root: &Section<'_>) {
    for rule in RULES {
        look(&root.entries(), rule, rule.path);
    }
}

fn look(entries: &[(&str, Member<'_>)], rule: &Rule, path: &[&str]) {
    let Some((name, below)) = path.split_first() else { return };
    for (_, member) in entries.iter().filter(|(known, _)| known == name) {
        match member.value() {
            DeValue::Array(_) => member.items().iter().for_each(|item| go_below(item, rule, below)),
            _ => go_below(member, rule, below),
        }
    }
}

fn go_below(member: &Member<'_>, rule: &Rule, path: &[&str]) {
    match member.value() {
        DeValue::Table(_) => {
            let entries = member.section().map(|section| section.entries()).unwrap_or_default();
            look(&entries, rule, path);
        }
        DeValue::String(word) if path.is_empty() && !rule.served.contains(&word.as_ref()) => {
            member.mistake(format!("this version serves {} here", rule.served.join(", ")));
        }
        _ => {}
    }
}
